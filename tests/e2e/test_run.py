"""Running a notebook once, by the real command line: states, parameters, errors, ends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from support import PAPERMILL, RUNNER, Service, read_record, states, text_of, until, write_notebook

from runner import files

Start = type[Service]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def record_of(name: str, project: Path) -> Any:
    return read_record(project / "runs" / name / "out.ipynb")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A run that has completed, of whose notebook and record several tests ask."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "requirements.txt").write_text("numpy\n")
    types = (
        "x: int = 1\nscale: float | str = 'scale'\nsize = (1, 2)\nlogin = ''  # secret\nuser = ''"
    )
    cell = "print(x + 1, scale)\nassert (size, login, user) == ((3, 4), 's3cr3t', 's3cr3t')"
    write_notebook(folder / "a.ipynb", cell, "", parameters=types)
    words = ["run", "a.ipynb", "-p", "x", "41", "-p", "scale", "0.5", "--log-output"]
    words += ["-y", "{size: [3, 4], login: s3cr3t, user: s3cr3t}", "--secret", "user"]
    service = Service(*words, cwd=folder)
    try:
        assert service.wait() == 0, service.said()
        yield service
    finally:
        assert service.end() == []


def test_a_finished_run_says_so(finished: Service) -> None:
    """Every cell is completed, parameters are in, and the exit code is 0."""
    record = record_of("a", finished.cwd)
    assert set(states(record).values()) == {"completed"}
    assert text_of(record.cells[2]) == "42 0.5\n"
    assert record.metadata.runner.status == "completed"
    assert "cell 3/3 cell-0 completed" in finished.said()


def test_the_record_says_what_ran_but_for_secrets(finished: Service) -> None:
    """With the types that were checked, and without what is marked or named a secret."""
    record = record_of("a", finished.cwd)
    assert record.cells[1].source.splitlines()[1:] == [
        "size = (3, 4)",
        'login = "***"',
        'user = "***"',
        "x = 41",
        "scale = 0.5",
    ]
    shown = {"size": [3, 4], "login": "***", "user": "***", "x": 41, "scale": 0.5}
    assert record.metadata.runner.parameters == record.metadata.papermill.parameters == shown


def test_a_masked_record_is_not_run(finished: Service, start: Start) -> None:
    """It asks for what it hides, before any kernel starts."""
    again = start("run", str(finished.cwd / "runs/a/out.ipynb"), "-p", "x", "1")
    assert again.wait() == 2
    assert "has the value of login and of user masked" in again.said()


def test_a_parameter_of_several_types_is_not_doubted(finished: Service) -> None:
    """papermill, which cannot read such an annotation, would warn that it is unknown."""
    assert "unknown parameter" not in finished.said()


def test_cells_output_can_be_logged(finished: Service) -> None:
    """``--log-output`` shows in the log what the cells print."""
    assert "stdout: 42 0.5" in finished.said()


def test_the_record_says_by_what_it_was_made(finished: Service) -> None:
    """Hash, versions, parameters, times, how it ended: all in metadata.runner."""
    facts = record_of("a", finished.cwd).metadata.runner
    content = (finished.cwd / "a.ipynb").read_bytes()
    assert facts.notebook_sha256 == hashlib.sha256(content).hexdigest()
    assert facts.parameters["x"] == 41
    assert facts.python == platform.python_version()
    assert set(facts.packages) == {"numpy"}
    assert facts.started < facts.ended
    assert (facts.status, facts.exit_code) == ("completed", 0)


def test_a_notebook_that_names_no_kernel_is_python(start: Start, project: Path) -> None:
    """Some editors and libraries write neither kernelspec nor language."""
    path = write_notebook(project / "a.ipynb", "print(x + 1)", parameters="x: int = 1")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metadata": {}}))
    service = start("run", "a.ipynb", "-p", "x", "41")
    assert service.wait() == 0, service.said()
    assert text_of(record_of("a", project).cells[2]) == "42\n"


def test_a_failed_cell_is_told_apart_from_those_never_run(start: Start, project: Path) -> None:
    """The states are completed, failed, pending; the error is one line; the exit code is 3."""
    write_notebook(project / "a.ipynb", "1", "1 / 0", "2")
    service = start("run", "a.ipynb")
    assert service.wait() == 3
    record = record_of("a", project)
    assert states(record) == {"cell-0": "completed", "cell-1": "failed", "cell-2": "pending"}
    said = "cell 2 (cell-1), line 1 `1 / 0`, raised ZeroDivisionError: division by zero"
    assert record.metadata.runner.reason == said
    assert record.metadata.runner.failure.cell_id == "cell-1"
    first, *others = record.cells
    assert first.metadata.tags == ["injected-failure"]
    assert '<a href="#cell-id=cell-1">cell 2 (cell-1)</a>, line 1' in first.source
    assert [cell.id for cell in others] == [*states(record)], "papermill's own marks are gone"
    hashes = [cell.metadata.get("runner", {}).get("source_sha256") for cell in others]
    assert hashes == [hashlib.sha256(b"1").hexdigest(), hashlib.sha256(b"1 / 0").hexdigest(), None]
    assert service.said().splitlines()[-2:] == [
        f"runner: a.ipynb: {said}",
        "hint: the record says more: runs/a/out.ipynb",
    ]
    assert "Traceback" not in service.said()


def test_an_allowed_error_is_no_failure(start: Start, project: Path) -> None:
    """A cell tagged raises-exception may raise; the run goes on and is completed."""
    write_notebook(project / "a.ipynb", "1 / 0", tags="raises-exception")
    assert start("run", "a.ipynb").wait() == 0
    record = record_of("a", project)
    assert states(record) == {"cell-0": "completed"}
    assert not any("papermill" in cell.source for cell in record.cells)


def test_an_error_that_the_kernel_calls_well_fails_the_run_at_its_end(
    start: Start, project: Path
) -> None:
    """As under papermill: a script of ``%run`` that raises is shown, and the next cell runs."""
    (project / "other.py").write_text("{}['missing']")
    run = start("run", write_notebook(project / "a.ipynb", "%run other.py", "x = 1").name)
    assert run.wait() == 3
    record = record_of("a", project)
    assert list(states(record).values()) == ["failed", "completed"]
    assert "raised KeyError: 'missing'" in record.metadata.runner.reason


@pytest.mark.parametrize("ending", ["import sys; sys.exit()", "exit()", "quit"])
def test_an_exit_is_a_good_end_and_runs_no_further_cell(
    start: Start, project: Path, ending: str
) -> None:
    """It ends the run there; what follows was never run and says so.

    IPython's own words end the kernel a moment later, in the middle of whatever it does then.
    """
    write_notebook(project / "a.ipynb", ending, "2")
    assert start("run", "a.ipynb").wait() == 0
    assert states(record_of("a", project)) == {"cell-0": "completed", "cell-1": "pending"}


def test_a_bad_exit_is_a_failure(start: Start, project: Path) -> None:
    """sys.exit(1) is what it is everywhere."""
    write_notebook(project / "a.ipynb", "import sys; sys.exit(1)")
    assert start("run", "a.ipynb").wait() == 3


@pytest.mark.parametrize(
    "failing",
    [
        "import sys; sys.exit('no data')",
        "%no_such_magic",
        "raise ExceptionGroup('two', [ValueError(), TypeError()])",
    ],
)
def test_the_line_is_told_where_ipython_shows_no_traceback(
    start: Start, project: Path, failing: str
) -> None:
    """That of the cell; the kernel is asked for it."""
    write_notebook(project / "a.ipynb", f"x = 1\n\n{failing}")
    assert start("run", "a.ipynb").wait() == 3
    failure = record_of("a", project).metadata.runner.failure
    assert (failure.cell, failure.line, failure.text) == (1, 3, failing)


def test_a_dead_kernel_is_named_with_its_reason(start: Start, project: Path) -> None:
    """The cell it died in has failed and shows why; the exit code is 4."""
    write_notebook(project / "a.ipynb", "import os; os.kill(os.getpid(), 9)", "2")
    service = start("run", "a.ipynb")
    assert service.wait() == 4
    record = record_of("a", project)
    assert states(record) == {"cell-0": "failed", "cell-1": "pending"}
    assert "killed by SIGKILL in cell 1 (cell-0)" in record.metadata.runner.reason
    assert [output.get("ename") for output in record.cells[1].outputs] == [None, "KernelDied"]
    assert record.metadata.runner.failure.error == "KernelDied"
    assert record.metadata.runner.status == "kernel-died"


def test_a_kernel_that_exits_is_named_with_its_code(start: Start, project: Path) -> None:
    """A library that ends the process is not mistaken for a signal."""
    write_notebook(project / "a.ipynb", "import os; os._exit(7)")
    service = start("run", "a.ipynb")
    assert service.wait() == 4
    assert "exited with code 7" in service.said()


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_did_not_complete(
    start: Start, project: Path, signum: int, code: int
) -> None:
    """A run that a signal ended exits as shells expect; its record says where it was."""
    write_notebook(
        project / "a.ipynb", "1", "print('here', flush=True)\nimport time; time.sleep(1000)", "2"
    )
    service = start("run", "a.ipynb")
    until(lambda: is_in(project, "cell-1", "here"))
    assert service.stop(signum) == code
    record = record_of("a", project)
    assert states(record) == {"cell-0": "completed", "cell-1": "interrupted", "cell-2": "pending"}
    assert text_of(record.cells[1]) == f"here\ninterrupted by {signal.Signals(signum).name}\n"
    assert not any(output.output_type == "error" for output in record.cells[1].outputs)
    assert record.metadata.runner.status == "stopped"


def test_a_cell_that_awaits_and_sleeps_is_interrupted(start: Start, project: Path) -> None:
    """Its loop is woken by the interrupt, instead of the kernel being killed in the end."""
    write_notebook(
        project / "a.ipynb",
        "import asyncio\nprint('here', flush=True)\nawait asyncio.Event().wait()",
    )
    service = start("run", "a.ipynb", "--grace", "60")
    until(lambda: is_in(project, "cell-0", "here"))
    assert service.stop(signal.SIGINT) == 130
    assert text_of(record_of("a", project).cells[0]) == "here\ninterrupted by SIGINT\n"


def is_in(project: Path, cell_id: str, printed: str) -> bool:
    """Tell whether the record on the disk shows a cell running that has printed something."""
    path = next(project.glob("**/out.ipynb"), None)
    if path is None:
        return False
    record = read_record(path)
    cell = next(cell for cell in record.cells if cell.id == cell_id)
    return cell.metadata.papermill.status == "running" and printed in text_of(cell)


def test_a_cell_that_will_not_stop_is_killed(start: Start, project: Path) -> None:
    """After the grace period the kernel is killed, and the record says that it was."""
    stubborn = (
        "import time\nprint('here', flush=True)\n"
        "while True:\n    try: time.sleep(1000)\n    except KeyboardInterrupt: pass"
    )
    write_notebook(project / "a.ipynb", stubborn)
    service = start("run", "a.ipynb", "--grace", "1")
    until(lambda: is_in(project, "cell-0", "here"))
    assert service.stop(seconds=10) == 143
    record = record_of("a", project)
    assert states(record) == {"cell-0": "interrupted"}
    assert "killed: it did not end within 1 s of SIGTERM" in text_of(record.cells[0])


def test_the_second_signal_does_not_wait(start: Start, project: Path) -> None:
    """With a long grace period, another signal ends it all the same."""
    stubborn = (
        "import signal, time\nsignal.signal(signal.SIGINT, lambda *_: print('no', flush=True))\n"
        "print('here', flush=True)\nwhile True: time.sleep(1000)"
    )
    write_notebook(project / "a.ipynb", stubborn)
    service = start("run", "a.ipynb", "--grace", "1000")
    until(lambda: is_in(project, "cell-0", "here"))
    service.process.send_signal(signal.SIGINT)
    until(lambda: is_in(project, "cell-0", "no"))
    assert service.stop(signal.SIGTERM, seconds=10) == 130
    assert "killed at a second signal, after SIGINT" in text_of(record_of("a", project).cells[0])


@pytest.mark.parametrize("moment", ["started in kernel", ""])
def test_a_signal_at_any_moment_ends_everything(start: Start, project: Path, moment: str) -> None:
    """Also while papermill is still imported: nothing is left, and the exit code is right."""
    write_notebook(project / "a.ipynb", "import time; time.sleep(1000)")
    service = start("run", "a.ipynb")
    until(lambda: moment in service.said() and psutil.Process(service.process.pid).num_threads())
    assert service.stop() in ((143,) if moment else (143, -signal.SIGTERM))
    if moment:
        kept = record_of("a", project).metadata
        assert kept.runner.status == "stopped"
        assert "None" not in kept.runner, "of a kernel that had not answered yet"


def test_the_record_is_whole_whenever_it_is_read(start: Start, project: Path) -> None:
    """While a chatty cell runs and the record is saved all the time, every read is valid."""
    chatty = (
        "import pathlib, time\nwhile not pathlib.Path('seen').exists():\n"
        "    print('x' * 200, flush=True); time.sleep(0.01)"
    )
    write_notebook(project / "a.ipynb", chatty)
    service = start("run", "a.ipynb", "--save-every", "0.01")
    path = project / "runs/a/out.ipynb"
    until(path.exists)
    sizes = set()
    while service.process.poll() is None:
        sizes.add(len(text_of(read_record(path).cells[0])))
        if len(sizes) > 10:
            (project / "seen").touch()
    assert service.wait() == 0
    assert len(read_record(path).cells[0].outputs) == 1


def test_a_killed_run_leaves_a_valid_record_that_the_next_one_corrects(
    start: Start, project: Path
) -> None:
    """After kill -9 the record can be read; the next run keeps it, and it no longer lies."""
    waits = "import pathlib, time\nwhile not pathlib.Path('gate').exists(): time.sleep(0.05)"
    write_notebook(project / "a.ipynb", f"print('here', flush=True)\n{waits}")
    service = start("run", "a.ipynb")
    until(lambda: is_in(project, "cell-0", "here"))
    (kernel,) = service.kernels()
    service.process.kill()
    until(lambda: files.process_start(service.process.pid) == files.ENDED)
    assert not files.is_process_alive(service.process.pid), "nobody has reaped it"
    service.wait()
    kernel.kill()
    assert states(record_of("a", project)) == {"cell-0": "running"}
    (project / "gate").touch()
    assert start("run", "a.ipynb").wait() == 0
    (kept,) = (path for path in (project / "runs/a").glob("*.ipynb") if path.name != "out.ipynb")
    assert states(read_record(kept)) == {"cell-0": "interrupted"}
    left = sorted(path.name for path in (project / "runs/a").iterdir())
    assert left == [".ledger", ".notebook", kept.name, "out.ipynb"]


def test_two_runs_never_share_a_record(start: Start, project: Path) -> None:
    """The second one is refused, with the way out."""
    write_notebook(project / "a.ipynb", "print('here', flush=True)\nimport time; time.sleep(1000)")
    first = start("run", "a.ipynb")
    until(lambda: is_in(project, "cell-0", "here"))
    second = start("run", "a.ipynb")
    assert second.wait() == 2
    assert "another run is writing it" in second.said()
    assert first.stop() == 143


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-p", "prot", "1"], "unknown parameter 'prot'; did you mean 'port'?"),
        (["-p", "port", "x"], "parameter 'port': expected int, got str ('x')"),
        (["-r", "port", "1"], "parameter 'port': expected int, got str ('1')"),
        (["-y", "port: [1]"], "parameter 'port': expected int, got array"),
        (["-y", "port"], "-y: not a mapping of names to values: port"),
        (["-y", "{"], "-y: not valid YAML"),
        (["-f", "no.yaml"], "no.yaml: cannot be read"),
    ],
)
def test_wrong_parameters_start_no_kernel(
    start: Start, project: Path, words: list[str], said: str
) -> None:
    """The error is one line, the exit code 2, and no record is touched."""
    write_notebook(project / "a.ipynb", "1", parameters="port: int = 8000")
    service = start("run", "a.ipynb", *words)
    assert service.wait() == 2
    assert said in service.said().splitlines()[0]
    assert not (project / "runs").exists()


def test_papermill_uses_the_engine(start: Start, project: Path) -> None:
    """``papermill --engine runner`` gives the same record, without our command line."""
    write_notebook(project / "a.ipynb", "print(x)", parameters="x: int = 1")
    words = ["a.ipynb", "out.ipynb", "--engine", "runner", "-p", "x", "2"]
    assert start(*words, program=PAPERMILL).wait() == 0
    record = read_record(project / "out.ipynb")
    assert record.metadata.runner.status == "completed"
    assert text_of(record.cells[2]) == "2\n"


def test_papermill_with_the_engine_stops_cleanly(start: Start, project: Path) -> None:
    """What plain papermill cannot: SIGTERM ends the serving cell, the record is true, exit 0."""
    write_notebook(project / "a.ipynb", "print('here', flush=True)\nimport time; time.sleep(1000)")
    words = ["a.ipynb", "out.ipynb", "--engine", "runner"]
    service = start(*words, program=PAPERMILL)
    until(lambda: is_in(project, "cell-0", "here"))
    assert service.stop() == 0, service.said()
    assert states(read_record(project / "out.ipynb")) == {"cell-0": "interrupted"}


def test_papermill_with_the_engine_reports_a_batch_that_was_stopped(
    start: Start, project: Path
) -> None:
    """A run that was stopped before its last cell is no success to papermill's caller."""
    write_notebook(
        project / "a.ipynb", "print('here', flush=True)\nimport time; time.sleep(1000)", "2"
    )
    words = ["a.ipynb", "out.ipynb", "--engine", "runner"]
    service = start(*words, program=PAPERMILL)
    until(lambda: is_in(project, "cell-0", "here"))
    assert service.stop() == 143


