"""Fork a process that leads a session of its own, and look after it."""

from __future__ import annotations

import ctypes
import os
import select
import subprocess
import sys
import warnings
from pathlib import Path


class Offspring:
    """Be, for a forked child, what ``subprocess.Popen`` is for a spawned one.

    Attributes:
        pid: Its number, which is its process group's too.
        args: By what it could have been started.
        returncode: How it ended; None while it lives.
    """

    def __init__(self, pid: int, args: list[str]) -> None:
        self.pid = pid
        self.args = args
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Give its exit code, or None while it lives."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit code.

        Args:
            timeout: Seconds.

        Raises:
            subprocess.TimeoutExpired: It still lives then.
        """
        if self.poll() is None:
            fd = os.pidfd_open(self.pid)
            try:
                select.select([fd], [], [], timeout)
            finally:
                os.close(fd)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code


def fork() -> int:
    """Fork a child that leads a session of its own before we go on; 0 in the child."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of threads: the linear algebra's, which it ends before a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        os.setsid()
    os.close(write)
    if pid:
        os.read(read, 1)
    os.close(read)
    return pid


def name_process(words: list[str]) -> None:
    """Show another command line, of these words after ``python``, to ``ps``; on Linux.

    It is cut to the room of the first. The library for this, setproctitle, takes more room from
    the environment beside it, by which others find our processes.
    """
    # Fields 48 and 49 of proc_pid_stat(5): where the command line lies in our memory.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    line = "\0".join([sys.executable, *words]).encode()[: end - start - 1]
    ctypes.memmove(start, line.ljust(end - start, b"\0"), end - start)
