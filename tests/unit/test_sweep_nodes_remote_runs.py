"""The driver's side of a point on a node: what comes back, what does not, and what is unwanted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from distributed import KilledWorker
from support import write_notebook

from runner.config import EngineConfig, KernelChoice, TimeLimits
from runner.errors import RunnerError
from runner.sweep.nodes import archive
from runner.sweep.nodes.archive import Member
from runner.sweep.nodes.handover import Handover
from runner.sweep.nodes.order import PointOrder, SweepOrder
from runner.sweep.nodes.remote_runs import RemoteLauncher
from runner.sweep.nodes.target import read_target
from runner.sweep.outcomes import STOPPED, outcome_of
from runner.sweep.points import Point


class Task:
    """Be dask's future of a task."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.is_released = False

    async def result(self) -> Any:
        return await asyncio.shield(self.outcome)

    def cancelled(self) -> bool:
        return self.outcome.cancelled()

    def release(self) -> None:
        self.is_released = True


class Scheduler:
    """Be dask's client, and remember what it was given."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.submitted: list[tuple[Any, dict[str, Any]]] = []
        self.hear: Any = None

    def subscribe_topic(self, topic: str, handler: Any) -> None:
        self.hear = handler

    def submit(self, function: Any, *given: Any, **options: Any) -> Task:
        self.submitted.append((given, options))
        self.tasks.append(Task())
        return self.tasks[-1]


@pytest.fixture
def point(tmp_path: Path) -> Point:
    folder = tmp_path / "points/x=1"
    values = {"password": "hunter2"}
    return Point(
        name="x=1", chosen={"x": 1}, values=values, given=values, record=folder / "out.ipynb",
        identity="known",
    )  # fmt: skip


@pytest.fixture
def order() -> SweepOrder:
    return SweepOrder(
        topic="topic",
        bundle_sha256="",
        notebook="a.ipynb",
        origin={"notebook": "a.ipynb"},
        config=EngineConfig(grace=0.1),
        time_limits=TimeLimits(),
        kernel=KernelChoice(),
        log_output=False,
        log_level="info",
        versions={},
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_notebook(tmp_path / "source.ipynb", "1")


def launcher(scheduler: Scheduler, source: Path, order: SweepOrder) -> RemoteLauncher:
    target = read_target("dask://head")
    return RemoteLauncher(scheduler, target, source, order, None)  # type: ignore[arg-type]


def handed(files: dict[str, bytes], **facts: Any) -> Handover:
    members = (Member(PurePosixPath(name), content) for name, content in files.items())
    return Handover(code=0, node="n1", data=archive.packed(members), **facts)


RECORD = json.dumps(
    {"cells": [], "metadata": {"runner": {"status": "completed", "sweep_identity": "known"}}}
).encode()


def ended(point: Point, source: Path, order: SweepOrder, outcome: Any) -> int:
    """Run a point whose task ends in some way; give its exit code."""

    async def run() -> int:
        scheduler = Scheduler()
        running = launcher(scheduler, source, order).start(point, lambda *_: None)
        (task,) = scheduler.tasks
        if outcome is asyncio.CancelledError:
            task.outcome.cancel()
        elif isinstance(outcome, Exception):
            task.outcome.set_exception(outcome)
        else:
            task.outcome.set_result(outcome)
        try:
            return await running.ended()
        finally:
            assert task.is_released

    return asyncio.run(run())


def test_what_comes_back_is_put_in_place(point: Point, source: Path, order: SweepOrder) -> None:
    """Before the run counts as ended."""
    assert ended(point, source, order, handed({"out.ipynb": RECORD, "a": b"1"})) == 0
    assert outcome_of(point).is_completed
    assert (point.record.parent / "a").exists()


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (KilledWorker("key", None, 3), "4 workers died while they ran it"),
        (OSError("no space left"), "the node could not run it: OSError: no space left"),
        (Handover(code=0, node="n1", refused="the run left 9 files"), "the run left 9 files"),
        (Handover(code=0, node="n1", data=b"no zip"), "not a whole zip: File is not a zip file"),
    ],
)
def test_a_point_that_brings_nothing_has_failed(
    point: Point, source: Path, order: SweepOrder, outcome: Any, reason: str
) -> None:
    """Its record, which the driver writes then, says why."""
    assert ended(point, source, order, outcome) != 0
    assert outcome_of(point).status == "failed"
    assert outcome_of(point).reason == reason


def test_without_its_scheduler_a_sweep_ends(point: Point, source: Path, order: SweepOrder) -> None:
    """No point has failed by that: the same command goes on."""
    with pytest.raises(RunnerError, match="the scheduler is gone"):
        ended(point, source, order, asyncio.CancelledError)
    assert not point.record.exists()


def test_an_unwanted_run_leaves_nothing(point: Point, source: Path, order: SweepOrder) -> None:
    """It is over at once here; the node ends it when it is forgotten."""

    async def run() -> int:
        running = launcher(Scheduler(), source, order).start(point, lambda *_: None)
        running.terminate()
        return await running.ended()

    assert asyncio.run(run()) == STOPPED
    assert not point.record.exists()


def test_a_key_and_what_dask_shows_tell_nothing(
    point: Point, source: Path, order: SweepOrder
) -> None:
    """Neither a parameter nor its name."""

    async def run() -> None:
        scheduler = Scheduler()
        launcher(scheduler, source, order).start(point, lambda *_: None)
        ((given, options),) = scheduler.submitted
        assert isinstance(given[1], PointOrder)
        assert given[1].point.values == {"password": "hunter2"}
        assert "hunter2" not in repr(given) + repr(options)
        assert "password" not in repr(given) + repr(options)

    asyncio.run(run())


def test_a_node_says_what_it_begins_and_once_what_it_has_otherwise(
    point: Point, source: Path, order: SweepOrder, caplog: pytest.LogCaptureFixture
) -> None:
    """Of one that was asked before, it is told already; a word of another's task is nobody's."""

    async def run() -> list[tuple[str, str]]:
        scheduler, heard = Scheduler(), list[tuple[str, str]]()
        launches = launcher(scheduler, source, order)
        launches.told |= {"tcp://n1"}
        launches.start(point, lambda of, node: heard.append((of.name, node)))
        key = scheduler.submitted[0][1]["key"]
        for said, node in [(key, "n1"), (key, "n9"), (key, "n9"), ("another", "n9")]:
            facts = {"worker": f"tcp://{node}", "node": node, "differs": ["numpy 1 (here 2)"]}
            scheduler.hear((0.0, {"key": said, **facts}))
        return heard

    assert asyncio.run(run()) == [("x=1", "n1"), ("x=1", "n9"), ("x=1", "n9")]
    assert caplog.messages == ["n9: other versions than here: numpy 1 (here 2)"]
