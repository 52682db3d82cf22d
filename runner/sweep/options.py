"""Say what is to be swept, and how."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runner.config import RUNS, EngineConfig, KernelChoice, TimeLimits
from runner.record import folders
from runner.record.goals import Goal
from runner.sweep.locks import FolderLocks, Locks
from runner.sweep.nodes.target import Target
from runner.sweep.shards import WHOLE, Shard


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """Say what to sweep, and how.

    Attributes:
        path: The notebook.
        out: The sweep's folder; by default one below ``runs/sweeps``.
        fixed: The parameters that all points share.
        grid: ``NAME=V1,V2`` for each of the others.
        jobs: Runs at a time; 0 for as many as there are cores.
        metric: By which to find the best; the first that is recorded if empty.
        goal: Which end of it is the good one; its name says it if None.
        retries_failed: Run again what failed.
        is_dry: Only list the points.
        trials: How many points a search may try; 0 for all combinations.
        shard: Which share of the points is ours.
        only_reports: Run nothing, and compare what others have run.
        config: The engine's waits and intervals.
        time_limits: How long a cell and a point may take.
        kernel: By which kernel to run the notebook, if not by its own.
        on: Where the points are run.
        more: What travels to the nodes besides the notebook and what is beside it.
        secrets: Names of parameters to mask besides those that are known.
        log_output: Also log what the cells print.
        log_level: Of the runs' own logs.
        locks_of: Gives the locks of the sweep's folder.
    """

    path: Path
    out: Path | None
    fixed: dict[str, Any]
    grid: Sequence[str]
    jobs: int
    metric: str
    goal: Goal | None
    retries_failed: bool
    is_dry: bool
    config: EngineConfig
    log_output: bool
    log_level: str
    time_limits: TimeLimits
    kernel: KernelChoice
    on: Target = dataclasses.field(default_factory=Target)
    more: Sequence[Path] = ()
    secrets: frozenset[str] = frozenset()
    trials: int = 0
    shard: Shard = WHOLE
    only_reports: bool = False
    locks_of: Callable[[Path], Locks] = FolderLocks

    @property
    def folder(self) -> Path:
        """Where the sweep's files go."""
        return self.out or folders.folder_of(self.path, Path(RUNS, "sweeps"))
