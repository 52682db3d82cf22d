"""Look at a process and all that come from it, by Linux' own files.

Sources: proc_pid_stat(5), proc_pid_smaps(5).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from runner.processes import shared_out_memory

_PROCESSES = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY = 0.25  # seconds between two looks


def pids(root: int) -> list[int]:
    """List a process and its descendants."""
    children: dict[int, list[int]] = {}
    for pid, fields in _stats():
        children.setdefault(int(fields[1]), []).append(pid)
    found = [root]
    for pid in found:  # it grows meanwhile
        found += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """Add up what they have taken of the CPU, and their children that have ended."""
    ours = set(pids(root))
    # utime, stime, cutime, cstime: fields 14 to 17, of which the first two stand before ours.
    return (
        sum(sum(int(field) for field in fields[11:15]) for pid, fields in _stats() if pid in ours)
        / _TICKS
    )


def memory(root: int) -> int:
    """Add up the bytes that they hold; pages that several share count once."""
    return sum(map(shared_out_memory, pids(root)))


class MemoryWatch:
    """Look every now and then how much they hold, in a thread of its own.

    Args:
        root: The process from which they come.
    """

    def __init__(self, root: int) -> None:
        self._root, self._peak = root, 0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def take_peak(self) -> int:
        """Give the most since this was asked last, or now."""
        now = memory(self._root)
        with self._lock:
            peak, self._peak = max(self._peak, now), 0
        return peak

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._over.wait(_EVERY):
            now = memory(self._root)
            with self._lock:
                self._peak = max(self._peak, now)


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Give the fields of each process that is there, from the third on, its state."""
    for folder in _PROCESSES.glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text()
        except OSError:  # it has ended
            continue
        yield int(folder.name), text.rpartition(")")[2].split()
