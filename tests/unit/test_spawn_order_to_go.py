"""What a run reads from its order."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from runner.config import EngineConfig, KernelChoice, TimeLimits
from runner.run.run import Job
from runner.spawn.order_to_go import job_of


def test_an_order_of_an_earlier_release_is_understood() -> None:
    """As 0.1 gave it: a service that runs while it is upgraded has to be started again by us."""
    order = {
        "do": "go",
        "run": "20260101T000000-0001",
        "notebook": "runs/a/sources/.20260101T000000-0001.ipynb",
        "out": "runs/a/20260101T000000-0001.ipynb",
        "values": {"port": 8000},
        "address": ["127.0.0.1", 8000],
        "facts": {"notebook": "a.ipynb"},
        "config": dataclasses.asdict(EngineConfig()),
        "log_output": False,
    }
    assert job_of(order) == Job(
        path=Path("a.ipynb"),
        copy=Path("runs/a/sources/.20260101T000000-0001.ipynb"),
        out=Path("runs/a/20260101T000000-0001.ipynb"),
        keeps_history=False,
        values={"port": 8000},
        secrets=frozenset(),
        config=EngineConfig(),
        time_limits=TimeLimits(),
        kernel=KernelChoice(),
        log_output=False,
    )