def test_papermill_with_the_engine_checks_parameters(start: Start, project: Path) -> None:
    """An unknown parameter is an error there too, not a warning."""
    write_notebook(project / "a.ipynb", "1", parameters="port: int = 8000")
    words = ["a.ipynb", "out.ipynb", "--engine", "runner", "-p", "prot", "2"]
    service = start(*words, program=PAPERMILL)
    assert service.wait() == 1
    assert "did you mean 'port'" in service.said()


def test_papermills_time_limit_is_kept(start: Start, project: Path) -> None:
    """``--execution-timeout`` fails the cell and ends the kernel."""
    write_notebook(project / "a.ipynb", "import time; time.sleep(1000)")
    words = ["a.ipynb", "out.ipynb", "--engine", "runner", "--execution-timeout", "1"]
    assert start(*words, program=PAPERMILL).wait() == 1
    record = read_record(project / "out.ipynb")
    (cell,) = (cell for cell in record.cells if cell.cell_type == "code")
    assert cell.metadata.papermill.status == "failed"
    names = [output.get("ename") for output in cell.outputs]
    assert names == [None, "KeyboardInterrupt", "CellTimeoutError"]


@pytest.mark.parametrize(
    ("option", "whose"), [("--cell-timeout", "a cell"), ("--run-timeout", "the run")]
)
def test_a_cell_that_hangs_ends_with_its_time(
    start: Start, project: Path, option: str, whose: str
) -> None:
    """It is interrupted, the run has failed, and both say why."""
    write_notebook(project / "a.ipynb", "import time; time.sleep(1000)", "print('never')")
    service = start("run", "a.ipynb", "o.ipynb", option, "1")
    assert service.wait() == 3
    said = f"was interrupted by the limit of 1 s for {whose}"
    assert said in service.said()
    record = read_record(project / "o.ipynb")
    assert said in record.metadata.runner.reason
    assert list(states(record).values()) == ["failed", "pending"]


