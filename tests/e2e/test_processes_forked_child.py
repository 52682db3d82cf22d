"""Forked children: leaders of their sessions, awaited like a ``Popen``."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import processes
from runner.processes import ForkedChild


@pytest.fixture
def child() -> Iterator[ForkedChild]:
    """One that waits to be killed."""
    if not (pid := processes.fork()):
        signal.pause()
        os._exit(1)
    yield (started := ForkedChild(pid, ["python"]))
    if started.poll() is None:
        os.kill(pid, signal.SIGKILL)
        started.wait(5)


def test_it_leads_a_session_at_once(child: ForkedChild) -> None:
    """Whoever has its number can signal its group."""
    assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid


def test_its_end_is_told_once_and_for_all(child: ForkedChild) -> None:
    """While it lives there is no code; then it is that of the signal, however often one asks."""
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    os.kill(child.pid, signal.SIGKILL)
    assert [child.wait(5), child.wait(0), child.poll()] == [-signal.SIGKILL] * 3


def test_it_shows_another_command_line_and_the_same_environment() -> None:
    """The words are cut to the room of the first; by the environment it is still found."""
    code = (
        "import os; from runner import processes; from pathlib import Path\n"
        "before = Path('/proc/self/environ').read_bytes()\n"
        "processes.name_process(['-m', 'ipykernel_launcher', 'x' * 9999])\n"
        "assert Path('/proc/self/environ').read_bytes() == before\n"
        "print(Path('/proc/self/cmdline').read_text())"
    )
    words = [sys.executable, "-c", code]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout
    first, *rest = said.strip().rstrip("\0").split("\0")
    assert Path(first) == Path(sys.executable)
    assert rest[:2] == ["-m", "ipykernel_launcher"]
    assert len(said) - 1 == sum(len(word.encode()) + 1 for word in words)


def test_one_that_is_gone_has_ended(child: ForkedChild) -> None:
    """Whoever has reaped it meanwhile: then there is no pidfd of it any more."""
    os.kill(child.pid, signal.SIGKILL)
    child.wait(5)
    asyncio.run(asyncio.wait_for(processes.wait_ended(child), 5))
