"""A supervised service: real processes, real HTTP, real signals, and a stand-in for ``serve``."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import ROOT, RUNNER, Service, read_record, states, until, write_notebook
from support.load import Load, answer

from runner import save_model

Start = type[Service]
STANDIN = "import sys, standin_server\nsys.modules['runner.serving.serve'] = standin_server"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder; kernels started from it find the stand-in."""
    path = os.pathsep.join([str(ROOT / "tests/support"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    return tmp_path


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the service makes temporary files; by a short path, since there are sockets in it."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def save(project: Path, text: str, *before: str, example: str = "ok", name: str = "a") -> None:
    """Save a notebook that answers with a text; as Jupyter does, by a rename."""
    cell = f"from runner.serving.serve import serve\nserve({text!r}, {example!r})"
    new = write_notebook(project / "new", STANDIN, *before, cell, tags="serve")
    new.rename(project / f"{name}.ipynb")


class Served(Service):
    """A supervised service and its port."""

    port: int

    def says(self, text: str) -> bool:
        return answer(self.port) == text

    def will_say(self, text: str) -> bool:
        """Wait for a text: the version before may take connections for a moment yet."""
        return bool(until(lambda: self.says(text)))

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*RUNNER, *words],
            check=False,
            cwd=self.cwd,
            capture_output=True,
            text=True,
            timeout=90,
        )

    def status(self) -> Any:
        return json.loads(self.ask("status", "a.ipynb", "--format", "json").stdout)

    def versions(self) -> list[dict[str, Any]]:
        """What can be gone back to, and what failed."""
        said = self.ask("versions", "--format", "json").stdout
        return [json.loads(line) for line in said.splitlines()]

    def runs(self) -> list[psutil.Process]:
        return [found for found in self.family() if "runner.spawn.child" in words_of(found)]


@pytest.fixture
def served(project: Path, start: Start) -> Iterator[Any]:
    """Start a service on a free port, and wait for its first answer."""

    def begin(*words: str, text: str = "one") -> Served:
        if not (project / "a.ipynb").exists():
            save(project, text)
        service: Any = start("serve", "a.ipynb", "--port", "0", *words)
        service.__class__ = type("Here", (Served, service.__class__), {})
        service.port = service.bound_port()
        until(lambda: service.process.poll() is not None or service.says(text), 60)
        assert service.process.poll() is None, service.said()
        return service

    return begin


def words_of(process: psutil.Process) -> list[str]:
    """The command line of a process; empty when it is gone."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def test_it_serves_and_says_so(served: Any, project: Path) -> None:
    """The record is shown at out.ipynb, true, and the status names what there is."""
    service = served("--workers", "2")
    status = until(lambda: (found := service.status())["standby"] and found)
    assert set(status["serving"]["workers"]) <= {kernel.pid for kernel in service.kernels()}
    assert status["phase"] == "up"
    assert status["address"] == f"127.0.0.1:{service.port}"
    record = read_record(project / "runs/a/out.ipynb")
    assert list(states(record).values()) == ["completed", "running"]
    assert record.metadata.runner.run == status["serving"]["run"]
    assert "serving:" in service.ask("status", "a.ipynb").stdout


def test_who_starts_it_again_hears_how_to_end_it(served: Any, start: Start, project: Path) -> None:
    """Two supervisors of one notebook would write the same records; another port is no way."""
    served()
    again = start("serve", "a.ipynb", "--port", "0")
    assert again.wait() == 2
    assert f"a.ipynb is served already: {project}/a.ipynb on http://127.0.0.1:" in again.said()
    assert "hint: `runner stop a.ipynb` ends it" in again.said()


def test_a_service_whose_folder_is_moved_goes_on(served: Any, project: Path) -> None:
    """It is asked by where its notebook is now, and its record is closed there."""
    service = served()
    moved = project.rename(project.with_name(f"{project.name}-moved"))
    try:
        for question in ("reload", "stop"):
            words = [*RUNNER, question, str(moved / "a.ipynb")]
            asked = subprocess.run(words, cwd="/", check=False, timeout=90)
            assert asked.returncode == 0
        assert service.wait() == 0
        assert not project.exists()
    finally:
        moved.rename(project)
    assert read_record(project / "runs/a/out.ipynb").metadata.runner.status == "stopped"


def test_a_save_swaps_without_a_lost_request(served: Any, project: Path) -> None:
    """Saved under load, three times: every request is answered, by the new run in the end."""
    service = served("--reload", "--workers", "2")
    with Load(service.port) as load:
        for text in ("two", "three", "four"):
            save(project, text)
            until(lambda text=text: text in load.answers, 60)
    assert "" not in load.answers
    assert set(load.answers) == {"one", "two", "three", "four"}
    until(lambda: len(service.runs()) <= 2)
    old, *_ = sorted((project / "runs/a").glob("2*.ipynb"))
    ended = read_record(old).metadata.runner
    assert (ended.status, "replaced by run 2" in ended.reason) == ("stopped", True)
    assert read_record(project / "runs/a/out.ipynb").metadata.runner.status == "running"


def test_a_broken_notebook_changes_nothing_but_the_status(served: Any, project: Path) -> None:
    """It fails in its own record; the old run goes on; the status and the log tell why, once."""
    service = served("--reload")
    run = service.status()["serving"]["run"]
    with Load(service.port, 1) as load:
        save(project, "two", "1 / 0")
        failure = until(lambda: service.status()["failure"], 60)
    assert set(load.answers) == {"one"}
    assert "ZeroDivisionError" in failure["reason"]
    assert states(read_record(project / failure["record"]))["cell-1"] == "failed"
    assert service.status()["serving"]["run"] == run
    (told,) = (line for line in service.said().splitlines() if "ZeroDivisionError" in line)
    assert "line 1 `1 / 0`, raised" in told
    assert told.endswith(f"run {run} keeps serving")
    (project / "a.ipynb").write_text('{"cells": [')
    until(lambda: "ignored until the notebook is whole" in service.said())
    save(project, "three")
    until(lambda: service.says("three"), 60)


def test_saved_outputs_change_nothing(served: Any, project: Path) -> None:
    """Only code and tags are a new version."""
    service = served("--reload")
    notebook = json.loads((project / "a.ipynb").read_text())
    for cell in notebook["cells"]:
        cell["execution_count"] = 7
    (project / "a.ipynb").write_text(json.dumps(notebook))
    save(project, "two")
    until(lambda: service.says("two"), 60)
    assert service.said().count("a.ipynb was saved") == 1


def test_a_saved_model_is_a_new_version(served: Any, project: Path) -> None:
    """What ``load_model`` is called with is watched and recorded; its card may come later.

    Values reach each version as the types that were checked.
    """
    (project / "model").mkdir()
    save_model("one", project / "model/m.joblib")
    cell = (
        "import os\nfrom runner import load_model\nfrom runner.serving.serve import serve\n"
        "text, card = load_model('model/m.joblib')\n"
        "assert weights == {0: (1, 2)}\n"
        "assert os.environ['RUNNER_MODEL_SHA256'] == card['sha256']\nserve(text)"
    )
    declared = "weights: dict[int, tuple] = {}"
    write_notebook(project / "a.ipynb", STANDIN, cell, tags="serve", parameters=declared)
    service = served("--reload", "-y", "weights: {0: [1, 2]}")
    (recorded,) = read_record(project / "runs/a/out.ipynb").metadata.runner.model_cards.values()
    card = save_model("two", project / "model/new.joblib")
    assert recorded["sha256"] != card["sha256"]
    (project / "model/new.joblib").rename(project / "model/m.joblib")
    until(lambda: "model/m.joblib was saved" in service.said())
    (project / "model/new.json").rename(project / "model/m.json")
    until(lambda: service.says("two"), 60)


def test_a_killed_kernel_is_replaced(served: Any, project: Path) -> None:
    """From the standby, without a human; a client that connects meanwhile waits."""
    service = served()
    until(lambda: service.status()["standby"])
    (kernel,) = (process for process in service.kernels() if process.pid in workers_of(service))
    kernel.kill()
    assert until(lambda: answer(service.port)) == "one"
    status = service.status()
    assert status["restarts"] == 1
    assert "was killed by SIGKILL" in until(lambda: service.status()["failure"])["reason"]
    record = read_record(project / service.status()["failure"]["record"])
    assert record.metadata.runner.status == "kernel-died"


def workers_of(service: Served) -> list[int]:
    return list(service.status()["serving"]["workers"])


def test_temporary_files_may_be_swept_while_it_serves(
    served: Any, project: Path, temporary: Path
) -> None:
    """What is needed of them is made again: by a save, and by a kernel's death."""
    service = served("--reload")
    until(lambda: service.status()["standby"])
    shutil.rmtree(temporary)
    save(project, "two")
    until(lambda: service.says("two"), 60)
    shutil.rmtree(temporary)
    (kernel,) = workers_of(service)
    psutil.Process(kernel).kill()
    until(lambda: service.status()["restarts"] == 1 and service.says("two"), 60)
    assert service.status()["failure"]["reason"].count("SIGKILL") == 1
    assert service.stop() == 0, service.said()
    assert list(temporary.iterdir()) == []


def test_a_killed_run_is_replaced_and_leaves_no_orphan(
    served: Any, project: Path, temporary: Path
) -> None:
    """Its kernel and its temporary files go with it; its record says what happened."""
    service = served()
    status = until(lambda: (found := service.status())["standby"] and found)
    (kernel,) = status["serving"]["workers"]
    psutil.Process(status["serving"]["pid"]).kill()
    until(lambda: not psutil.pid_exists(kernel))
    assert until(lambda: answer(service.port)) == "one"
    failure = until(lambda: service.status()["failure"])
    assert "was killed by SIGKILL" in failure["reason"]
    assert read_record(project / failure["record"]).metadata.runner.status == "killed"

    def has_no_orphan() -> bool:
        owners = {int(folder.name.split("-")[1]) for folder in temporary.iterdir()}
        return owners <= {service.process.pid, *(run.pid for run in service.runs())}

    until(has_no_orphan)


def test_what_cannot_be_recorded_is_served_all_the_same(served: Any, project: Path) -> None:
    """No record is a condition for a restart, a swap or a stop; the log says what is missing.

    Commands find the service again as soon as its folder can be made.
    """
    service = served("--reload", "--workers", "2")
    until(lambda: service.status()["standby"])
    shutil.rmtree(project / "runs/a")
    (project / "runs/a").touch()  # no folder can be made here, nor a file below
    kernel = next(each for each in service.kernels() if each.parent() in service.runs())
    kernel.kill()
    until(lambda: "started: restart after a death" in service.said())
    until(lambda: service.says("one"))
    save(project, "two")
    until(lambda: service.says("two"), 60)
    until(lambda: "is not saved, the run goes on" in service.said())
    assert "is kept in memory only" in service.said()
    until(lambda: "runs/a is gone, so no command finds us" in service.said())
    (project / "runs/a").unlink()
    until(lambda: "runs/a was gone, and is made again" in service.said())
    assert service.status()["serving"]
    assert service.stop() == 0


def has_taken_orders(run: int) -> bool:
    """Tell whether a run has begun to read its orders, and nothing is left in their pipe."""
    with contextlib.suppress(OSError), Path(f"/proc/{run}/fd/0").open("rb", buffering=0) as orders:
        return fcntl.ioctl(orders, termios.FIONREAD, b"\0" * 4) == b"\0" * 4
    return False


def test_a_standby_that_stands_still_is_replaced(served: Any, project: Path) -> None:
    """The next save is served by another, though what waited takes no order."""
    service = served("--reload")
    pid = until(lambda: (service.status()["standby"] or {}).get("pid"))
    until(lambda: has_taken_orders(pid))  # what has not begun yet has a minute
    standby = psutil.Process(pid)
    standby.suspend()
    save(project, "two")
    until(lambda: service.says("two"), 60)
    assert "has taken no order" in service.said()
    until(lambda: not standby.is_running())


def test_a_killed_supervisor_leaves_nothing(
    served: Any, project: Path, temporary: Path, port: int
) -> None:
    """Nothing that it started lives on, the port is free, the record is valid and true."""
    service = served("--port", str(port))
    until(lambda: service.status()["standby"])
    service.process.kill()
    service.process.wait()
    until(lambda: not service.family())
    socket.create_server(("127.0.0.1", port)).close()
    facts = read_record(project / "runs/a/out.ipynb").metadata.runner
    assert facts.status == "stopped"
    assert "the supervisor is gone" in facts.reason
    assert list(temporary.iterdir()) == []
    again = served()
    assert again.says("one")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, "stop"])
