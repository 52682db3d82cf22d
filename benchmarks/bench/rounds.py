"""Alternate the rounds of all servers, so that the machine's moods meet each of them alike.

All servers of one number of workers run at once. A round goes through them in groups, each of
which begins with the limit and ours, and a ratio is only ever taken within a group of one round.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from load import Window, load
from recipes import LIMIT, OURS, Recipe
from server import Server, ServerError
from traffic import Traffic
from venvs import Environment

# The same bytes for ever are what no real client sends: they have a column of their own.
LOADS = ((1, Traffic.VARIED), (32, Traffic.VARIED), (32, Traffic.SAME), (256, Traffic.VARIED))
GROUP = 4
OVERLOAD = 1024  # clients; 256 predictions may wait in a worker of ours, besides those in a call
RISING = (32, 256, OVERLOAD)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """One window, and where it stood.

    Attributes:
        server: Whose it is.
        clients: How many asked.
        traffic: What they sent.
        group: Which windows it may be compared with.
        window: What was measured.
    """

    server: str
    clients: int
    group: int
    window: Window
    traffic: Traffic = Traffic.VARIED


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weight:
    """What a server costs without load.

    Attributes:
        boot: Seconds until its first answer.
        pss: MB of all its processes, after load.
        idle: Per cent of a core that they use while nobody asks.
    """

    boot: float
    pss: float
    idle: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
    """All that was measured with one number of workers.

    Attributes:
        commits: Which commit the servers of this project are of.
    """

    weights: dict[str, Weight]
    samples: list[Sample]
    faults: dict[str, str]
    commits: dict[str, str] = dataclasses.field(default_factory=dict)

    def windows(self, server: str, clients: int, traffic: Traffic = Traffic.VARIED) -> list[Window]:
        """Give the windows of one server under one load."""
        wanted = (server, clients, traffic)
        return [s.window for s in self.samples if (s.server, s.clients, s.traffic) == wanted]

    def median(
        self,
        server: str,
        clients: int,
        what: Callable[[Window], float],
        traffic: Traffic = Traffic.VARIED,
    ) -> float:
        """Give the median of what its windows say."""
        return statistics.median(map(what, self.windows(server, clients, traffic)))

    def ratio(
        self,
        server: str,
        other: str,
        clients: int,
        what: Callable[[Window], float] = lambda window: window.rate,
        traffic: Traffic = Traffic.VARIED,
    ) -> float:
        """Give the median of the ratios of two servers, each within a group of a round."""
        groups: dict[int, dict[str, float]] = {}
        for sample in self.samples:
            if (sample.clients, sample.traffic) == (clients, traffic):
                groups.setdefault(sample.group, {})[sample.server] = what(sample.window)
        both = [found for found in groups.values() if server in found and other in found]
        return statistics.median(found[server] / max(found[other], 1e-9) for found in both)

    def ratio_of_loads(self, server: str, clients: int, other: int) -> float:
        """Give the median of the ratios of one server's rates under two loads, round by round."""
        pairs = zip(self.windows(server, clients), self.windows(server, other), strict=True)
        return statistics.median(window.rate / than.rate for window, than in pairs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Say what to measure, and for how long.

    Attributes:
        seconds: Of each window.
        rounds: How many, of each load; half as many with more than one worker.
    """

    recipes: list[Recipe]
    environments: dict[str, Environment]
    model: Callable[[Recipe], Path]
    seconds: int
    rounds: int


def measure(plan: Plan, workers: int) -> Series:
    """Measure all servers with so many workers."""
    servers, faults = _started(plan, workers)
    try:
        for server in servers.values():
            load(server, 8, 1)  # warm
        idle = _idle(servers)
        samples = list(_samples(plan, servers, workers))
        weights = {
            name: Weight(boot=server.boot, pss=server.family.pss(), idle=idle[name])
            for name, server in servers.items()
        }
    finally:
        for server in servers.values():
            server.end()
    return Series(weights=weights, samples=samples, faults=faults, commits=_commits(servers))


def overload(plan: Plan) -> Series:
    """Ask one worker of ours by as many clients as it lets in, and by more.

    Its model takes 10 ms for a call: that of the other rounds is too fast to be waited for.
    """
    slow = [
        dataclasses.replace(recipe, prepare="prepare_slow.py")
        for recipe in plan.recipes
        if recipe.name == OURS
    ]
    ours = dataclasses.replace(plan, recipes=slow)
    servers, faults = _started(ours, 1)
    samples = []
    try:
        for server in servers.values():
            for group in range(plan.rounds):
                for clients in RISING:
                    window = load(server, clients, plan.seconds)
                    _settle(server)
                    samples.append(Sample(server=OURS, clients=clients, group=group, window=window))
    finally:
        for server in servers.values():
            server.end()
    return Series(weights={}, samples=samples, faults=faults, commits=_commits(servers))


def _commits(servers: dict[str, Server]) -> dict[str, str]:
    return {name: server.commit for name, server in servers.items() if server.commit}


def _started(plan: Plan, workers: int) -> tuple[dict[str, Server], dict[str, str]]:
    servers, faults = {}, {}
    for recipe in plan.recipes:
        try:
            model = plan.model(recipe)
            server = Server(recipe, plan.environments[recipe.name], workers, model)
        except (ServerError, OSError, ValueError) as error:
            faults[recipe.name] = str(error)
            print(f"{recipe.title}: {error}", flush=True)
            continue
        servers[recipe.name] = server
        print(f"{recipe.title} answers rightly after {server.boot:.1f} s", flush=True)
    return servers, faults


def _samples(plan: Plan, servers: dict[str, Server], workers: int) -> Iterator[Sample]:
    groups = grouped([name for name, server in servers.items() if server.recipe.is_loaded])
    rounds = plan.rounds if workers == 1 else max(1, plan.rounds // 2)
    for number in range(rounds):
        for clients, traffic in LOADS:
            print(
                f"{workers} workers, round {number + 1}, {clients} clients, {traffic}", flush=True
            )
            for place, group in enumerate(groups):
                for name in group:
                    window = load(servers[name], clients, plan.seconds, traffic)
                    _settle(servers[name])
                    key = number * len(groups) + place
                    yield Sample(
                        server=name, clients=clients, group=key, window=window, traffic=traffic
                    )


def grouped(names: list[str]) -> list[list[str]]:
    """Split servers into groups that each begin with the limit and ours."""
    anchors = [name for name in (LIMIT, OURS) if name in names]
    others = [name for name in names if name not in anchors]
    starts = range(0, max(1, len(others)), GROUP)
    return [[*anchors, *others[start : start + GROUP]] for start in starts]


def _settle(server: Server, most: float = 10) -> None:
    """Wait until it no longer works on what its clients have given up: others are next."""
    deadline = time.monotonic() + most
    while time.monotonic() < deadline:
        before = server.family.scheduled()
        time.sleep(0.1)
        if server.family.scheduled() - before < 0.02:
            return


def _idle(servers: dict[str, Server], seconds: float = 3) -> dict[str, float]:
    time.sleep(2)  # what a load leaves behind is not idleness
    began = time.monotonic()
    before = {name: server.family.scheduled() for name, server in servers.items()}
    time.sleep(seconds)
    took = time.monotonic() - began
    return {
        name: 100 * (server.family.scheduled() - before[name]) / took
        for name, server in servers.items()
    }
