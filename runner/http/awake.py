"""Wait awake, for a moment, for a client that is alone and asks again at once.

To fall asleep and be woken takes some 30 µs on a virtual machine, more than many an answer. After
each such wait that was in vain, many others are slept through: so it costs little where a client
takes its time, or needs the processor that waits for it.
"""

from __future__ import annotations

import asyncio
import time

AWAKE = 100e-6  # seconds, in which idle processors of virtual machines wake, the client's too
ASLEEP = 32  # waits


class AwakeWaits:
    """Say which waits are awake.

    Attributes:
        asleep: How many are to be slept through.
    """

    __slots__ = ("asleep",)

    def __init__(self) -> None:
        self.asleep = 0

    def is_next_awake(self) -> bool:
        """Begin a wait; tell whether it is to be awake."""
        if self.asleep:
            self.asleep -= 1
            return False
        return True

    def note_in_vain(self) -> None:
        """Sleep through many: nothing came in one that was awake."""
        self.asleep = ASLEEP


class AwakeLoop:
    """Have an event loop look for what comes without falling asleep.

    Args:
        loop: By which all methods are called.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._until = 0.0
        self._is_awake = False
        self._waits = AwakeWaits()

    def wait(self, now: float) -> None:
        """Begin a wait, or go on with the one before.

        Args:
            now: Seconds, by `time.monotonic`.
        """
        if self._is_awake:
            self._until = now + AWAKE
        elif self._waits.is_next_awake():
            self._until, self._is_awake = now + AWAKE, True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Be called at each turn, of which none waits while there is something to call."""
        if time.monotonic() < self._until:
            self._loop.call_soon(self._look)
        else:
            self._is_awake = False
            self._waits.note_in_vain()
