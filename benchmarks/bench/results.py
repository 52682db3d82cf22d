"""Keep what was measured as JSON."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import msgspec
from recipes import OURS
from rounds import Series
from traffic import Traffic


@dataclasses.dataclass(frozen=True, kw_only=True)
class Results:
    """All that one run of the benchmark has found.

    Attributes:
        machine: When and on what.
        rounds: How many alternated rounds there were; half as many with more than one worker.
        seconds: Of each window.
        versions: What each server consists of, by its name.
        series: What was measured, by the number of workers.
        overload: One worker of ours with more clients than it lets in.
    """

    machine: str
    rounds: int
    seconds: int
    versions: dict[str, str]
    series: dict[int, Series]
    overload: Series | None = None

    @property
    def commit(self) -> str:
        """Which commit of ours was measured; more than one if the checkout has moved on."""
        each = [*self.series.values(), *([self.overload] if self.overload else [])]
        found = [series.commits[OURS] for series in each if OURS in series.commits]
        return " and ".join(dict.fromkeys(found)) or "unknown"

    @property
    def generator(self) -> float:
        """How much of a core wrk used at most by varied requests."""
        windows = [
            sample.window
            for series in self.series.values()
            for sample in series.samples
            if sample.traffic is Traffic.VARIED
        ]
        return max((window.generator for window in windows), default=math.nan)


def write(path: Path, found: Results) -> None:
    """Write a file."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def read(path: Path) -> Results:
    """Read what was written."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