def test_a_stop_drains_and_exits_0(served: Any, project: Path, how: Any) -> None:
    """Every request under way is answered; the record is final; no process is left."""
    service = served()
    if how == "stop":
        asked = service.ask("stop")
        assert asked.returncode == 0
        assert asked.stdout.startswith("a.ipynb: stopped; version ")
        assert service.wait() == 0
    else:
        assert service.stop(how) == 0, service.said()
    assert service.family() == []
    assert read_record(project / "runs/a/out.ipynb").metadata.runner.status == "stopped"
    assert service.ask("status", "a.ipynb").returncode == 2


def test_rollback_goes_back_and_reload_forward(served: Any, project: Path) -> None:
    """Each waits for its outcome; with nothing to go back to, the exit code is not 0."""
    service = served()
    refused = service.ask("rollback")
    assert refused.returncode == 1
    assert "no earlier good version" in refused.stderr
    save(project, "two")
    reloaded = service.ask("reload", "a.ipynb")
    assert reloaded.returncode == 0
    assert service.will_say("two")
    newer, older = service.versions()
    assert (newer["state"], older["state"], older["cause"]) == ("serving", "kept", "first start")
    url, two, one = service.status()["url"], newer["sha256"][:8], older["sha256"][:8]
    assert reloaded.stdout == (
        f"a.ipynb: version {two}, which serves on {url}, instead of version {one}\n"
    )
    assert f"back to version {one}" in service.ask("rollback").stdout
    assert service.will_say("one")
    assert f"hint: `runner rollback --to {two}`" in service.ask("rollback", two).stderr
    forward = service.ask("rollback", "--to", two)
    assert forward.returncode == 0, forward.stderr
    assert service.will_say("two")
    assert f"no version that is kept begins with '{'0' * 9}'" in (
        service.ask("rollback", "a.ipynb", "--to", "0" * 9).stderr
    )
    assert service.ask("rollback").returncode == 0
    save(project, "three", example="the example was answered 500")
    failed = service.ask("reload")
    assert failed.returncode == 1
    assert "the example was answered 500" in failed.stderr
    assert f"hint: version {one} goes on serving on {url}" in failed.stderr
    assert service.says("one")
    broken = service.versions()[0]
    assert (broken["state"], broken["kept"], broken["cause"]) == ("failed", None, "runner reload")
    assert "the example was answered 500" in broken["reason"]


