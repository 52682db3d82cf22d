"""Have points run on nodes, each by a task, and put in place what comes back.

The rules of this file:

1. A point is submitted once. Dask runs it again where a worker died, and gives up a point that
   has ended more workers than it forgives: that point has failed.
2. What comes back is put in place within the run's `ended`, so under the lock that the sweep holds
   for the point. Whatever else a node does reaches nothing here.
3. If the scheduler is gone, so are its tasks: nodes end runs that nobody wants. The sweep ends.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import KernelDiedError, NotebookError, RunnerError
from runner.run.stop_request import StopRequest
from runner.sweep.launcher import Began, Launcher
from runner.sweep.nodes import cluster, point_task
from runner.sweep.nodes.archive import ArchiveError
from runner.sweep.nodes.bundle import Bundle, megabytes
from runner.sweep.nodes.handover import Handover, commit, commit_failure
from runner.sweep.nodes.order import PointOrder, SweepOrder
from runner.sweep.nodes.target import Target
from runner.sweep.nodes.versions import Versions
from runner.sweep.outcomes import STOPPED
from runner.sweep.parallel_runs import RunningPoint
from runner.sweep.points import Point

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 256  # points that are submitted; the scheduler has them wait
_SECONDS_TO_CLOSE = 10.0
_SAYS_GOODBYE_WITHIN = 5.0


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
        self._began: dict[str, Callable[[str], None]] = {}
        self.told: set[str] = set()
        client.subscribe_topic(order.topic, self._hear)

    def start(self, point: Point, began: Began) -> RunningPoint:
        """Submit a point; ``began`` is called with it and its node when that has begun it."""
        key = f"runner-point-{uuid.uuid4().hex}"
        self._began[key] = lambda node: began(point, node)
        order = PointOrder(key=key, point=point, sweep=self.order)
        future = self.client.submit(
            point_task.run_point,
            self._data,
            order,
            key=key,
            pure=False,
            retries=0,
            fifo_timeout="0 ms",  # else those of a tenth of a second begin in the order of keys
        )
        return RemoteRun(self, point, future)

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        said = event[1]
        if began := self._began.get(said["key"]):
            began(said["node"])
        # One that came after the sweep had begun; of several workers there, the first.
        if self.told.isdisjoint((said["worker"], said["node"])):
            self.told.add(said["node"])
            cluster.tell_differences([said["node"]], said["differs"])


class RemoteRun:
    """Be the run of a point on whichever node.

    Args:
        launcher: Who has submitted it.
        point: Which.
        future: The task's.
    """

    def __init__(self, launcher: RemoteLauncher, point: Point, future: Future) -> None:
        self._launcher, self._point, self._future = launcher, point, future
        self._unwanted = asyncio.Event()

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
            self._future.release()

    async def _result(self) -> Handover | RunnerError:
        """Give what came back, or why the point has failed."""
        from distributed import KilledWorker

        try:
            handover: Handover = await self._future.result()
        except (asyncio.CancelledError, concurrent.futures.CancelledError) as error:
            if not self._future.cancelled():
                raise  # it is we who are to end
            raise RunnerError(
                f"--on {self._launcher.target.text}: the scheduler is gone, and with it what ran",
                hint="the same command goes on from here",
            ) from error
        except KilledWorker as error:
            deaths = error.allowed_failures + 1
            return KernelDiedError(f"{deaths} workers died while they ran it")
        except Exception as error:  # noqa: BLE001 - whatever the node's task raised
            return RunnerError(f"the node could not run it: {type(error).__name__}: {error}")
        return handover

    def _put_in_place(self, found: Handover | RunnerError) -> int:
        if isinstance(found, RunnerError):
            return self._fail(found)
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Nodes:
    """Be a place where points run.

    Attributes:
        launcher: Starts them.
        jobs: How many to start at a time; what has no node yet waits at the scheduler.
        text: How many run at a time, in words.
    """

    launcher: RemoteLauncher
    jobs: int
    text: str


def order_for(launcher: Launcher, bundle: Bundle, versions: Versions, log_level: str) -> SweepOrder:
    """Say to nodes what a launcher of this machine would do.

    Args:
        launcher: Which.
        bundle: What travels.
        versions: What is installed here.
        log_level: Of the runs' own logs.
    """
    return SweepOrder(
        topic=f"runner-sweep-{uuid.uuid4().hex}",
        bundle_sha256=bundle.sha256,
        notebook=bundle.notebook,
        origin=launcher.origin,
        config=launcher.config,
        time_limits=launcher.time_limits,
        kernel=launcher.kernel,
        log_output=launcher.log_output,
        log_level=log_level,
        versions=versions,
    )


@contextlib.asynccontextmanager
async def opened(
    target: Target, order: SweepOrder, bundle: Bundle, *, jobs: int, stop: StopRequest
) -> AsyncIterator[Nodes]:
    """Have points run on a target's nodes.

    Args:
        target: Which.
        order: What all points have in common.
        bundle: What travels.
        jobs: Points at a time; 0 for as many as the nodes take.
        stop: The requests to stop.

    Raises:
        ConfigurationError: There are no nodes, or they cannot run points.
        InterruptedRunError: A signal came before there were any.
    """
    if target.is_open:
        log.warning(
            "%s is not encrypted: whoever reaches its port sees the parameters, and runs code on"
            " the nodes; tls://HOST:PORT with dask's certificates does without that",
            target.text,
        )
    async with cluster.connected(target, jobs) as client:
        threads = await cluster.threads_of_nodes(client, target, stop)
        told = await cluster.check_versions(client, target, order.versions)
        taken = sum(threads.values())
        text = (
            f"{min(jobs or taken, taken)} at a time on {len(threads)}"
            f" worker{'s' * (len(threads) > 1)} of {target.text},"
            f" to each of which {megabytes(len(bundle.data))} travel"
        )
        launcher = RemoteLauncher(client, target, bundle.source, order, _kept(client, bundle))
        launcher.told |= told
        try:
            yield Nodes(launcher=launcher, jobs=jobs or _MOST_AT_ONCE, text=text)
        finally:
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(_SAYS_GOODBYE_WITHIN):
                    forget = point_task.forget
                    await client.run(forget, bundle.sha256, on_error="ignore")


def _kept(client: Client, bundle: Bundle) -> Future:
    """Have the scheduler keep what travels, and give it to the nodes."""
    import dask

    key = f"runner-bundle-{bundle.sha256[:16]}-{uuid.uuid4().hex}"
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"}):
        return client.submit(_same, bundle.data, key=key, pure=False)


def _same(data: bytes) -> bytes:
    """Be a task: the scheduler has it done again when a worker is lost that alone had this."""
    return data