def test_a_terminal_shows_what_runs(project: Path) -> None:
    """A cell that takes long breaks its silence, in a line that the log's next one replaces."""
    write_notebook(
        project / "a.ipynb",
        "from runner import record_metrics; record_metrics(accuracy=0.75)",
        "import pathlib, time\nwhile not pathlib.Path('gate').exists(): time.sleep(0.05)",
    )
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    words = [*RUNNER, "run", "a.ipynb"]
    environ = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        words, cwd=project, env=environ, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        said = b""
        while b"code cell 2 of 2" not in said:
            said += os.read(screen, 65536)
        (project / "gate").touch()
        with contextlib.suppress(OSError):  # how a terminal's end is seen
            while shown := os.read(screen, 65536):
                said += shown
    text = said.decode()
    os.close(screen)
    assert process.returncode == 0, text
    assert re.search(r"\r\x1b\[Kcode cell 2 of 2 \(.*\), \d+ s\r", text), text
    lines = [line.rpartition("\x1b[K")[2] for line in text.split("\r\n") if line.strip()]
    assert "accuracy" in lines[-1]
    assert "0.75" in lines[-1]
    assert sum("code cell 2 of 2" in line for line in lines) == 0


def test_output_files_go_where_they_are_told(start: Start, project: Path) -> None:
    """OUT may be anywhere; its folder is made; a second run replaces it."""
    write_notebook(project / "a.ipynb", "print(1)")
    for _ in range(2):
        assert start("run", "a.ipynb", "deep/er/b.ipynb").wait() == 0
    assert [path.name for path in (project / "deep/er").iterdir()] == ["b.ipynb"]


