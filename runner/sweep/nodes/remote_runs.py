"""Have points run on nodes, each by a task, and put in place what comes back.

The rules of this file:

1. A point is submitted once. Dask runs it again where a worker died. What it gives up, after as
   many deaths as its scheduler's settings say, is submitted again, until a point has failed by
   the rule of `worker_deaths`.
2. What comes back is put in place within the run's `ended`, so under the lock that the sweep holds
   for the point. Whatever else a node does reaches nothing here.
3. If the scheduler is gone, so are its tasks: nodes end runs that nobody wants. The sweep ends.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import KernelDiedError, NotebookError, RunnerError
from runner.sweep.launcher import Began
from runner.sweep.nodes import cluster, point_task, worker_deaths
from runner.sweep.nodes.archive import ArchiveError
from runner.sweep.nodes.handover import Handover, commit, commit_failure
from runner.sweep.nodes.order import PointOrder, SweepOrder
from runner.sweep.nodes.target import Target
from runner.sweep.outcomes import STOPPED
from runner.sweep.parallel_runs import RunningPoint
from runner.sweep.points import Point

if TYPE_CHECKING:
    from distributed import Client, Future, KilledWorker

log = logging.getLogger(__name__)

_MOST_TASKS = 10  # for a point
_SECONDS_TO_CLOSE = 10.0


class RemoteLauncher:
    """Have points run by the workers of a scheduler.

    Args:
        client: Of the scheduler.
        target: Which that is.
        source: The notebook's file, as the sweep began.
        order: What all points have in common.
        data: What travels, as the scheduler keeps it.

    Attributes:
        told: Nodes, and addresses of workers, of whose versions it has been told.
    """

    def __init__(
        self, client: Client, target: Target, source: Path, order: SweepOrder, data: Future
    ) -> None:
        self.client, self.target, self.source, self.order = client, target, source, order
        self._data = data
        self._runs: dict[str, RemoteRun] = {}
        self.told: set[str] = set()
        client.subscribe_topic(order.topic, self._hear)

    def start(self, point: Point, began: Began) -> RunningPoint:
        """Submit a point; ``began`` is called with it and its node when that has begun it."""
        return RemoteRun(self, point, lambda node: began(point, node))

    def submit(self, run: RemoteRun, point: Point, died: Sequence[str]) -> Future:
        """Have a run begun; it hears of that.

        Args:
            run: Whose task it is.
            point: What is to be run.
            died: The workers that have died while they ran it.
        """
        key = f"runner-point-{uuid.uuid4().hex}"
        self._runs[key] = run
        order = PointOrder(key=key, point=point, sweep=self.order, died=tuple(died))
        return self.client.submit(
            point_task.run_point,
            self._data,
            order,
            key=key,
            pure=False,
            retries=0,
            fifo_timeout="0 ms",  # else those of a tenth of a second begin in the order of keys
        )

    def release(self, future: Future) -> None:
        """Have no more of a task."""
        self._runs.pop(future.key, None)
        future.release()

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        said = event[1]
        if run := self._runs.get(said["key"]):
            run.hear(said)
        # One that came after the sweep had begun; of several workers there, the first.
        if self.told.isdisjoint((said["worker"], said["node"])):
            self.told.add(said["node"])
            cluster.tell_differences([said["node"]], said["differs"])


class RemoteRun:
    """Be the run of a point on whichever node.

    Args:
        launcher: Who submits it.
        point: Which.
        began: Is called with its node when that has begun it.
    """

    def __init__(
        self, launcher: RemoteLauncher, point: Point, began: Callable[[str], None]
    ) -> None:
        self._launcher, self._point, self._began = launcher, point, began
        self._begun: list[str] = []
        self._died: list[str] = []
        self._tasks: list[Future] = []
        self._submit()
        self._unwanted = asyncio.Event()

    def hear(self, said: Mapping[str, Any]) -> None:
        """Hear from a worker that it begins it."""
        self._begun.append(said["worker_name"])
        self._began(said["node"])

    def _submit(self) -> None:
        self._tasks.append(self._launcher.submit(self, self._point, self._died))

    def terminate(self) -> None:
        """Have no more of it: the node ends it."""
        self._unwanted.set()

    def kill(self) -> None:
        """Have no more of it."""
        self._unwanted.set()

    async def ended(self) -> int:
        """Wait for its end, and put in place what it leaves; give the exit code of its process.

        Raises:
            RunnerError: The scheduler is gone.
        """
        result = asyncio.ensure_future(self._result())
        unwanted = asyncio.ensure_future(self._unwanted.wait())
        try:
            await asyncio.wait({result, unwanted}, return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                return STOPPED
            return await asyncio.to_thread(self._put_in_place, result.result())
        finally:
            result.cancel()
            unwanted.cancel()
            for task in self._tasks:
                self._launcher.release(task)

    async def _result(self) -> Handover | RunnerError:
        """Give what came back, or why the point has failed; submit it again if dask gives it up."""
        from distributed import KilledWorker

        while True:
            found = await self._result_of(self._tasks[-1])
            if not isinstance(found, KilledWorker):
                return found
            self._died += worker_deaths.last(self._begun, found.allowed_failures + 1)
            if len(self._died) >= worker_deaths.MOST:
                return worker_deaths.failure(self._died)
            if (times := len(self._tasks)) >= _MOST_TASKS:
                return KernelDiedError(f"{times} times workers died before it had begun there")
            self._begun.clear()
            self._submit()

    async def _result_of(self, future: Future) -> Handover | RunnerError | KilledWorker:
        from distributed import KilledWorker

        try:
            handover: Handover = await future.result()
        except (asyncio.CancelledError, concurrent.futures.CancelledError) as error:
            if not future.cancelled():
                raise  # it is we who are to end
            raise RunnerError(
                f"--on {self._launcher.target.text}: the scheduler is gone, and with it what ran",
                hint="the same command goes on from here",
            ) from error
        except KilledWorker as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever the node's task raised
            return RunnerError(f"the node could not run it: {type(error).__name__}: {error}")
        return handover

    def _put_in_place(self, found: Handover | RunnerError) -> int:
        if isinstance(found, RunnerError):
            return self._fail(found)
        if found.died:
            return self._fail(worker_deaths.failure(found.died))
        if found.refused:
            return self._fail(NotebookError(found.refused))
        if found.left_behind:
            log.warning(
                "%s: left on the node, since not written to {folder}: %s",
                self._point.name,
                ", ".join(found.left_behind),
            )
        try:
            commit(self._point, found, self._seconds)
        except ArchiveError as error:
            return self._fail(error)
        except OSError as error:
            return self._fail(NotebookError(f"its files cannot be put in place: {error}"))
        return found.code

    def _fail(self, error: RunnerError) -> int:
        launcher = self._launcher
        origin = launcher.order.origin
        commit_failure(self._point, launcher.source, error, origin, self._seconds)
        return error.exit_code

    @property
    def _seconds(self) -> float:
        return self._launcher.order.config.grace + _SECONDS_TO_CLOSE
