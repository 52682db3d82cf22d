"""The pool: so many at a time, nothing after a stop, and nobody left."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from runner.run.stop_request import StopRequest
from runner.sweep.parallel_runs import ParallelRuns
from runner.sweep.point_queue import ListedPoints
from runner.sweep.points import Point

POINTS = [
    Point(name=str(n), chosen={}, values={}, record=Path(str(n)), identity="") for n in range(5)
]


class FakeRun:
    """A run that ends when it is told to, or by itself after a turn of the loop."""

    def __init__(self, *, is_deaf: bool = False, lasts: bool = False) -> None:
        self.told: list[str] = []
        self._is_deaf = is_deaf
        self._over = asyncio.Event()
        if not lasts:
            asyncio.get_running_loop().call_soon(self._over.set)

    def terminate(self) -> None:
        self.told.append("TERM")
        if not self._is_deaf:
            self._over.set()

    def kill(self) -> None:
        self.told.append("KILL")
        self._over.set()

    async def ended(self) -> int:
        await self._over.wait()
        return 0


class Floor:
    """What happens in a pool."""

    def __init__(self, **kind: bool) -> None:
        self.stop = StopRequest()
        self.runs: list[FakeRun] = []
        self.heard: list[str] = []
        self.most = 0
        self._kind = kind
        self.pool = ParallelRuns(self.launch, self.hear, self.stop, grace=-4.9)

    def launch(self, point: Point) -> Any:
        self.runs.append(FakeRun(**self._kind))
        self.most = max(self.most, len(self.runs) - len(self.heard))
        return self.runs[-1]

    def hear(self, point: Point, code: int) -> None:
        self.heard.append(point.name)

    def ask_to_stop(self, times: int = 1) -> None:
        for _ in range(times):
            self.stop._note(2, None)


def test_all_points_are_run_so_many_at_a_time() -> None:
    """Each is run once, in their order, and the slots are all used."""

    async def act() -> Floor:
        floor = Floor()
        await floor.pool.run(ListedPoints(POINTS), jobs=2)
        return floor

    floor = asyncio.run(act())
    assert floor.heard == ["0", "1", "2", "3", "4"]
    assert floor.most == 2


@pytest.mark.parametrize(
    ("is_deaf", "told"), [(False, ["TERM"]), (True, ["TERM", "KILL"])], ids=["polite", "deaf"]
)
def test_a_stop_ends_what_runs_and_starts_nothing(is_deaf: bool, told: list[str]) -> None:
    """Who does not end within the grace period is killed."""

    async def act() -> Floor:
        floor = Floor(lasts=True, is_deaf=is_deaf)
        asyncio.get_running_loop().call_later(0.05, floor.ask_to_stop)
        await floor.pool.run(ListedPoints(POINTS), jobs=2)
        return floor

    floor = asyncio.run(act())
    assert [run.told for run in floor.runs] == [told, told]


def test_a_second_signal_kills_at_once() -> None:
    """Whoever presses Ctrl-C twice does not want to wait."""

    async def act() -> Floor:
        floor = Floor(lasts=True, is_deaf=True)
        floor.pool._patience = 60
        asyncio.get_running_loop().call_later(0.05, floor.ask_to_stop, 2)
        await asyncio.wait_for(floor.pool.run(ListedPoints(POINTS), jobs=1), 10)
        return floor

    assert asyncio.run(act()).runs[0].told == ["TERM", "KILL"]


def test_what_cannot_be_started_ends_the_rest() -> None:
    """No run is left without anybody who watches it."""
    floor: list[Floor] = []

    async def act() -> None:
        floor.append(Floor(lasts=True, is_deaf=True))
        launch = floor[0].pool._launch

        def refuse(point: Point) -> Any:
            if point.name == "1":
                raise OSError("no more processes")
            return launch(point)

        floor[0].pool._launch = refuse
        await floor[0].pool.run(ListedPoints(POINTS), jobs=2)

    with pytest.raises(ExceptionGroup):
        asyncio.run(act())
    assert [run.told for run in floor[0].runs] == [["KILL"]]
