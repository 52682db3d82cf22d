"""Have the report notebook executed: the table, and a picture of what the parameters do."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from runner.config import KernelChoice, TimeLimits
from runner.errors import NotebookError
from runner.record.private_files import make_private_folder, write_private
from runner.run.stop_request import StopRequest
from runner.sweep.launcher import Launcher
from runner.sweep.outcomes import outcome_of
from runner.sweep.parallel_runs import ParallelRuns
from runner.sweep.point_queue import ListedPoints
from runner.sweep.points import Point

_TEMPLATE = Path(__file__).with_name("report.ipynb")


def write_report(
    out: Path, values: dict[str, Any], launcher: Launcher, loop: asyncio.Runner, stop: StopRequest
) -> None:
    """Have the report executed in a folder of its own, then put it beside the table.

    One that is there already and says the same stays: drivers that end together write one.

    Args:
        out: The sweep's folder.
        values: Its parameters.
        launcher: As for the points.
        loop: On which to run it.
        stop: The requests to stop.

    Raises:
        NotebookError: It failed.
    """
    record = out / "report.ipynb"
    point = _report_point(record, values)
    if outcome_of(point).is_completed and (out / "results.svg").exists():
        return
    point = dataclasses.replace(point, record=out / ".report" / "report.ipynb")
    make_private_folder(point.record.parent)
    source = point.record.with_name("template.ipynb")
    write_private(source, _TEMPLATE.read_bytes())
    point.record.unlink(missing_ok=True)
    report_launcher = dataclasses.replace(
        launcher,
        source=source,
        origin={"notebook": str(record)},
        keeps_history=False,
        time_limits=TimeLimits(),
        kernel=KernelChoice(),
    )
    runs = ParallelRuns(
        report_launcher.start, lambda point, code: None, stop, launcher.config.grace
    )
    loop.run(runs.run(ListedPoints([point]), jobs=1))
    outcome = outcome_of(point)
    if outcome.is_completed:
        point.record.replace(record)
    elif not stop.signum:
        reason = outcome.reason or f"it did not begin; see {point.log}"
        raise NotebookError(
            f"{point.record}: the report failed: {reason}", hint="the table is whole"
        )


def _report_point(record: Path, values: dict[str, Any]) -> Point:
    """Describe the report's run, known by all that it shows."""
    shown = [json.dumps(values).encode(), Path(values["results"]).read_bytes()]
    digest = hashlib.sha256(b"\0".join([*shown, _TEMPLATE.read_bytes()])).hexdigest()
    return Point(name="report", chosen={}, values=values, record=record, identity=digest)