def test_sighup_reloads(served: Any, project: Path) -> None:
    """As servers do."""
    service = served()
    save(project, "two")
    service.process.send_signal(signal.SIGHUP)
    until(lambda: service.says("two"), 60)


def test_a_terminal_that_is_closed_ends_it(project: Path) -> None:
    """It sends SIGHUP; the service drains as after SIGTERM, and does not stay without an owner."""
    save(project, "one")
    ours, theirs = pty.openpty()
    service = subprocess.Popen(
        [*RUNNER, "serve", "a.ipynb", "--port", "0"],
        cwd=project,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads
    )
    try:
        os.close(theirs)
        said = b""
        while b"Ctrl-C stops" not in said:
            assert select.select([ours], [], [], 60)[0], said
            said += os.read(ours, 65536)
        assert b"runs/a/out.ipynb" in said  # where to look is the last that is told of the start
        os.close(ours)
        assert service.wait(timeout=30) == 0
    finally:
        service.kill()
    assert read_record(project / "runs/a/out.ipynb").metadata.runner.status == "stopped"


def test_versions_outlive_the_supervisor(served: Any, project: Path) -> None:
    """What served before a restart can still be gone back to."""
    service = served()
    assert service.stop() == 0
    save(project, "two")
    service = served(text="two")
    assert service.ask("rollback").returncode == 0
    assert service.will_say("one")


