"""Have a point's run started, and share the machine's cores between those that run."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runner.config import EngineConfig, KernelChoice, TimeLimits, variable
from runner.notebook import parameter_values
from runner.record.private_files import append_to_private, make_private_folder
from runner.spawn.fork_server_client import Starter
from runner.spawn.processes import RunProcess
from runner.sweep.outcomes import identity_facts
from runner.sweep.points import Point

# What the libraries under numpy, scikit-learn and numexpr take their number of threads from.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)

Began = Callable[[Point, str], None]
"""What is called with a point and its node, if it has one, when its run begins."""


def told_to_nobody(point: Point, node: str) -> None:
    """Hear that a run begins, and do nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Launcher:
    """Start runs of one notebook.

    Attributes:
        source: The file that is read: what the notebook was as the sweep began.
        origin: What is known of the notebook itself: its path, hash and commit.
        config: The engine's waits and intervals.
        log_output: Also log what the cells print.
        starter: Starts the processes.
        keeps_history: Keep the records of earlier runs beside the new one.
        time_limits: How long a cell and a point may take.
        kernel: By which kernel to run the notebook, if not by its own.
        folder: Where the runs begin; our working folder by default.
    """

    source: Path
    origin: Mapping[str, Any]
    config: EngineConfig
    log_output: bool
    starter: Starter
    keeps_history: bool = True
    time_limits: TimeLimits = dataclasses.field(default_factory=TimeLimits)
    kernel: KernelChoice = dataclasses.field(default_factory=KernelChoice)
    folder: Path | None = None

    def start(self, point: Point, began: Began = told_to_nobody) -> RunProcess:
        """Start a point's run; its log lies beside its record, below earlier ones."""
        make_private_folder(point.record.parent)
        with append_to_private(point.log) as log:
            process = self.starter.start(self.source, log, self.folder)
        process.order(do="go", **self._order(point))
        began(point, "")
        return process

    def _order(self, point: Point) -> dict[str, Any]:
        model = point.own_model
        return {
            "notebook": str(self.source),
            "out": str(point.record),
            "values": parameter_values.sent(point.values),
            "secrets": sorted(point.secrets),
            "facts": {**self.origin, **identity_facts(point)},
            "config": dataclasses.asdict(self.config),
            "time_limits": dataclasses.asdict(self.time_limits),
            "kernel": dataclasses.asdict(self.kernel),
            "log_output": self.log_output,
            "keeps_history": self.keeps_history,
            # Of an earlier run, cut short: they would pass for this one's.
            "clears": [str(model), str(model.with_suffix(".json"))] if model else [],
        }


def run_environment(environ: Mapping[str, str], jobs: int, log_level: str) -> dict[str, str]:
    """Give the variables of the runs: as many threads each as there are cores for it.

    Args:
        environ: Ours. A number of threads that it sets stays as it is, for all libraries.
        jobs: Runs at a time.
        log_level: Of the runs' own logs.
    """
    share = str(max(1, usable_cores() // jobs))
    threads = {} if any(name in environ for name in _THREADS) else dict.fromkeys(_THREADS, share)
    return {**environ, **threads, variable("log-level"): log_level}


def usable_cores() -> int:
    """Count the cores that we may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
