"""Compare what was measured with what was aimed at, ratio by ratio."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator

from recipes import ALONE, LIMIT, OURS
from results import Results
from rounds import LOADS, OVERLOAD, RISING, Series
from traffic import Traffic

TIMES_OF = {LIMIT: 1.8, "fastapi": 6.0, "mosec": 1.3, "mlserver": 15, "litserve": 15, "bentoml": 15}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """One aim.

    Attributes:
        claim: What is measured.
        found: What came out; not a number if it was not measured.
        bound: Where it has to be.
        is_least: Whether the bound is the least, and not the most.
    """

    claim: str
    found: float
    bound: float
    is_least: bool = True

    def line(self) -> str:
        """Write a row of the table."""
        sign = "≥" if self.is_least else "≤"
        return f"| {self.claim} | {sign} {self.bound:g} | {self.found:.3g} | {self.verdict()} |"

    def verdict(self) -> str:
        """Say whether it was reached."""
        if math.isnan(self.found):
            return "not measured"
        is_met = self.found >= self.bound if self.is_least else self.found <= self.bound
        return "yes" if is_met else "**falls short**"


def compare(found: Results) -> list[Target]:
    """Give every aim that the run says something about."""
    targets: list[Target] = []
    for workers in (1, 2):
        if OURS in (series := found.series.get(workers, _EMPTY)).weights:
            targets += _of_one(series) if workers == 1 else _of_two(found)
    claim = "how much of a core wrk used, else it is what is measured"
    targets.append(Target(claim=claim, found=found.generator, bound=0.9, is_least=False))
    if found.overload and found.overload.samples:
        targets += _of_overload(found.overload)
    return targets


_EMPTY = Series(weights={}, samples=[], faults={})


def _of_one(series: Series) -> Iterator[Target]:
    def ours(clients: int, what: Callable[..., float]) -> float:
        return series.median(OURS, clients, what)

    for other, bound in TIMES_OF.items():
        if other in series.weights:
            ratio = series.ratio(OURS, other, 32)
            yield Target(claim=f"throughput at c=32, times {other}'s", found=ratio, bound=bound)
    if LIMIT in series.weights:
        ratio = series.ratio(OURS, LIMIT, 32, traffic=Traffic.SAME)
        yield Target(claim="the same by the same bytes, times limit's", found=ratio, bound=2.0)
    fall = series.ratio_of_loads(OURS, 256, 32)
    yield Target(claim="throughput at c=256, times that at c=32", found=fall, bound=0.9)
    if "plain" in series.weights:
        ratio = series.ratio(OURS, "plain", 1, lambda w: w.p50)
        claim = "p50 at c=1, times the plain ASGI app's"
        yield Target(claim=claim, found=ratio, bound=0.39, is_least=False)
    spread = ours(32, lambda w: w.p99 / w.p50)
    yield Target(claim="p99 / p50 at c=32", found=spread, bound=3, is_least=False)
    cost = ours(32, lambda w: w.cost)
    yield Target(claim="CPU µs a request at c=32", found=cost, bound=20, is_least=False)
    idle = round(series.weights[OURS].idle)
    yield Target(claim="CPU % when idle", found=idle, bound=0, is_least=False)
    for name, words in {OURS: "", ALONE: ", no standby"}.items():
        if name in series.weights:
            found = series.weights[name].pss
            yield Target(claim=f"PSS in MB{words}", found=found, bound=260, is_least=False)
    errors = sum(w.refused + w.lost for load in LOADS for w in series.windows(OURS, *load))
    yield Target(claim="failed requests below the bound", found=errors, bound=0, is_least=False)


def _of_two(found: Results) -> Iterator[Target]:
    name = ALONE if ALONE in found.series[2].weights else OURS  # a standby is at another point
    one = found.series.get(1, _EMPTY).weights.get(name)
    more = found.series[2].weights[name].pss - one.pss if one else math.nan
    yield Target(claim="PSS in MB of a further worker", found=more, bound=20, is_least=False)


def _of_overload(series: Series) -> Iterator[Target]:
    beyond = series.windows(OURS, OVERLOAD)
    below = [clients for clients in RISING if clients != OVERLOAD]
    peak = max(below, key=lambda clients: series.median(OURS, clients, lambda w: w.rate))
    good = series.ratio_of_loads(OURS, OVERLOAD, peak)
    early = sum(w.refused + w.lost for clients in below for w in series.windows(OURS, clients))
    refused = sum(window.refused for window in beyond)
    lost = sum(window.lost for window in beyond)
    yield Target(claim=f"failed at c={below[-1]} or less", found=early, bound=0, is_least=False)
    yield Target(claim=f"503s at c={OVERLOAD}", found=refused, bound=1)
    yield Target(claim=f"lost requests at c={OVERLOAD}", found=lost, bound=0, is_least=False)
    yield Target(claim=f"goodput at c={OVERLOAD}, times the peak", found=good, bound=0.9)
