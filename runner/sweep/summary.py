"""Say on the terminal what came out of a sweep, and what is to come."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from runner.masking.values import masked
from runner.notebook import parameter_values
from runner.sweep.outcomes import PENDING
from runner.sweep.points import Point
from runner.sweep.progress import metrics_text
from runner.sweep.results import BestPoints, Outcomes


def dry_run_text(points: Sequence[Point], outcomes: Outcomes, due: Sequence[Point]) -> str:
    """List the points, and say of each what would become of it."""
    lines = [
        f"{'run ' if point in due else 'keep'}  {point.name}"
        f"{_status_text(outcomes[point.name].status)}"
        for point in points
    ]
    return "\n".join([*lines, f"{number_of_points(len(points))}, {len(due)} of them to run"])


def number_of_points(points: int) -> str:
    """Write a number of points."""
    return f"{points} point{'' if points == 1 else 's'}"


def summary_text(
    points: Sequence[Point], outcomes: Outcomes, best: BestPoints, command: str, out: Path
) -> str:
    """Name the best point, how to run it alone, what failed, and where the files are."""
    lines = []
    if best.points:
        first = best.points[0]
        others = len(best.points) - 1
        tie = f" ({others} more with the same {best.metric})" if others else ""
        best_metrics = metrics_text(outcomes[first.name].metrics)
        lines += [
            f"best of {len(points)}: {first.name}: {best_metrics}{tie}",
            f"  {command}",
        ]
    else:
        lines.append(
            f"no best of {len(points)}: no completed run recorded"
            f" {'the metric ' + best.metric if best.metric else 'a metric'}"
        )
    failed = (point for point in points if not outcomes[point.name].is_completed)
    lines += [f"failed: {point.name}: {outcomes[point.name].reason}" for point in failed]
    lines += [f"{what:8} {out / name}" for what, name in _FILES.items() if (out / name).exists()]
    return "\n".join(lines)


def command_for(path: Path, given: dict[str, Any], secrets: Collection[str] = ()) -> str:
    """Give the command that runs one point alone.

    Args:
        path: The notebook.
        given: The parameters; those that ask for a point's name or folder are left out.
        secrets: Names of parameters to mask besides those that are known.
    """
    words = ["runner", "run", str(path)]
    for name, value in masked(given, secrets).items():
        if isinstance(value, str) and ("{point}" in value or "{folder}" in value):
            continue
        words += _parameter_words(name, value)
    return shlex.join(words)


def _parameter_words(name: str, value: Any) -> list[str]:
    if isinstance(value, str):
        return ["-p" if parameter_values.parsed_value(value) == value else "-r", name, value]
    if value is None or isinstance(value, bool | int | float):
        return ["-p", name, str(value)]
    return ["-y", json.dumps({name: value}, default=str)]


def _status_text(status: str) -> str:
    return "" if status == PENDING else f"  ({status})"


_FILES = {"table": "results.csv", "picture": "results.svg", "report": "report.ipynb"}
