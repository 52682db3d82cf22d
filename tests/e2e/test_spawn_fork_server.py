"""Runs and kernels that are forked from one process: real ones, killed, reloaded, upgraded."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import RUNNER, Service, post, read_record, until, write_notebook

Start = type[Service]
APP = """
from runner import serve

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})
"""
SERVE = "serve(app)"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder to serve from."""
    return tmp_path


@pytest.fixture
def served(tmp_path: Path, start: Start) -> Any:
    """Serve a notebook of these cells, and wait for its standby."""

    def begin(*cells: str, words: tuple[str, ...] = ()) -> Service:
        write_notebook(tmp_path / "a.ipynb", *cells, APP, SERVE, tags="serve")
        service = start("serve", "a.ipynb", "--port", "0", *words)
        service.port = service.bound_port()
        service.wait_ready(service.port, 60)
        until(lambda: status(service)["standby"])
        return service

    return begin


def status(service: Service) -> Any:
    """What its supervisor says of it."""
    said = subprocess.run(
        [*RUNNER, "status", "a.ipynb", "--format", "json"],
        check=False,
        cwd=service.cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return json.loads(said.stdout)


def fork_server_of(service: Service) -> psutil.Process:
    """The one among its processes that forks the others."""
    (found,) = (each for each in service.family() if "runner.spawn.fork_server" in words_of(each))
    return found


def words_of(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def printed(tmp_path: Path) -> str:
    """What the first cell of the record printed."""
    record = read_record(tmp_path / "runs/a/out.ipynb")
    return "".join(output.text for output in record.cells[0].outputs if "text" in output)


def test_runs_are_its_children_and_kernels_theirs(served: Any) -> None:
    """The supervisor has one child; each run is in a session of its own, as is each kernel."""
    service = served()
    fork_server = fork_server_of(service)
    found = status(service)
    runs = [psutil.Process(found[which]["pid"]) for which in ("serving", "standby")]
    assert psutil.Process(service.process.pid).children() == [fork_server]
    assert not any("runner.spawn.child" in word for word in fork_server.cmdline())
    assert sorted(fork_server.children(), key=hash) == sorted(runs, key=hash)
    assert [len(run.children()) for run in runs] == [1, 1]
    living = [fork_server, *runs, *(kernel for run in runs for kernel in run.children())]
    assert [os.getsid(process.pid) for process in living] == [each.pid for each in living]


def test_nothing_of_a_service_listens_by_tcp_but_its_port(served: Any, tmp_path: Path) -> None:
    """Another user of the machine finds no way into a kernel; its children print all the same."""
    child = "import os\nif not (child := os.fork()): print('by a child', flush=True); os._exit(0)"
    service = served(f"{child}\nos.waitpid(child, 0)")
    listening = {
        connection.laddr.port
        for process in service.family()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {service.port}
    assert "by a child" in printed(tmp_path)


def test_standby_and_run_share_their_memory(served: Any) -> None:
    """A second run and its kernel take less than half of what they would alone."""
    service = served("import numpy, sklearn")
    run = psutil.Process(status(service)["standby"]["pid"])
    for process in (run, *run.children()):
        found = process.memory_full_info()
        assert found.pss < found.rss / 2


def test_its_death_harms_no_run(served: Any) -> None:
    """What serves goes on; the next run comes from a new one; the stop is clean."""
    service = served()
    before = fork_server_of(service)
    serving = status(service)["serving"]["run"]
    before.kill()
    until(lambda: "the fork server" in service.said())
    assert post(service.port)[0] == 200
    assert status(service)["serving"]["run"] == serving
    again = subprocess.run([*RUNNER, "reload"], cwd=service.cwd, check=False, timeout=60)
    assert again.returncode == 0
    until(lambda: status(service)["standby"])
    assert fork_server_of(service).pid != before.pid
    assert service.stop() == 0
    until(lambda: not service.family())


def test_a_run_that_dies_after_it_leaves_nothing(served: Any) -> None:
    """What its notebook started is ended, and the record says at once what is known."""
    service = served("import subprocess; print(subprocess.Popen(['sleep', '1000']).pid)")
    serving = status(service)["serving"]
    left = psutil.Process(int(printed(service.cwd)))
    fork_server_of(service).kill()
    until(lambda: "the fork server" in service.said())
    psutil.Process(serving["pid"]).kill()
    until(lambda: not left.is_running() or left.status() == psutil.STATUS_ZOMBIE)
    record = service.cwd / serving["record"]
    until(lambda: read_record(record).metadata.runner.status == "killed")
    said = "ended, nobody knows how, without closing the record"
    assert said in read_record(record).metadata.runner.reason
    service.wait_ready(service.port)


def test_a_stopped_one_that_forks_nothing_is_killed(tmp_path: Path, start: Start) -> None:
    """A stop must come to an end even if no run ever begins."""
    write_notebook(tmp_path / "a.ipynb", APP, SERVE, tags="serve")
    service = start("serve", "a.ipynb", "--port", "0", "--grace", "1")
    until(lambda: any("runner.spawn.fork_server" in words_of(each) for each in service.family()))
    fork_server_of(service).suspend()
    service.process.terminate()
    service.process.terminate()
    assert service.wait(40) is not None
    until(lambda: not service.family())


def test_installed_packages_are_imported_anew(served: Any, tmp_path: Path) -> None:
    """After an installation a reload runs the new package; nobody's number changes."""
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "joblib.py").write_text("version = 'old'")
    with _on_the_path(site):
        service = served("import joblib; print(joblib.version)")
    assert printed(tmp_path) == "old\n"
    before = fork_server_of(service).pid
    (site / "new.py").write_text("version = 'new and longer'")
    (site / "new.py").rename(site / "joblib.py")
    # The standby had imported the old one before; the run after it has not.
    for _ in range(2):
        assert subprocess.run([*RUNNER, "reload"], cwd=service.cwd, check=False).returncode == 0
        until(lambda: status(service)["standby"])
    assert printed(tmp_path) == "new and longer\n"
    assert fork_server_of(service).pid == before


@contextlib.contextmanager
def _on_the_path(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        patch.setenv("PYTHONPATH", path)
        yield


def test_a_kernel_is_as_if_python_had_started_it(served: Any, tmp_path: Path) -> None:
    """It finds no log configured, nothing of its run's imported, and none of it barred."""
    service = served(
        "import atexit, logging, os, signal, sys\n"
        "from pathlib import Path\n"
        "assert not any(type(h) is logging.StreamHandler for h in logging.root.handlers)\n"
        "hidden = ('papermill', 'nbformat', 'jsonschema', 'requests', 'tqdm', 'rpds', 'pyarrow')\n"
        "assert not set(hidden) & set(sys.modules), set(hidden) & set(sys.modules)\n"
        "assert None not in sys.modules.values()\n"
        "exec('import nbformat, papermill, jsonschema, pyarrow.fs, debugpy.server')\n"
        "assert os.environ['JPY_PARENT_PID'] == str(os.getppid())\n"
        "assert get_ipython().parent.parent.parent_handle == os.getppid()\n"
        "assert sys.stdin.read() == ''\n"
        "assert sys.argv[:2] == ['ipykernel_launcher', '-f'], sys.argv\n"
        "assert sys.path[0] == '' or Path(sys.path[0]).name != 'runner'\n"
        "assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL\n"
        "assert __name__ == '__main__' and sys.modules['__main__'].__dict__ is globals()\n"
        "atexit.register(lambda: Path('ended').write_text(str(os.getpid())))\n"
        "print('as ever')"
    )
    assert printed(tmp_path) == "as ever\n"
    assert service.stop() == 0
    assert (tmp_path / "ended").exists()


def test_no_two_kernels_draw_the_same_numbers(served: Any, tmp_path: Path) -> None:
    """Neither Python's random numbers nor numpy's repeat from run to run."""
    service = served("import random, numpy as np; print(random.random(), np.random.random())")
    first, name = printed(tmp_path).split(), status(service)["serving"]["run"]
    assert subprocess.run([*RUNNER, "reload"], cwd=service.cwd, check=False).returncode == 0
    record = tmp_path / "runs/a/out.ipynb"
    until(lambda: read_record(record).metadata.runner.run != name)  # it shows it a moment later
    assert not set(first) & set(printed(tmp_path).split())


def test_without_standby_every_run_is_spawned(tmp_path: Path, start: Start) -> None:
    """There is nobody to share with, and nothing is forked before its notebook asks for it."""
    write_notebook(tmp_path / "a.ipynb", APP, SERVE, tags="serve")
    service = start("serve", "a.ipynb", "--port", "0", "--no-standby")
    service.wait_ready(service.bound_port(), 60)
    (run,) = psutil.Process(service.process.pid).children()
    assert run.cmdline()[1:] == ["-P", "-m", "runner.spawn.child", "--", "a.ipynb"]
    assert [child.ppid() for child in run.children()] == [run.pid]
