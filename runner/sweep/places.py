"""Say where the points of a sweep are run: by processes of this machine, or on nodes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from runner.errors import InterruptedRunError
from runner.notebook import document as notebook
from runner.run.stop_request import StopRequest
from runner.sweep.launcher import Began, Launcher, usable_cores
from runner.sweep.options import SweepOptions
from runner.sweep.points import Point

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Be where points are run.

    Attributes:
        start: Starts a point's run, and calls when it has begun.
        jobs: Points to start at a time; what cannot run yet waits there.
        text: How many run at a time, in words.
    """

    start: Callable[[Point, Began], Any]
    jobs: int
    text: str


@contextlib.contextmanager
def opened(
    options: SweepOptions,
    launcher: Launcher,
    loop: asyncio.Runner,
    stop: StopRequest,
    points: int,
) -> Iterator[Place]:
    """Have a place for the points of a sweep.

    Args:
        options: What to do.
        launcher: Starts runs on this machine.
        loop: On which to watch them.
        stop: The requests to stop.
        points: How many are to be run.

    Raises:
        ConfigurationError: What is to travel may not, there are no nodes, or they are of no use.
        InterruptedRunError: A signal came before there were nodes.
    """
    if options.on.is_local or not points:
        jobs = local_jobs(options, points)
        yield Place(start=launcher.start, jobs=jobs, text=f"{jobs} at a time")
        return
    with _on_nodes(options, launcher, loop, stop) as place:
        yield place


def local_jobs(options: SweepOptions, points: int) -> int:
    """Say how many points run at a time on this machine."""
    return max(1, min(options.jobs or usable_cores(), points))


@contextlib.contextmanager
def _on_nodes(
    options: SweepOptions, launcher: Launcher, loop: asyncio.Runner, stop: StopRequest
) -> Iterator[Place]:
    from runner.sweep.nodes import bundle, driver, versions

    document = notebook.read(options.path, options.secrets)
    travels = bundle.gather(document, launcher.source, options.more, options.folder)
    if travels.left:
        log.warning(
            "larger than %s, or called as secrets are, so not sent to the nodes unless --with"
            " names it: %s",
            bundle.megabytes(bundle.SMALL),
            ", ".join(map(str, travels.left)),
        )
    order = driver.order_for(
        launcher, travels, versions.own_versions(versions.names_for(document)), options.log_level
    )
    nodes = driver.opened(options.on, order, travels, jobs=options.jobs, stop=stop)
    with _entered(nodes, loop, stop) as place:
        yield Place(start=place.launcher.start, jobs=place.jobs, text=place.text)


@contextlib.contextmanager
def _entered(
    context: contextlib.AbstractAsyncContextManager[Any],
    loop: asyncio.Runner,
    stop: StopRequest,
) -> Iterator[Any]:
    """Enter on a loop that runs only now and then; a signal ends the wait for that.

    Raises:
        InterruptedRunError: A signal came first.
    """
    stack = contextlib.AsyncExitStack()
    entered = loop.run(_unless_stopped(stack.enter_async_context(context), stop))
    try:
        yield entered
    finally:
        loop.run(stack.aclose())


async def _unless_stopped(entering: Coroutine[Any, Any, Any], stop: StopRequest) -> Any:
    task = asyncio.ensure_future(entering)
    loop = asyncio.get_running_loop()
    stop.subscribe(lambda: loop.call_soon_threadsafe(task.cancel))
    try:
        return await task
    except asyncio.CancelledError:
        if stop.signum:
            raise InterruptedRunError(stop.signum) from None
        raise
    finally:
        stop.subscribe(lambda: None)
