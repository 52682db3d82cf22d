"""What tests and benchmarks have started ends with them, however they end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import leftovers
import psutil
import pytest
from support import ROOT, until

STARTS = (
    f"import subprocess, sys; sys.path.insert(0, {str(ROOT / 'benchmarks')!r})\n"
    "from leftovers import leave_nothing\n"
    "leave_nothing(patience=0.1)\n"
    "print(subprocess.Popen(sys.argv[1:], start_new_session=True).pid, flush=True)\n"
    "input()\n"
)
WAITS = ["sleep", "1000"]
DEAF = ["env", "--ignore-signal=TERM", *WAITS]


@pytest.mark.parametrize(
    ("words", "is_killed"),
    [(WAITS, False), (WAITS, True), (DEAF, True)],
    ids=["ended", "killed", "deaf"],
)
def test_what_a_process_has_started_ends_with_it(words: list[str], is_killed: bool) -> None:
    """In a session of its own it would go on for ever, and so would what heeds no SIGTERM."""
    line, pipe = [sys.executable, "-c", STARTS, *words], subprocess.PIPE
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True) as starter:
        assert starter.stdout
        started = psutil.Process(int(starter.stdout.readline()))
        assert started.status() != psutil.STATUS_ZOMBIE
        if is_killed:
            starter.send_signal(signal.SIGKILL)
        starter.communicate(None if is_killed else "\n", timeout=30)
    try:
        until(lambda: not started.is_running() or started.status() == psutil.STATUS_ZOMBIE)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            started.kill()


def test_these_tests_end_what_they_start_likewise() -> None:
    """Whatever they start has the mark by which it is found."""
    assert leftovers._MARK in os.environ
    assert os.getpid() not in leftovers.marked(leftovers._MARK, os.environ[leftovers._MARK])
