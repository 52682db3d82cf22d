"""Be the task that runs a point on a node, in dask's worker there.

The rules of this file:

1. A run is a process of its own, forked from one that serves all points of a sweep on this
   worker. It ends with its task, however that ends: cancelled, its driver gone, the worker gone.
2. It begins in a scratch folder with a copy of what travelled, and all that is given back is what
   it leaves in the point's folder, also there. Both go when it has ended.
3. The task raises nothing that shows what it was given.
4. Before a point begins the scheduler knows of it, and says which workers have died of it: see
   `worker_deaths`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runner.identity import replica
from runner.record import history
from runner.spawn.fork_server_client import Starter
from runner.spawn.processes import RunProcess
from runner.sweep.launcher import Launcher, run_environment
from runner.sweep.nodes import archive, bundle, handover, worker_deaths
from runner.sweep.nodes.handover import Handover
from runner.sweep.nodes.order import PointOrder
from runner.sweep.nodes.versions import differences, own_versions
from runner.sweep.parallel_runs import SECONDS_TO_CLOSE

if TYPE_CHECKING:
    from distributed import Client, Worker

_ANSWERS_WITHIN = 30.0  # seconds; the scheduler
_LOOK_EVERY = 0.25  # seconds until a task that is not wanted any more ends its run
_KEPT_FOR = 20.0  # seconds without a point after which what is kept for a sweep goes
_MOST_NAMED = 5
_RUNNING = ("executing", "long-running")


async def run_point(data: bytes, order: PointOrder) -> Handover:
    """Run a point, and give what it leaves.

    Args:
        data: What travelled, a zip.
        order: What to run.

    Raises:
        Reschedule: The scheduler does not know of this task any more, or wants it elsewhere.
    """
    from distributed import Reschedule, get_worker

    worker = get_worker()
    died = [*order.died, *await _workers_that_died(order)]
    if len(died) >= worker_deaths.MOST:
        return Handover(code=0, node=name_of(worker), died=died)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_COMPANY.joined(alone=bool(died)))
        place = await stack.enter_async_context(_place_for(data, order, worker))
        scratch = await stack.enter_async_context(place.scratch())
        if not _is_wanted(worker, order.key):
            raise Reschedule
        await _say_that_it_begins(order, worker)
        process = _started(order, place, scratch, worker)
        code = await _ended(process, lambda: _is_wanted(worker, order.key), _grace(order))
        if code is None:
            raise Reschedule
        found = functools.partial(_handover, order, place.folder, scratch)
        return await asyncio.to_thread(found, code, name_of(worker))


async def _workers_that_died(order: PointOrder) -> list[str]:
    asked = worker_deaths.workers_that_died
    async with _client() as client:
        found: list[str] = await client.run_on_scheduler(asked, order.sweep.topic, order.key)
    return found


async def _say_that_it_begins(order: PointOrder, worker: Worker) -> None:
    """Let scheduler and driver know; to be over before anything runs."""
    sweep, place = order.sweep, urlsplit(worker.address).netloc
    others = differences(own_versions(sweep.versions.keys() - {"Python", "runner"}), sweep.versions)
    said = {"key": order.key, "worker": worker.address, "worker_name": f"{replica()} ({place})"}
    said |= {"node": name_of(worker), "differs": others}
    async with _client() as client:
        await client.log_event(sweep.topic, said)


@contextlib.asynccontextmanager
async def _client() -> AsyncIterator[Client]:
    """Ask the scheduler, which has to answer in time; a worker that does not reach it ends soon.

    Raises:
        Reschedule: It does not.
    """
    from distributed import Reschedule, get_client

    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            yield await get_client()
    except (TimeoutError, OSError) as error:
        raise Reschedule from error


def name_of(worker: Worker) -> str:
    """Name a worker's machine for people, by its own name and its address."""
    return f"{replica()} ({urlsplit(worker.address).hostname})"


async def forget(bundle_sha256: str) -> None:
    """Let go of what is kept for a sweep: its driver has no more points."""
    for key in [key for key in _PLACES if key[0] == bundle_sha256]:
        _PLACES[key].close_if_idle()


