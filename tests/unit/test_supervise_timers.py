"""The lifecycle's timers, on a real loop."""

from __future__ import annotations

import asyncio

from runner.supervise.events import Timer, TimerFired
from runner.supervise.timers import Timers


def test_a_timer_fires_once_and_the_last_that_was_set_counts() -> None:
    """One of a kind for each run; others are not touched."""
    told: list[TimerFired] = []

    async def story() -> None:
        timers = Timers(told.append)
        timers.set(Timer.RESTART, 0, 60.0)
        assert 59 < (timers.left(Timer.RESTART, 0) or 0) <= 60
        timers.set(Timer.RESTART, 0, 0.0)
        timers.set(Timer.KILL, 1, 0.0)
        timers.cancel(Timer.KILL, 1)
        timers.cancel(Timer.KILL, 2)
        await asyncio.sleep(0.01)
        assert timers.left(Timer.RESTART, 0) is None

    asyncio.run(story())
    assert told == [TimerFired(timer=Timer.RESTART, run=0)]
