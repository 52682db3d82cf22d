"""Run points side by side, each by a process of its own, until none is left or a stop comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Protocol

from runner.run.stop_request import StopRequest
from runner.sweep.point_queue import PointSource
from runner.sweep.points import Point

SECONDS_TO_CLOSE = 5.0
"""Time that a run has, after its cell's own, to close its record."""

_LOOK_AGAIN = 0.1  # seconds until a point is asked for again where there was none; at first
_LOOK_AT_LEAST = 2.0


class RunningPoint(Protocol):
    """Be the run of a point: a real process, or a test's."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""

    async def ended(self) -> int:
        """Wait for its end; give its exit code."""


class ParallelRuns:
    """Keep a number of runs going.

    Args:
        launch: Starts the run of a point.
        on_end: Called with a point and an exit code when its run has ended.
        stop: The requests to stop.
        grace: Seconds that a cell has to end after one.
    """

    def __init__(
        self,
        launch: Callable[[Point], RunningPoint],
        on_end: Callable[[Point, int], None],
        stop: StopRequest,
        grace: float,
    ) -> None:
        self._launch, self._on_end = launch, on_end
        self._stop, self._seconds_to_end = stop, grace + SECONDS_TO_CLOSE
        self._stopping, self._urgent = asyncio.Event(), asyncio.Event()

    async def run(self, points: PointSource, jobs: int) -> None:
        """Run all points, ``jobs`` at a time; after a stop, end what runs and start no more."""
        loop = asyncio.get_running_loop()
        self._stop.subscribe(lambda: loop.call_soon_threadsafe(self._note_stop))
        try:
            async with asyncio.TaskGroup() as slots:
                for _ in range(jobs):
                    slots.create_task(self._slot(points))
        finally:
            self._stop.subscribe(lambda: None)

    def _note_stop(self) -> None:
        self._stopping.set()
        if self._stop.is_urgent:
            self._urgent.set()

    async def _slot(self, points: PointSource) -> None:
        while (point := await self._next(points)) is not None:
            try:
                process = self._launch(point)
                code = await self._exit_code(process)
                self._on_end(point, code)
            finally:
                points.release(point)

    async def _next(self, points: PointSource) -> Point | None:
        """Wait for a point; None if no more is to be run."""
        seconds = _LOOK_AGAIN
        while not (self._stopping.is_set() or points.is_exhausted):
            if (point := points.take()) is not None:
                return point
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
            seconds = min(2 * seconds, _LOOK_AT_LEAST)
        return None

    async def _exit_code(self, process: RunningPoint) -> int:
        """Wait for the end of a process; see to it after a stop, or when another slot broke."""
        ended = asyncio.ensure_future(process.ended())
        try:
            if not await _has_ended_first(ended, self._stopping):
                process.terminate()
                await _has_ended_first(ended, self._urgent, self._seconds_to_end)
        finally:
            if not ended.done():
                process.kill()
            await asyncio.wait({ended})
        return ended.result()


async def _has_ended_first(
    ended: asyncio.Future[int], event: asyncio.Event, seconds: float | None = None
) -> bool:
    """Wait until a process has ended, an event has come, or time is up; say whether it ended."""
    happened = asyncio.ensure_future(event.wait())
    waits: set[asyncio.Future[Any]] = {ended, happened}
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        happened.cancel()
    return ended.done()
