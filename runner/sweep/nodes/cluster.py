"""Find the nodes: connect to a dask scheduler that runs, or have one of dask's deployers start one.

This is all that is known of the deployers: what they need is in dask's own configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from runner.errors import ConfigurationError, InterruptedRunError, RunnerError
from runner.run.stop_request import StopRequest
from runner.sweep.nodes.target import Kind, Target
from runner.sweep.nodes.versions import Versions, differences, own_versions

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

_CONNECTS_WITHIN = 15.0
_ANSWERS_WITHIN = 30.0
_CLOSES_WITHIN = 10.0
_ENDS_WITHIN = 60.0  # what a deployer has started
_NODES_WITHIN = {Kind.SCHEDULER: 60.0, Kind.SSH: 60.0}
_LOOK_EVERY = 0.25
_QUEUE_WITHIN = 86_400.0  # of a cluster's batch system
_NEEDS = {Kind.SLURM: "dask-jobqueue", Kind.KUBERNETES: "dask-kubernetes", Kind.SSH: "asyncssh"}


@contextlib.asynccontextmanager
async def connected(target: Target, jobs: int) -> AsyncIterator[Client]:
    """Have a client of a scheduler, which is ended with us if we had it started.

    Args:
        target: Which.
        jobs: Workers to start, where that is ours to say.

    Raises:
        ConfigurationError: There is none, or what starts one is not installed.
    """
    distributed = _imported("distributed", "notebook-runner[dask]", target)
    async with contextlib.AsyncExitStack() as opened:
        place = target.address or await opened.enter_async_context(_deployed(target, jobs))
        try:
            client = await distributed.Client(
                place, asynchronous=True, timeout=_CONNECTS_WITHIN, set_as_default=False
            )
        except (OSError, TimeoutError) as error:
            raise ConfigurationError(
                f"--on {target.text}: no dask scheduler answers there: {error}",
                hint="`dask scheduler` starts one, `dask worker ADDRESS` a node",
            ) from error
        except (TypeError, ValueError) as error:  # no certificate, or a broken one
            raise ConfigurationError(
                f"--on {target.text}: dask cannot connect: {error}",
                hint="certificates stand in dask's configuration: distributed.comm.tls",
            ) from error
        try:
            yield client
        finally:
            await client.close(timeout=_CLOSES_WITHIN)


async def threads_of_nodes(client: Client, target: Target, stop: StopRequest) -> dict[str, int]:
    """Say how many points each worker runs at a time; wait for the first one.

    Raises:
        ConfigurationError: There came none.
        InterruptedRunError: A signal came first.
    """
    seconds = _NODES_WITHIN.get(target.kind, _QUEUE_WITHIN)
    if not await _threads(client, target):
        log.info("%s: there is no node yet; waiting up to %.0f s for one", target.text, seconds)
    deadline = time.monotonic() + seconds
    while not (found := await _threads(client, target)):
        if stop.signum:
            raise InterruptedRunError(stop.signum)
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"--on {target.text}: no node came within {seconds:g} s",
                hint="`dask worker ADDRESS` on a node makes it one",
            )
        await asyncio.sleep(_LOOK_EVERY)
    return found


async def _threads(client: Client, target: Target) -> dict[str, int]:
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            return dict(await client.nthreads())
    except TimeoutError as error:
        raise RunnerError(
            f"--on {target.text}: the scheduler does not answer", hint="try again"
        ) from error


async def check_versions(client: Client, target: Target, ours: Versions) -> set[str]:
    """Tell which nodes have other versions than we; give the addresses of those that were asked.

    Args:
        client: Of the scheduler.
        target: Which that is.
        ours: What is installed here.

    Raises:
        ConfigurationError: The scheduler or a node has none of us.
    """
    names = [name for name in ours if name not in {"Python", "runner"}]
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            at_scheduler = await client.run_on_scheduler(own_versions, ())
            on_nodes = await client.run(own_versions, names, on_error="return")
    except ImportError as error:
        raise _lacking("the scheduler", target, error) from error
    except TimeoutError as error:
        raise RunnerError(f"--on {target.text}: not all nodes answer", hint="try again") from error
    said: dict[tuple[str, ...], list[str]] = {}
    for address, theirs in on_nodes.items():
        if isinstance(theirs, Exception):
            raise _lacking(f"the node {address}", target, theirs)
        said.setdefault(tuple(differences(theirs, ours)), []).append(address)
    theirs = {name: at_scheduler[name] for name in ("Python", "runner")}
    said.setdefault(tuple(differences(theirs, {name: ours[name] for name in theirs})), []).append(
        "the scheduler"
    )
    for found, places in said.items():
        tell_differences(places, found)
    return set(on_nodes)


def tell_differences(places: Sequence[str], found: Sequence[str]) -> None:
    """Warn that some nodes have other versions, if any was found."""
    if found:
        log.warning("%s: other versions than here: %s", ", ".join(places), "; ".join(found))


def _lacking(place: str, target: Target, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"--on {target.text}: {place} cannot run points: {error}",
        hint="`pip install 'notebook-runner[dask]'` there, in the version of here",
    )


@contextlib.asynccontextmanager
async def _deployed(target: Target, jobs: int) -> AsyncIterator[Any]:
    package = _NEEDS[target.kind]
    if target.kind is Kind.SSH:
        _imported("asyncssh", package, target)
    elif not jobs:
        raise ConfigurationError(f"--on {target.text}: -j N says how many workers to start")
    cluster = await _begun(target, jobs)
    try:
        if target.kind is Kind.SLURM:
            cluster.scale(n=jobs)
        yield cluster
    finally:
        await _close(cluster, target)


async def _begun(target: Target, jobs: int) -> Any:
    try:
        cluster = _made(target, jobs)
        try:
            return await cluster
        except asyncio.CancelledError:  # some of it may run already
            await _close(cluster, target)
            raise
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigurationError(
            f"--on {target.text}: dask could not start it: {error}",
            hint="what it needs to know stands in dask's configuration, ~/.config/dask",
        ) from error


def _made(target: Target, jobs: int) -> Any:
    package = _NEEDS[target.kind]
    if target.kind is Kind.SLURM:
        return _imported("dask_jobqueue", package, target).SLURMCluster(asynchronous=True)
    if target.kind is Kind.KUBERNETES:
        name = f"runner-sweep-{uuid.uuid4().hex[:8]}"
        return _imported("dask_kubernetes.operator", package, target).KubeCluster(
            name=name, n_workers=jobs, asynchronous=True
        )
    hosts = [target.hosts[0], *target.hosts]  # the scheduler is on the first, too
    return _imported("distributed", package, target).SSHCluster(hosts, asynchronous=True)


async def _close(cluster: Any, target: Target) -> None:
    try:
        async with asyncio.timeout(_ENDS_WITHIN):
            await cluster.close()
    except TimeoutError:
        log.warning("--on %s: what dask has started there may still run", target.text)


def _imported(module: str, package: str, target: Target) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        extra = "notebook-runner[dask]"
        needed = f"'{extra}'" if package == extra else f"'{extra}' {package}"
        raise ConfigurationError(
            f"--on {target.text}: {module} is not installed", hint=f"pip install {needed}"
        ) from error