def test_a_record_may_go_into_a_stream(project: Path) -> None:
    """Once, at the end, and braces in a notebook's name are only that."""
    write_notebook(project / "braces {x}.ipynb", "print(1)", "1 / 0")
    words = [*RUNNER, "run", "braces {x}.ipynb", "-"]
    done = subprocess.run(words, cwd=project, capture_output=True, timeout=60, check=False)
    assert done.returncode == 3
    record = nbformat.reads(done.stdout.decode(), as_version=4)
    assert list(states(record).values())[-2:] == ["completed", "failed"]
    assert [path.name for path in project.iterdir()] == ["braces {x}.ipynb"]


def test_a_name_may_begin_as_an_option_does(start: Start, project: Path) -> None:
    """It is no option of a process of ours, nor papermill's word for stdin."""
    write_notebook(project / "-a.ipynb", "1")
    assert start("run", "--", "-a.ipynb").wait() == 0
    serving = start("serve", "--no-reload", "--port", "0", "--", "-a.ipynb")
    assert serving.wait() == 3
    assert "serves" in serving.said()
    assert "its process ended" not in serving.said()


def test_the_record_may_be_named_by_parameters(start: Start, project: Path) -> None:
    """Also by one that has its default; what is no parameter is told before the start."""
    write_notebook(project / "a.ipynb", "print(x, y)", parameters="x: int = 1\ny: int = 2")
    wrong = start("run", "a.ipynb", "out_{z}.ipynb")
    assert wrong.wait() == 2
    assert wrong.said().startswith("runner: out_{z}.ipynb: what stands in braces is no parameter")
    folder = start("run", "a.ipynb", "new/")
    assert (folder.wait(), "new/ names a folder" in folder.said()) == (2, True)
    assert start("run", "a.ipynb", "out_{x}_{y}.ipynb", "-p", "x", "3").wait() == 0
    assert sorted(path.name for path in project.glob("*.ipynb")) == ["a.ipynb", "out_3_2.ipynb"]


