"""End what this process has started once it has ended itself, however that was: by kill -9 too.

It is told by its mark in the environment, whoever its parent is by then. Run as a script, this
module is the one that waits: a process in a session of its own, which is no child of ours.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

_MARK = "ENDS_WITH_ITS_STARTER"


@functools.cache
def leave_nothing(patience: float = 10) -> None:
    """See to it that nothing outlives us of what we start from now on; on Linux.

    Args:
        patience: Seconds that it has between SIGTERM and SIGKILL.
    """
    if not hasattr(os, "pidfd_open"):
        return
    # The one that waits must not have the mark of a process above us: it would end with us.
    environ = {name: value for name, value in os.environ.items() if name != _MARK}
    os.environ[_MARK] = uuid.uuid4().hex
    words = [str(os.getpid()), os.environ[_MARK], str(patience)]
    null = subprocess.DEVNULL
    subprocess.run(
        [sys.executable, "-I", "-S", __file__, *words],
        env=environ,
        stdin=null,
        stdout=null,
        start_new_session=True,
        check=True,
        timeout=60,
    )


def marked(name: str, value: str) -> list[int]:
    """List the living processes that inherited this variable, whoever their parent is now."""
    wanted, found = f"{name}={value}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _marked_at_last(mark: str) -> list[int]:
    """List likewise; one that is between two programs has no environment for a moment."""
    for _ in range(3):
        if found := marked(_MARK, mark):
            return found
        time.sleep(0.05)
    return []


def kill(living: Callable[[], list[int]]) -> None:
    """Kill what is left, and what it starts meanwhile."""
    deadline = time.monotonic() + 5
    while (left := living()) and time.monotonic() < deadline:
        _signal(left, signal.SIGKILL)
        time.sleep(0.05)


def _signal(pids: list[int], signum: int) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signum)


def _wait(pid: int, mark: str, patience: float) -> None:
    ended = os.pidfd_open(pid)
    if os.fork():
        return  # from here on it is seen
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, sys.stderr.fileno())  # whoever reads what a benchmark says waits for its end
    end = select.poll()
    end.register(ended)
    end.poll()
    living = functools.partial(_marked_at_last, mark)
    _signal(living(), signal.SIGTERM)
    deadline = time.monotonic() + patience
    while living() and time.monotonic() < deadline:
        time.sleep(0.05)
    kill(living)


if __name__ == "__main__":
    _wait(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
