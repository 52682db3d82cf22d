"""Tell the lifecycle when the times are over that it has set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from runner.supervise.events import Timer, TimerFired


class Timers:
    """Hold at most one timer of a kind for each run; run 0 is the service.

    Args:
        tell: Gets those that have fired.
    """

    def __init__(self, tell: Callable[[TimerFired], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._set: dict[tuple[Timer, int], asyncio.TimerHandle] = {}

    def set(self, timer: Timer, run: int, seconds: float) -> None:
        """Start one, in the place of one that runs."""
        self.cancel(timer, run)
        fired = TimerFired(timer=timer, run=run)
        self._set[timer, run] = self._loop.call_later(seconds, self._tell, fired)

    def cancel(self, timer: Timer, run: int) -> None:
        """Stop one, if it runs."""
        if handle := self._set.pop((timer, run), None):
            handle.cancel()

    def left(self, timer: Timer, run: int) -> float | None:
        """Give the seconds until it fires; None if it does not run."""
        handle = self._set.get((timer, run))
        if handle is None or handle.when() <= self._loop.time():
            return None
        return handle.when() - self._loop.time()
