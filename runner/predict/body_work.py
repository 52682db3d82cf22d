"""Read bodies and write answers: small ones on the loop, large ones in a thread, one at a time.

The size of the body decides, for reading, validating and writing alike.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import TypeVar

from runner.predict.serial_thread import SerialThread
from runner.processes import MemoryReturns, return_memory

SMALL = 16_384
"""Bytes of a body up to which no work on it takes longer than 50 ms."""

Found = TypeVar("Found")


def _uncollected(act: Callable[[], Found]) -> Found:
    """Do something without Python's collector, which would walk all that is made, again and again.

    While a body of many lists is read, that takes most of the time, and nobody else has a turn.
    """
    if not gc.isenabled():
        return act()
    gc.disable()
    try:
        return act()
    finally:
        gc.enable()


class BodyWork:
    """Do the work on the bodies of one worker; its thread begins with the first large one."""

    def __init__(self) -> None:
        self._thread: SerialThread | None = None
        self._returns = MemoryReturns()

    async def run(self, size: int, act: Callable[[], Found]) -> Found:
        """Give what a function gives, or raise what it raises.

        Args:
            size: Bytes of the body that it works on.
            act: The function.
        """
        if size <= SMALL:
            return act()
        self._thread = self._thread or SerialThread("bodies")
        self._returns.expect()
        return await self._thread.result_of(functools.partial(_uncollected, act))

    def return_memory(self) -> None:
        """Give back what bodies took, if there were any; to be called now and then."""
        if self._thread is not None and self._returns.take_one():
            self._thread.run(return_memory)

    def close(self) -> None:
        """Let the thread end after what it was given."""
        if self._thread is not None:
            self._thread.close()
            self._thread = None
