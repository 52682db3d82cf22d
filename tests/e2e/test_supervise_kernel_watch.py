"""A kernel that hangs under a supervisor, and what it serves: real processes, and real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest
from support import RUNNER, Service, send, until, write_notebook

NOTEBOOK = """
import ctypes, os, time
from runner import serve

def work(what: str) -> int:
    if what == "python":
        while True:
            time.sleep(1)
    if what == "c":
        ctypes.PyDLL(None).sleep(10_000)
    if what == "die":
        os.kill(os.getpid(), 9)
    return os.getpid()

serve(work)
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One worker, which is a thread of the kernel."""
    folder = tmp_path_factory.mktemp("hung")
    write_notebook(folder / "a.ipynb", NOTEBOOK)
    started = Service("serve", "a.ipynb", "--port", "0", "--hang-timeout", "1", cwd=folder)
    try:
        yield started
    finally:
        assert started.end() == []


@pytest.fixture
def ask(service: Service) -> Callable[..., int]:
    """Ask for a word; 0 if nobody answers."""
    port = service.bound_port()

    def ask(what: str, timeout: float = 5) -> int:
        try:
            status, _, body = send(port, b'{"what": "%s"}' % what.encode(), timeout=timeout)
        except OSError:
            return 0
        return int(body) if status == 200 else 0

    return ask


def test_a_run_that_was_killed_is_watched_no_longer(
    service: Service, ask: Callable[..., int]
) -> None:
    """What hangs later is noticed as ever, and meanwhile no watch has failed."""
    before = until(lambda: ask("nothing"))
    status = [*RUNNER, "status", "a.ipynb", "--format", "json"]
    said = subprocess.run(status, cwd=service.cwd, stdout=subprocess.PIPE, check=True).stdout
    os.kill(json.loads(said)["serving"]["pid"], signal.SIGKILL)
    until(lambda: ask("nothing") not in (0, before), 60)
    stopped = until(lambda: ask("nothing"))
    os.kill(stopped, signal.SIGSTOP)
    until(lambda: ask("nothing") not in (0, stopped), 60)
    assert "Traceback" not in service.said()


@pytest.mark.parametrize("how", ["python", "c"])
def test_a_kernel_whose_only_worker_hangs_is_replaced(
    service: Service, ask: Callable[..., int], how: str
) -> None:
    """By a run that starts beside it; where it hung is in the log, and not in its record."""
    before = until(lambda: ask("nothing"))
    hanging = threading.Thread(target=ask, args=[how], kwargs={"timeout": 60})
    hanging.start()
    until(lambda: ask("nothing") not in (0, before), 60)
    hanging.join()
    until(lambda: "in work" in service.said().partition("its kernel hangs:")[2])
    records = (service.cwd / "runs/a").glob("*.ipynb")
    assert not any("most recent call first" in path.read_text() for path in records)


def test_a_kernel_that_was_stopped_is_replaced(service: Service, ask: Callable[..., int]) -> None:
    """It is let go on, so that it can end as after any swap."""
    before = until(lambda: ask("nothing"))
    os.kill(before, signal.SIGSTOP)
    until(lambda: ask("nothing") not in (0, before), 60)