STATE = """
import asyncio, copyreg, logging, os, pickle, signal, socket, sys, warnings
import papermill
from papermill.engines import papermill_engines
from papermill.iorw import papermill_io

def state():
    os.umask(mask := os.umask(0))
    return {
        "ways to files": list(papermill_io._handlers),
        "papermill's folder": [way._cwd for name, way in papermill_io._handlers if name == "local"],
        "engines": dict(papermill_engines._engines),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "signals": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "environment": (os.getcwd(), dict(os.environ), list(sys.path), mask),
        "modules that cannot be imported": [n for n, each in sys.modules.items() if each is None],
        "imports": (list(sys.meta_path), list(sys.path_hooks)),
        "socket": (dict(vars(socket)), dict(vars(socket.socket))),
        "pickle": (dict(vars(pickle)), dict(copyreg.dispatch_table)),
        "logging": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        "hooks": (sys.excepthook, sys.displayhook, sys.unraisablehook, sys.stdout, sys.stderr),
        "loops": type(asyncio.get_event_loop_policy()),
    }

def run(path, out, **values):
    before = state()
    papermill.execute_notebook(path, out, values, engine_name="runner", progress_bar=False)
    after = state()
    print("changed:", [name for name in before if before[name] != after[name]])

run("a.ipynb", "out", x=2)
run("out", "out.ipynb", x=3)
print(papermill.inspect_notebook("out")["x"]["default"])
os.chdir("sub")
run("../a.ipynb", "out", x=4)
"""


