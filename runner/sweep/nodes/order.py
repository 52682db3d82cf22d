"""Say to a node what it is to run; nothing of it shows where dask shows what it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from runner.config import EngineConfig, KernelChoice, TimeLimits
from runner.sweep.nodes.versions import Versions
from runner.sweep.points import Point


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepOrder:
    """Say what all points of a sweep have in common.

    Attributes:
        topic: Under which nodes tell the driver what they begin.
        bundle_sha256: By what to know what travelled.
        notebook: The notebook's path within.
        origin: What is known of the notebook itself: its path, hash and commit.
        config: The engine's waits and intervals.
        time_limits: How long a cell and a point may take.
        kernel: By which kernel to run the notebook, if not by its own.
        log_output: Also log what the cells print.
        log_level: Of the runs' own logs.
        versions: What is installed where the sweep was started.
    """

    topic: str
    bundle_sha256: str
    notebook: str
    origin: Mapping[str, Any]
    config: EngineConfig
    time_limits: TimeLimits
    kernel: KernelChoice
    log_output: bool
    log_level: str
    versions: Versions


@dataclasses.dataclass(frozen=True, kw_only=True)
class PointOrder:
    """Say which point to run.

    Dask looks into the lists, mappings and texts that it gets, for names of tasks, and logs them
    when a task fails. It finds one value here, of no more than a name.

    Attributes:
        key: The task's.
        point: What to run; its parameters may be secret.
        sweep: What all points have in common.
        died: Workers that died while they ran it, by other keys.
    """

    key: str
    point: Point
    sweep: SweepOrder
    died: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"<point {self.key}>"
