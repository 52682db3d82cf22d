"""The node's side of a point: a run ends with its task."""

from __future__ import annotations

import asyncio

import pytest

from runner.sweep.nodes import point_task


class Process:
    """Be a run that ends when it is told to, or only when it is killed."""

    def __init__(self, *, is_stubborn: bool = False) -> None:
        self.is_stubborn, self.told = is_stubborn, list[str]()
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def terminate(self) -> None:
        self.told.append("terminate")
        if not self.is_stubborn:
            self._end.set_result(143)

    def kill(self) -> None:
        self.told.append("kill")
        self._end.set_result(-9)

    def finish(self) -> None:
        self._end.set_result(0)

    async def ended(self) -> int:
        return await asyncio.shield(self._end)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(point_task, "_LOOK_EVERY", 0.001)


def test_a_run_that_ends_gives_its_code() -> None:
    """Nothing is done to it."""

    async def run() -> None:
        process = Process()
        asyncio.get_running_loop().call_later(0.01, process.finish)
        assert await point_task._ended(process, lambda: True, 1) == 0  # type: ignore[arg-type]
        assert process.told == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("is_stubborn", "told"), [(False, ["terminate"]), (True, ["terminate", "kill"])]
)
def test_a_run_that_nobody_wants_is_ended(is_stubborn: bool, told: list[str]) -> None:
    """At first it is asked to; what does not hear is killed when its time is over."""

    async def run() -> None:
        process = Process(is_stubborn=is_stubborn)
        assert await point_task._ended(process, lambda: False, 0.01) is None  # type: ignore[arg-type]
        assert process.told == told

    asyncio.run(run())


def test_a_run_ends_with_its_worker() -> None:
    """A worker that is closed cancels its tasks: there is no time to ask."""

    async def run() -> None:
        process = Process()
        task = asyncio.ensure_future(point_task._ended(process, lambda: True, 1))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert process.told == ["kill"]

    asyncio.run(run())
