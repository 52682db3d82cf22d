"""Read the order to go, by which a run learns what it is to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.config import EngineConfig, KernelChoice, TimeLimits
from runner.notebook import parameter_values
from runner.run.run import Job


def job_of(order: dict[str, Any]) -> Job:
    """Say what a run is to execute.

    A supervisor or a sweep goes on when this package is upgraded, and has its runs started by the
    new one: what an earlier release does not say has a default.

    Args:
        order: As it came.
    """
    return Job(
        path=Path(order["facts"]["notebook"]),
        copy=Path(order["notebook"]),
        out=Path(order["out"]),
        keeps_history=order.get("keeps_history", False),
        values=parameter_values.received(order["values"]),
        secrets=frozenset(order.get("secrets", ())),
        config=EngineConfig(**order["config"]),
        time_limits=TimeLimits(**order.get("time_limits", {})),
        kernel=KernelChoice(**order.get("kernel", {})),
        log_output=order["log_output"],
    )
