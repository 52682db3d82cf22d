"""The driver's side of a point on a node: what comes back, what does not, and what is unwanted."""

from __future__ import annotations

import asyncio
import collections
import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from distributed import KilledWorker
from support import write_notebook

from runner.config import EngineConfig, KernelChoice, TimeLimits
from runner.errors import KernelDiedError, RunnerError
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

    def __init__(self, key: str) -> None:
        self.key = key
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
        self._come = collections.defaultdict[int, asyncio.Event](asyncio.Event)

    def subscribe_topic(self, topic: str, handler: Any) -> None:
        self.hear = handler

    async def submitted_by_now(self, number: int) -> tuple[PointOrder, Task]:
        """Give what was submitted as the task of a number, once it was."""
        await asyncio.wait_for(self._come[number].wait(), 10)
        return self.submitted[number][0][1], self.tasks[number]

    def submit(self, function: Any, *given: Any, **options: Any) -> Task:
        self.submitted.append((given, options))
        self._come[len(self.tasks)].set()
        self.tasks.append(Task(options["key"]))
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
        (
            Handover(code=0, node="n1", died=("n1", "n2", "n1")),
            "3 workers died while they ran it: n1, n2, n1",
        ),
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


def killed(forgiven: int) -> KilledWorker:
    """What dask says of a task that it gives up: how many deaths its scheduler forgives."""
    return KilledWorker("key", None, forgiven)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_up", "reason"),
    [
        ([(2, "abc")], "3 workers died while they ran it: a, b, c"),
        ([(0, "a"), (0, "b"), (0, "c")], "3 workers died while they ran it: a, b, c"),
        ([(1, "ab"), (1, "cd")], "4 workers died while they ran it: a, b, c, d"),
        (
            [(0, "a"), (0, ""), (0, "b"), (0, ""), (0, "c")],
            "3 workers died while they ran it: a, b, c",
        ),
        ([(0, "")] * 10, "10 times workers died before it had begun there"),
    ],
)
def test_a_point_that_dask_gives_up_is_submitted_until_three_workers_died(
    point: Point, source: Path, order: SweepOrder, given_up: list[tuple[int, str]], reason: str
) -> None:
    """Each time it is told which did before; what has begun nowhere is given up much later."""

    async def run() -> None:
        scheduler = Scheduler()
        launches = launcher(scheduler, source, order)
        ended = asyncio.ensure_future(launches.start(point, lambda *_: None).ended())
        died: list[str] = []
        for number, (forgiven, begun) in enumerate(given_up):
            given, task = await scheduler.submitted_by_now(number)
            assert list(given.died) == died
            for name in begun:
                facts = {"worker": f"tcp://{name}", "node": name, "worker_name": name}
                scheduler.hear((0.0, {"key": task.key, "differs": [], **facts}))
            task.outcome.set_exception(killed(forgiven))
            died += begun
        assert await asyncio.wait_for(ended, 10) == KernelDiedError.exit_code
        assert all(task.is_released for task in scheduler.tasks)
        assert len(scheduler.tasks) == len(given_up)

    asyncio.run(run())
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
            scheduler.hear((0.0, {"key": said, "worker_name": node, **facts}))
        return heard

    assert asyncio.run(run()) == [("x=1", "n1"), ("x=1", "n9"), ("x=1", "n9")]
    assert caplog.messages == ["n9: other versions than here: numpy 1 (here 2)"]
