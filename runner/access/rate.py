"""Bound how often somebody may ask: a bucket that fills at an even pace, and holds a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Rate:
    """Allow so many requests a second.

    Args:
        per_second: How many; as many at once, and one at least.
        clock: Gives seconds, and never goes back.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._most = self._left = max(1.0, per_second)
        self._at = clock()
        self._taking = threading.Lock()  # threads with WSGI apps ask too

    def take(self) -> float:
        """Take one request; else give the seconds until there is one."""
        with self._taking:
            now = self._clock()
            self._left = min(self._most, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return (1 - self._left) / self._per_second
            self._left -= 1
            return 0.0
