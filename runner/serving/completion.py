"""Know when all cells that will run have run: only then a notebook's service is ready.

The rules of this file:

1. The last cell, which the run puts in, comes when all have run. A cell that serves by its own
   call is the last to run.
2. Cells beside which something is to be served may stay where they are for ever: see
   `runner.serving.cell_end`. Then no other cell will run.
3. What cannot be told is waited for; a cell that has gone on for 20 seconds is taken to stay.
4. What the notebook has forked serves for it, and waits for the same.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from runner.serving import cell_end

_LOOK_EVERY = 0.1
_STAYS_FOR = 0.5
_PATIENCE = 20.0
_sleep = time.sleep  # before a notebook may replace it


class Completion:
    """Hold whether all have run, also for processes that are forked later."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, 8)
        self._home = os.getpid()

    @property
    def is_reached(self) -> bool:
        """Tell whether all have run."""
        return bool(self._page[0])

    def reach(self) -> None:
        """Say that they have."""
        self._page[0] = 1

    @property
    def is_home(self) -> bool:
        """Tell whether this is the process that runs the cells."""
        return os.getpid() == self._home

    @property
    def child(self) -> int:
        """Give the process that was forked, and serves; 0 if there is none, or it has ended."""
        pid = int(struct.unpack_from("i", self._page, 4)[0])
        return pid if pid and _is_running(pid) else 0

    def wait_as_child(self) -> None:
        """Wait, as a process that the notebook has forked, until all its cells have run."""
        struct.pack_into("i", self._page, 4, os.getpid())
        parent = os.getppid()
        while not self.is_reached and os.getppid() == parent:
            _sleep(_LOOK_EVERY)


class CellWatch:
    """Look, on a thread of its own, whether the cells have come to where they stay.

    Args:
        completion: Is reached then.
        offers: Tells whether there is something to serve beside the cells.
        opener: Gives what was running when that began.
        is_over: Tells whether there is no use in looking any more.
        then: Called once, when it is reached so.
    """

    def __init__(
        self,
        completion: Completion,
        offers: Callable[[list[FrameType]], bool],
        opener: Callable[[], FrameType | None],
        is_over: Callable[[], bool],
        then: Callable[[], None],
    ) -> None:
        self._completion, self._offers, self._opener = completion, offers, opener
        self._is_over, self._then = is_over, then
        self._loop = _running_loop()
        self._cell = self._at_cell_since = self._stays_since = 0.0

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._watch, name="cell-watch", daemon=True).start()

    def _watch(self) -> None:
        while not self._completion.is_reached and not self._is_over():
            _sleep(_LOOK_EVERY)
            if self.has_come_to_stay(time.monotonic()) and not self._completion.is_reached:
                self._completion.reach()
                self._then()

    def has_come_to_stay(self, now: float) -> bool:
        """Look once.

        Args:
            now: Seconds of a clock that never goes back.
        """
        frames = cell_end.frames_of_cell(self._loop)
        if not self._offers(frames) or not frames:
            self._stays_since = now
            return False
        if (cell := _cell_number()) != self._cell:
            self._cell, self._at_cell_since = cell, now
        if not cell_end.stays(frames, self._opener()):
            self._stays_since = now
        return now - self._stays_since >= _STAYS_FOR or now - self._at_cell_since >= _PATIENCE


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _cell_number() -> int:
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    return int(shell.execution_count) if shell else 1


def _is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - a child's, and no path
            return file.read().rpartition(b")")[2].split()[0] not in {b"Z", b"X"}
    except OSError:
        return False
