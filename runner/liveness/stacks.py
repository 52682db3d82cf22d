"""Have a process that hangs say where: the stacks of its threads, by a signal.

The signal's handler is C code that needs neither Python's lock nor a thread that turns. What it
writes goes into a file of its own, and from there to the log as one event.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
from pathlib import Path

WITHIN = 0.5
"""Seconds that a process has to write them."""

_LONGEST = 20_000
_files: list[int] = []  # where this process writes them


def write_when_asked(fd: int) -> None:
    """Let this process write its stacks to an open file whenever it is asked."""
    _files[:] = [fd]
    if sys.platform == "linux":
        faulthandler.register(_signal(), file=fd, all_threads=True, chain=False)


def write_now() -> None:
    """Write them without being asked, if this process has prepared for it."""
    for fd in _files:
        faulthandler.dump_traceback(file=fd, all_threads=True)


def ask(pid: int) -> None:
    """Ask a process that can write its stacks for them; one that was stopped is let go on."""
    for signum in (_signal(), signal.SIGCONT):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


def read(fd: int) -> str:
    """Read what was written to an open file, newest call first."""
    return os.pread(fd, _LONGEST, 0).decode(errors="replace").strip()


def path_for(folder: Path, pid: int) -> Path:
    """Where a process that has only a folder in common with whoever asks writes them."""
    return folder / f"stacks-{pid}"


def _signal() -> int:
    # A real-time signal: the others may be the notebook's own.
    return int(signal.SIGRTMIN) + 6
