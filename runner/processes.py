"""Know this process and those it forks: their end, their memory."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import gc
import math
import os
import select
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

# Of mallopt(3). The largest is what the thresholds grow to by themselves at most.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_THRESHOLD, _LEAST_CUT = 33_554_432, 131_072


class ForkedChild:
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
                readable([fd], timeout)
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


def signal_name(number: int) -> str:
    """Name a signal, also one that has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def freeze_memory() -> None:
    """Take all that was made until now for lasting.

    It is neither walked by the collector again and again, nor are the pages that forked
    processes share written to for that. What was only passed through goes back to the system.
    """
    gc.collect()
    gc.freeze()
    return_memory()


class MemoryReturns:
    """Know whether memory is to be returned: twice behind what was large.

    The first time it may be in use yet.
    """

    def __init__(self) -> None:
        self._due = 0

    def expect(self) -> None:
        """Note that something large was in hand."""
        self._due = 2

    def take_one(self) -> bool:
        """Tell whether one is due, which is then no more."""
        is_due = self._due > 0
        self._due -= is_due
        return is_due


def return_memory() -> None:
    """Give what was freed back to the system; the C library keeps it for who asks next.

    Where it is not glibc, nothing happens. Sources: malloc_trim(3), mallopt(3).
    """
    if hasattr(libc := _libc(), "malloc_trim"):
        libc.malloc_trim(0)
        return_end_of_heap()


def return_end_of_heap() -> None:
    """Give back the end of the heap of this thread, where ``malloc_trim`` does not look.

    It is cut when something is freed and it is longer than a threshold, which grows with what was
    freed. So that is lowered for one call. Afterwards both are what they grow to at most.
    """
    if hasattr(libc := _libc(), "mallopt"):
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        libc.mallopt(_TRIM_THRESHOLD, _LEAST_CUT)
        libc.free(libc.malloc(_LEAST_CUT))
        libc.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_THRESHOLD)


@functools.cache
def _libc() -> Any:
    found = ctypes.CDLL(None)
    if hasattr(found, "mallopt"):
        found.malloc.restype, found.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        found.free.restype, found.free.argtypes = None, [ctypes.c_void_p]
    return found


def own_memory() -> int:
    """Count the bytes that this process holds alone: resident, not shared. Source: statm(5)."""
    _, resident, shared = (int(word) for word in Path("/proc/self/statm").read_text().split()[:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def shared_out_memory(pid: int) -> int:
    """Count a process's bytes, of shared ones its part; 0 if it has ended. Source: smaps_rollup."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def readable(fds: Iterable[int], seconds: float | None) -> set[int]:
    """Wait until some files can be read; `select` takes none whose number is 1024 or more.

    Args:
        fds: Their numbers.
        seconds: How long; None for ever.

    Returns:
        Those that can be read, or have ended.
    """
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return {fd for fd, _ in poll.poll(None if seconds is None else math.ceil(seconds * 1000))}


def is_writable(fd: int, seconds: float) -> bool:
    """Wait until a file takes something, for some seconds; for one of any number likewise."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(math.ceil(seconds * 1000)))


_OPEN_AGAIN = 0.2


class Process(Protocol):
    """Be a child of ours: a ``Popen``, or one that was forked."""

    pid: int

    def poll(self) -> int | None:
        """Give its exit code, or None while it lives."""


async def wait_ended(process: Process) -> None:
    """Wait until a process has ended: by its pidfd, in milliseconds and unreaped, on Linux."""
    if not hasattr(os, "pidfd_open"):
        while process.poll() is None:  # noqa: ASYNC110 - nothing to wait for but time
            await asyncio.sleep(0.1)
        return
    with contextlib.suppress(ProcessLookupError):  # somebody has reaped it by now
        await wait_pid_ended(process.pid)


async def wait_pid_ended(pid: int) -> None:
    """Wait likewise for one that need not be our child, on Linux.

    Raises:
        ProcessLookupError: There is none of this number.
    """
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    while (fd := open_end(pid)) < 0:  # noqa: ASYNC110 - too many open files; nobody tells when
        await asyncio.sleep(_OPEN_AGAIN)
    loop.add_reader(fd, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def open_end(pid: int) -> int:
    """Open a file that can be read when a process has ended; -1 if there can be none now.

    Raises:
        ProcessLookupError: There is none of this number.
    """
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except (AttributeError, OSError):  # on other systems; too many open files
        return -1


def open_files() -> int:
    """Count the files that this process has open; 0 if the system does not say."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return sum(1 for _ in Path(folder).iterdir())
    return 0


_MOST_FILES = 65_536


def raise_open_files() -> int:
    """Let this process have as many open files as it may, and say how many that are.

    Not beyond what any service needs: some programs walk through all that there may be.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return _MOST_FILES if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # macOS has a bound of its own below
        return soft
    return most
