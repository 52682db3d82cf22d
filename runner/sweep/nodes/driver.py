"""Have nodes for a sweep: find them, say to them what it is, and have them forget it at its end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from runner.run.stop_request import StopRequest
from runner.sweep.launcher import Launcher
from runner.sweep.nodes import cluster, point_task
from runner.sweep.nodes.bundle import Bundle, megabytes
from runner.sweep.nodes.order import SweepOrder
from runner.sweep.nodes.remote_runs import RemoteLauncher
from runner.sweep.nodes.target import Target
from runner.sweep.nodes.versions import Versions

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 256  # points that are submitted; the scheduler has them wait
_SAYS_GOODBYE_WITHIN = 5.0


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