def test_a_failing_notebook_ends_the_first_start(start: Start, project: Path) -> None:
    """Exit code 3, and the cell's error; nothing is left."""
    save(project, "one", "1 / 0")
    service = start("serve", "a.ipynb", "--port", "0")
    assert service.wait(60) == 3
    assert "ZeroDivisionError" in service.said().splitlines()[-2]


def test_a_wrong_parameter_ends_the_first_start(start: Start, project: Path) -> None:
    """Exit code 2, before any process is started."""
    save(project, "one")
    service = start("serve", "a.ipynb", "--port", "0", "-p", "x", "1")
    assert service.wait(60) == 2
    assert not (project / "runs").exists()


def test_a_notebook_that_is_never_ready_ends_with_5(start: Start, project: Path) -> None:
    """After --ready-timeout."""
    save(project, "one", example="never ready")
    words = ["--port", "0", "--ready-timeout", "8", "--grace", "1"]
    service = start("serve", "a.ipynb", *words)
    assert service.wait(60) == 5
    assert "not ready to serve within 8 s" in service.said()


def test_a_crash_loop_ends_with_6(start: Start, project: Path) -> None:
    """A kernel that dies at every start is given up; why is told at first, and at the end."""
    save(project, "one", "import os; os.kill(os.getpid(), 9)")
    service = start("serve", "a.ipynb", "--port", "0")
    assert service.wait(100) == 6
    assert "5 times within 60 s" in service.said()
    assert service.said().count("was killed by SIGKILL in") == 2
    assert service.said().count("failed as the one before it") == 3


def test_with_reload_a_failing_first_start_waits_for_an_edit(served: Any, project: Path) -> None:
    """The author is at work: the next save is the next try."""
    save(project, "one", "1 / 0")

    def edit() -> None:
        until(lambda: any("is waited for" in log.read_text() for log in project.glob("*.log")), 60)
        save(project, "one")

    mend = threading.Thread(target=edit)
    mend.start()
    service = served("--reload")
    mend.join()
    assert service.status()["phase"] == "up"
    assert service.said().count("ZeroDivisionError") == 1


def test_log_lines_are_json(served: Any) -> None:
    """One object per line, with the facts."""
    service = served("--log-format", "json")
    assert service.stop() == 0
    events = [json.loads(line) for line in service.said().splitlines() if line[:1] == "{"]
    assert any(event["event"].startswith("run 2") and "seconds" in event for event in events)


def test_whose_the_health_paths_are_is_told(served: Any) -> None:
    """An empty path is given back to the app, and the log says so."""
    service = served("--health-path", "")
    assert "health is not answered: its path is the app's" in service.said()
    assert "readiness is answered at /readyz, before the app" in service.said()
