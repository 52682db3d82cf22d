"""A point is charged with the deaths of workers on which it ran, and then runs alone."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from runner.sweep.nodes.worker_deaths import Company, failure, workers_that_died


def scheduler(deaths: dict[str, int], *begun: tuple[str, str]) -> Any:
    """Be dask's, of which workers have said that they begin tasks."""
    events = [(1.0, {"key": key, "worker_name": worker}) for key, worker in begun]
    tasks = {key: SimpleNamespace(suspicious=count) for key, count in deaths.items()}
    return SimpleNamespace(tasks=tasks, get_events=lambda topic: tuple(events))


@pytest.mark.parametrize(
    ("deaths", "died"),
    [(0, []), (1, ["b"]), (2, ["a", "b"]), (5, ["a", "b"])],
)
def test_a_death_counts_where_the_task_had_begun(deaths: int, died: list[str]) -> None:
    """Not one of a worker in whose queue it was, nor one of another task."""
    known = scheduler({"k": deaths}, ("k", "a"), ("other", "c"), ("k", "b"))
    assert workers_that_died("topic", "k", dask_scheduler=known) == died


def test_a_task_that_is_forgotten_has_none() -> None:
    """Its driver is gone."""
    assert workers_that_died("topic", "k", dask_scheduler=scheduler({}, ("k", "a"))) == []


def test_the_reason_names_them() -> None:
    """With their number."""
    assert str(failure(["a", "b"])) == "2 workers died while they ran it: a, b"


def test_who_runs_alone_has_no_neighbours() -> None:
    """It waits for those that run, and those that come later for it; the others run together."""

    async def run() -> list[str]:
        company, said = Company(), list[str]()
        ends = {name: asyncio.Event() for name in "abXc"}

        async def join(name: str) -> None:
            async with company.joined(alone=name.isupper()):
                said.append(name)
                await ends[name].wait()
            said.append(f"-{name}")

        tasks = [asyncio.ensure_future(join(name)) for name in ends]
        for end in ends.values():
            for _ in range(10):
                await asyncio.sleep(0)
            end.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 5)
        return said

    assert asyncio.run(run()) == ["a", "b", "-a", "-b", "X", "-X", "c", "-c"]


def test_who_is_cancelled_as_it_waits_holds_up_nobody() -> None:
    """Neither one that was to run alone, nor one behind it."""

    async def run() -> None:
        company = Company()

        async def join(alone: bool) -> None:
            async with company.joined(alone=alone):
                pass

        async with company.joined(alone=False):
            waiting = [asyncio.ensure_future(join(alone)) for alone in (True, False)]
            await asyncio.sleep(0.01)
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            await asyncio.wait_for(join(False), 5)
        await asyncio.wait_for(join(True), 5)

    asyncio.run(run())