@dataclasses.dataclass(kw_only=True)
class _Place:
    """Keep, on this worker, what the points of a sweep share.

    Attributes:
        key: What it is known by.
        folder: It has a copy of what travelled, from which those of the points are made.
        starter: Has their processes forked.
        users: Points that run.
        is_filled: Whether the copy is there.
        filling: Held while it is made.
    """

    key: tuple[str, str]
    folder: Path
    starter: Starter
    users: int = 0
    is_filled: bool = False
    filling: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)

    async def fill(self, data: bytes) -> None:
        """Put there what travelled, for the first point; others wait for that."""
        async with self.filling:
            if not self.is_filled:
                await asyncio.to_thread(archive.unpack, data, self.folder, bundle.MOST)
                self.is_filled = True

    @contextlib.asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        """Have a folder with a copy of what travelled, which goes at the end."""
        folder = Path(tempfile.mkdtemp(prefix="point-", dir=self.folder.parent))
        try:
            await asyncio.to_thread(shutil.copytree, self.folder, folder / "work")
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def close_if_idle(self) -> None:
        """Go, unless a point runs."""
        if not self.users and _PLACES.get(self.key) is self:
            del _PLACES[self.key]
            self.starter.close()
            shutil.rmtree(self.folder, ignore_errors=True)


_PLACES: dict[tuple[str, str], _Place] = {}
_COMPANY = worker_deaths.Company()


@contextlib.asynccontextmanager
async def _place_for(data: bytes, order: PointOrder, worker: Worker) -> AsyncIterator[_Place]:
    key = (order.sweep.bundle_sha256, order.sweep.log_level)
    place = _PLACES.get(key)
    if place is None:
        place = _PLACES[key] = _new_place(key, order, worker)
    place.users += 1
    try:
        await place.fill(data)
        yield place
    finally:
        place.users -= 1
        # The next point mostly comes at once; a driver that was killed does not tell us to go.
        asyncio.get_running_loop().call_later(_KEPT_FOR, place.close_if_idle)


def _new_place(key: tuple[str, str], order: PointOrder, worker: Worker) -> _Place:
    environ = run_environment(os.environ, worker.state.nthreads, order.sweep.log_level)
    return _Place(
        key=key,
        folder=Path(tempfile.mkdtemp(prefix="sweep-", dir=worker.local_directory)),
        starter=Starter(environ, "runner.sweep.point_run", forks=True),
    )


def _started(order: PointOrder, place: _Place, scratch: Path, worker: Worker) -> RunProcess:
    sweep = order.sweep
    # Not the copy, which goes before the next fork server may look for it.
    notebook = place.folder / sweep.notebook
    return Launcher(
        source=notebook,
        origin={**sweep.origin, "node": name_of(worker)},
        config=sweep.config,
        log_output=sweep.log_output,
        starter=place.starter,
        keeps_history=False,
        time_limits=sweep.time_limits,
        kernel=sweep.kernel,
        folder=scratch / "work",
    ).start(order.point.placed_in(scratch / "point"))


def _is_wanted(worker: Worker, key: str) -> bool:
    """Tell whether the scheduler still wants a task here: whose driver is gone, it forgets."""
    task = worker.state.tasks.get(key)
    return task is not None and task.state in _RUNNING


async def _ended(process: RunProcess, is_wanted: Callable[[], bool], grace: float) -> int | None:
    """Wait for the end of a run, and end one that is not wanted; None if it was not."""
    ended = asyncio.ensure_future(process.ended())
    try:
        while not ended.done() and is_wanted():
            await asyncio.wait({ended}, timeout=_LOOK_EVERY)
        if ended.done():
            return ended.result()
        process.terminate()
        await asyncio.wait({ended}, timeout=grace)
        return None
    finally:
        if not ended.done():
            process.kill()
            await asyncio.wait({ended})


def _grace(order: PointOrder) -> float:
    return order.sweep.config.grace + SECONDS_TO_CLOSE


def _handover(order: PointOrder, travelled: Path, scratch: Path, code: int, node: str) -> Handover:
    history.mark_if_killed(scratch / "point" / order.point.record.name)
    data, refused = handover.collected(scratch / "point")
    left = sorted(_names_in(scratch / "work") - _names_in(travelled))[:_MOST_NAMED]
    return Handover(code=code, node=node, data=data, refused=refused, left_behind=left)


def _names_in(folder: Path) -> set[str]:
    """Name the files in and below a folder, but for what Python and editors put there."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        str(name)
        for name in names
        if not any(part.startswith(".") or part == "__pycache__" for part in name.parts)
    }
