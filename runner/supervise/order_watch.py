"""Notice that a run which waits for its order does not take any."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from runner.liveness.heartbeat import Heartbeat
from runner.spawn.processes import RunProcess
from runner.supervise.events import Hung

_WITHIN = 5.0
_FIRST_WITHIN = 60.0  # what it is forked from may have to be started, and imports a lot


class OrderWatch:
    """Send orders that ask for nothing, until the order to go was taken.

    Args:
        is_waiting: Tells whether a run is still to get its order.
        tell: Gets what becomes of a run.
        ready_timeout: Seconds that a run has until it serves: where all is slow they are many.
    """

    def __init__(
        self,
        is_waiting: Callable[[int], bool],
        tell: Callable[[Hung], None],
        ready_timeout: float,
    ) -> None:
        self._is_waiting, self._tell = is_waiting, tell
        self._first_within = max(_FIRST_WITHIN, ready_timeout / 2)
        self._loop = asyncio.get_running_loop()
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def begin(self, run: int, process: RunProcess) -> None:
        """Watch a run whose process was started."""
        self._look(run, process, Heartbeat(self._first_within))

    def end(self, run: int) -> None:
        """Watch it no longer."""
        if timer := self._timers.pop(run, None):
            timer.cancel()

    def close(self) -> None:
        """Watch none."""
        for run in list(self._timers):
            self.end(run)

    def _look(self, run: int, process: RunProcess, beat: Heartbeat) -> None:
        self._timers.pop(run, None)
        if process.pid and process.has_taken_orders:
            if not self._is_waiting(run):
                return
            beat = beat if beat.timeout == _WITHIN else Heartbeat(_WITHIN)
            beat.answered()
        elif process.has_begun and beat.timeout != _WITHIN:
            beat = Heartbeat(_WITHIN)
        if beat.look(self._loop.time()):
            process.order(do="ping")
        if beat.is_overdue:
            said = f"its process has taken no order for {beat.timeout:g} s"
            self._tell(Hung(run=run, reason=said))
            return
        every = min(beat.every, _WITHIN / 8)
        self._timers[run] = self._loop.call_later(every, self._look, run, process, beat)