def test_papermill_goes_on_as_before_after_a_run(project: Path) -> None:
    """A process that executes one notebook after another: each is written to its own place."""
    write_notebook(project / "a.ipynb", "print('x is', x)", parameters="x: int = 1")
    (project / "sub").mkdir()
    words = [sys.executable, "-c", STATE]
    done = subprocess.run(words, cwd=project, capture_output=True, timeout=90, check=False)
    assert done.stdout.decode().splitlines() == ["changed: []"] * 2 + ["1", "changed: []"]
    said = {name: text_of(read_record(project / name).cells[-1]) for name in OUTS}
    assert said == dict(zip(OUTS, ["x is 2\n", "x is 3\n", "x is 4\n"], strict=True))


OUTS = ("out", "out.ipynb", "sub/out")


def test_a_secret_is_nowhere_in_the_record(start: Start, project: Path) -> None:
    """The kernel gets it; no save ever shows it, not even while the cell that sets it runs."""
    write_notebook(
        project / "a.ipynb",
        "print(len(api_token))\nimport time; time.sleep(1000)",
        parameters='api_token: str = ""',
    )
    service = start("run", "a.ipynb", "-p", "api_token", "s3cr3t")
    until(lambda: is_in(project, "cell-0", "6"))
    assert "s3cr3t" not in (project / "runs/a/out.ipynb").read_text()
    assert service.stop(signal.SIGTERM) == 143
    text = (project / "runs/a/out.ipynb").read_text()
    assert "s3cr3t" not in text
    assert text.count("***") == 3
    assert record_of("a", project).metadata.runner.exit_code == 143


def test_papermills_last_write_shows_no_secret_either(start: Start, project: Path) -> None:
    """After a failed cell papermill writes the notebook itself."""
    write_notebook(project / "a.ipynb", "len(db_password) / 0", parameters='db_password = ""')
    words = ("a.ipynb", "out.ipynb", "--engine", "runner", "-p", "db_password", "s3cr3t")
    assert start(*words, program=PAPERMILL).wait() == 1
    text = (project / "out.ipynb").read_text()
    assert "ZeroDivisionError" in text
    assert "s3cr3t" not in text


def test_a_long_reason_is_cut(start: Start, project: Path) -> None:
    """An exception with a message of megabytes makes no record of megabytes."""
    write_notebook(project / "a.ipynb", "raise ValueError('x' * 5_000_000)")
    assert start("run", "a.ipynb").wait() == 3
    assert (project / "runs/a/out.ipynb").stat().st_size < 1_000_000
