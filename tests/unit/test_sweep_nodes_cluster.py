"""The nodes: deployers are dask's own, and what is missing is said in one sentence."""

from __future__ import annotations

import asyncio
import signal
import sys
import types
from typing import Any

import pytest

from runner.errors import ConfigurationError, InterruptedRunError, RunnerError
from runner.run.stop_request import StopRequest
from runner.sweep import places
from runner.sweep.nodes import cluster
from runner.sweep.nodes.target import read_target

HERE = {"Python": "3.11.7", "runner": "1", "numpy": "2"}


class Deployed:
    """Be a cluster that a deployer has started."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self.given, self.options = given, options
        self.workers, self.is_closed = 0, False

    def __await__(self) -> Any:
        yield from ()
        return self

    def scale(self, n: int) -> None:
        self.workers = n

    async def close(self) -> None:
        self.is_closed = True


class Nodes:
    """Be a client of nodes that have other things installed, or fail."""

    def __init__(self, *said: Any, scheduler: Any = None) -> None:
        self.said, self.scheduler = said, scheduler or HERE

    async def run_on_scheduler(self, function: Any, *given: Any) -> Any:
        if isinstance(self.scheduler, Exception):
            raise self.scheduler
        return self.scheduler

    async def run(self, function: Any, *given: Any, on_error: str) -> Any:
        return {f"tcp://n{number}": said for number, said in enumerate(self.said)}


def deployed(text: str, jobs: int) -> Deployed:
    async def run() -> Any:
        async with cluster._deployed(read_target(text), jobs) as found:
            assert not found.is_closed
            return found

    found: Deployed = asyncio.run(run())
    assert found.is_closed
    return found


@pytest.mark.parametrize(
    ("text", "module", "name"),
    [
        ("slurm", "dask_jobqueue", "SLURMCluster"),
        ("kubernetes", "dask_kubernetes.operator", "KubeCluster"),
    ],
)
def test_a_deployer_starts_as_many_workers_as_asked_for(
    text: str, module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All else is dask's configuration; it is ended with the sweep."""
    stand_in = types.ModuleType(module)
    setattr(stand_in, name, Deployed)
    monkeypatch.setitem(sys.modules, module.partition(".")[0], stand_in)
    monkeypatch.setitem(sys.modules, module, stand_in)
    found = deployed(text, 3)
    assert found.options["asynchronous"] is True
    assert 3 in (found.workers, found.options.get("n_workers"))
    with pytest.raises(ConfigurationError, match="-j N says how many"):
        deployed(text, 0)


def test_hosts_of_ssh_have_the_scheduler_on_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a worker on each."""
    stand_in = types.ModuleType("distributed")
    monkeypatch.setattr(stand_in, "SSHCluster", Deployed, raising=False)
    monkeypatch.setitem(sys.modules, "distributed", stand_in)
    monkeypatch.setitem(sys.modules, "asyncssh", types.ModuleType("asyncssh"))
    assert deployed("ssh:a,b", 0).given == (["a", "a", "b"],)


@pytest.mark.parametrize(
    ("text", "module", "hint"),
    [
        ("slurm", "dask_jobqueue", "'notebook-runner[dask]' dask-jobqueue"),
        ("kubernetes", "dask_kubernetes", "'notebook-runner[dask]' dask-kubernetes"),
        ("ssh:a", "asyncssh", "'notebook-runner[dask]' asyncssh"),
    ],
)
def test_what_is_not_installed_is_named(
    text: str, module: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint installs it."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match="is not installed") as refusal:
        deployed(text, 2)
    assert refusal.value.hint == f"pip install {hint}"


def test_other_versions_are_told_before_anything_runs(caplog: pytest.LogCaptureFixture) -> None:
    """Nodes that have the same are told of together; those as here are not told of."""
    nodes = Nodes(
        HERE, HERE | {"numpy": "1"}, HERE | {"numpy": "1"}, scheduler=HERE | {"Python": "3"}
    )
    asked = asyncio.run(cluster.check_versions(nodes, read_target("dask://h"), HERE))  # type: ignore[arg-type]
    assert asked == {"tcp://n0", "tcp://n1", "tcp://n2"}
    assert sorted(caplog.messages) == [
        "tcp://n1, tcp://n2: other versions than here: numpy 1 (here 2)",
        "the scheduler: other versions than here: Python 3 (here 3.11.7)",
    ]


@pytest.mark.parametrize(
    ("nodes", "place"),
    [
        (Nodes(HERE, ModuleNotFoundError("No module named 'runner'")), "the node tcp://n1"),
        (Nodes(HERE, scheduler=ModuleNotFoundError("No module named 'runner'")), "the scheduler"),
    ],
)
def test_who_lacks_this_package_is_named(nodes: Nodes, place: str) -> None:
    """The sweep does not begin."""
    with pytest.raises(ConfigurationError, match=f"{place} cannot run points: No module named"):
        asyncio.run(cluster.check_versions(nodes, read_target("dask://h"), HERE))  # type: ignore[arg-type]


class Frozen:
    """Be a client of a scheduler that stands still."""

    async def nthreads(self) -> dict[str, int]:
        await asyncio.Event().wait()
        return {}


def test_a_scheduler_that_stands_still_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is named."""
    monkeypatch.setattr(cluster, "_ANSWERS_WITHIN", 0.05)
    with pytest.raises(RunnerError, match="dask://h: the scheduler does not answer"):
        asyncio.run(
            cluster.threads_of_nodes(Frozen(), read_target("dask://h"), StopRequest())  # type: ignore[arg-type]
        )


def test_a_signal_ends_the_wait_for_nodes_and_what_was_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host that does not answer is waited for by dask for minutes."""
    made = []

    class Slow(Deployed):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            made.append(self)

        def __await__(self) -> Any:
            stop.signum = signal.SIGTERM
            stop._notify()
            yield from asyncio.Event().wait().__await__()

    stand_in = types.ModuleType("distributed")
    monkeypatch.setattr(stand_in, "SSHCluster", Slow, raising=False)
    monkeypatch.setitem(sys.modules, "distributed", stand_in)
    monkeypatch.setitem(sys.modules, "asyncssh", types.ModuleType("asyncssh"))
    stop = StopRequest()
    nodes = cluster.connected(read_target("ssh:a"), 1)
    with (
        asyncio.Runner() as loop,
        pytest.raises(InterruptedRunError),
        places._entered(nodes, loop, stop),
    ):
        pass
    assert [each.is_closed for each in made] == [True]
