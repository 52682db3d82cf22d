"""Have the report notebook executed: the table, and a picture of what the parameters do."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

from runner.config import KernelChoice, TimeLimits
from runner.errors import NotebookError
from runner.record.private_files import write_private
from runner.run.stop_request import StopRequest
from runner.sweep.launcher import Launcher
from runner.sweep.outcomes import outcome_of
from runner.sweep.parallel_runs import ParallelRuns
from runner.sweep.points import Point

_TEMPLATE = Path(__file__).with_name("report.ipynb")


def write_report(
    out: Path, values: dict[str, Any], launcher: Launcher, loop: asyncio.Runner, stop: StopRequest
) -> None:
    """Put the report into a folder and execute it there, in place.

    Args:
        out: The folder.
        values: Its parameters.
        launcher: As for the points.
        loop: On which to run it.
        stop: The requests to stop.

    Raises:
        NotebookError: It failed.
    """
    record = out / "report.ipynb"
    write_private(record, _TEMPLATE.read_bytes())
    point = Point(name="report", chosen={}, values=values, record=record, identity="report")
    report_launcher = dataclasses.replace(
        launcher,
        source=record,
        origin={"notebook": str(record)},
        keeps_history=False,
        time_limits=TimeLimits(),
        kernel=KernelChoice(),
    )
    runs = ParallelRuns(
        report_launcher.start, lambda point, code: None, stop, launcher.config.grace
    )
    loop.run(runs.run([point], jobs=1))
    outcome = outcome_of(point)
    if not outcome.is_completed and not stop.signum:
        reason = outcome.reason or f"it did not begin; see {point.log}"
        raise NotebookError(f"{record}: the report failed: {reason}", hint="the table is whole")
