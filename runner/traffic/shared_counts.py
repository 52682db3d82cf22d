"""Let the processes of one service find the memory in which its workers count.

The kernel makes that memory without a name (memfd), so that nothing of it is left when all who
have it are gone, and leaves a note in the folder that supervisor, run and kernel share. Who reads
that in time keeps the memory, whatever becomes of the kernel. Source: memfd_create(2),
proc_pid_fd(5).
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from runner.files import write_atomically

_NAME = "runner-counts"
_LARGEST_NOTE = 1_000_000  # bytes


class SharedCounts:
    """Own a memory of numbers that others can map.

    Args:
        size: Bytes.

    Attributes:
        memory: The numbers, as doubles; zero at first.
    """

    def __init__(self, size: int) -> None:
        self._fd = -1
        if hasattr(os, "memfd_create"):  # elsewhere only what is forked from us has it
            with contextlib.suppress(OSError):  # a sandbox may refuse it
                self._fd = os.memfd_create(_NAME)
                weakref.finalize(self, os.close, self._fd).atexit = False
                os.truncate(self._fd, size)
        self.memory = memoryview(mmap.mmap(self._fd, size)).cast("d")

    def tell(self, folder: Path, run: str, facts: Mapping[str, Any]) -> None:
        """Leave a note of where it is, for one run; nothing where others cannot map it.

        Raises:
            OSError: It cannot be written.
        """
        if self._fd >= 0:
            note = {"pid": os.getpid(), "fd": self._fd, **facts}
            write_atomically(note_path(folder, run), json.dumps(note), mode=0o600)


class FoundCounts:
    """Hold the memory of another process, to read it.

    Attributes:
        memory: Its numbers.
        facts: What its owner has said of them.
    """

    def __init__(self, memory: Sequence[float], facts: Mapping[str, Any]) -> None:
        self.memory, self.facts = memory, facts

    @classmethod
    def find(cls, folder: Path, run: str) -> Self | None:
        """Map the memory of a run; None if there is none."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            path = note_path(folder, run)
            if path.stat().st_size <= _LARGEST_NOTE:
                note = json.loads(path.read_bytes())
                return cls(_mapped(int(note["pid"]), int(note["fd"])), note)
        return None


def note_path(folder: Path, run: str) -> Path:
    """Say where the note of a run is."""
    return folder / f"counts-{run}.json"


def forget(folder: Path, run: str) -> None:
    """Remove the note of a run that has ended, if there is one."""
    with contextlib.suppress(OSError):
        note_path(folder, run).unlink(missing_ok=True)


def _mapped(pid: int, fd: int) -> Sequence[float]:
    opened = os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        # The number may be that of another file by now.
        if not Path(f"/proc/self/fd/{opened}").readlink().match(f"/memfd:{_NAME}*"):
            raise ValueError(f"{fd} of process {pid} is something else")
        return memoryview(mmap.mmap(opened, 0, prot=mmap.PROT_READ)).cast("d")
    finally:
        os.close(opened)
