"""Say on the terminal what came out of a sweep, and what is to come."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from runner.errors import NotebookError
from runner.masking.values import masked
from runner.notebook import parameter_values
from runner.record.goals import Goal
from runner.record.metrics import metrics_text, number_text
from runner.sweep.outcomes import PENDING, Outcome
from runner.sweep.points import Point
from runner.sweep.results import BestPoints, Outcomes, column_names, metric_names, ranked

_MOST_ROWS = 20  # of a table for people


def dry_run_text(
    points: Sequence[Point], outcomes: Outcomes, due: Sequence[Point], trials: int = 0
) -> str:
    """List the points, and say of each what would become of it.

    Args:
        points: All that are known.
        outcomes: How each ended, by its name.
        due: Those that would be run.
        trials: How many points a search may try; 0 if it is none.
    """
    names = {point.name for point in due}
    lines = [
        f"{'run ' if point.name in names else 'keep'}  {point.name}"
        f"{_status_text(outcomes[point.name].status)}"
        for point in points
    ]
    said = f"{number_of_points(len(points))}, {len(due)} of them to run"
    return "\n".join([*lines, f"{said}; a search of {trials}" if trials else said])


def number_of_points(points: int) -> str:
    """Write a number of points."""
    return f"{points} point{'' if points == 1 else 's'}"


def summary_text(
    points: Sequence[Point], outcomes: Outcomes, best: BestPoints, command: str, where: str = ""
) -> str:
    """Name the best point, how to run it alone, what failed, and what was not run.

    Args:
        points: Those of which it is said.
        outcomes: How each ended, by its name.
        best: The best.
        command: The command that runs it.
        where: Of what they are the points, if not of the whole sweep: `` in shard 1/3``.
    """
    of = f"of {len(points)}{where}"
    lines = []
    if best.points:
        first = best.points[0]
        others = len(best.points) - 1
        tie = f" ({others} more with the same {best.metric})" if others else ""
        best_metrics = metrics_text(outcomes[first.name].metrics)
        lines += [f"best {of}, by {by(best)}: {first.name}: {best_metrics}{tie}", f"  {command}"]
    else:
        lines.append(
            f"no best {of}: no completed run recorded"
            f" {'the metric ' + best.metric if best.metric else 'a metric'}"
        )
    failed, open_points = not_completed(points, outcomes)
    lines += [f"failed: {point.name}: {outcomes[point.name].reason}" for point in failed]
    if open_points:
        lines.append(f"not done: {number_of_points(len(open_points))}: {_names(open_points)}")
    return "\n".join(lines)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """Show points in rows, the best first.

    Attributes:
        columns: Their names.
        rows: Of each point its cells; of a cell the text, or the text and its style.
        right: The columns with numbers.
        more: How many points are left out.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | tuple[str, str]]]
    right: Sequence[str]
    more: int


def table_of(points: Sequence[Point], outcomes: Outcomes, best: BestPoints) -> Table:
    """Put points into a table for people, the best first.

    Args:
        points: All that there are.
        outcomes: How each ended, by its name.
        best: The best.
    """
    metrics = metric_names(outcomes)
    parameters, measured = column_names(list(points[0].chosen), metrics)
    shown = ranked(points, outcomes, best)[:_MOST_ROWS]
    rows = [_row(point, outcomes[point.name], metrics, point in best.points) for point in shown]
    return Table(
        columns=["", *parameters, *measured, "seconds", "status"],
        rows=rows,
        right=[*measured, "seconds"],
        more=len(points) - len(shown),
    )


def _row(
    point: Point, outcome: Outcome, metrics: Sequence[str], is_best: bool
) -> list[str | tuple[str, str]]:
    chosen = masked(point.chosen, point.secrets)
    style = "bold green" if is_best else "" if outcome.is_completed else "red"
    cells = [
        "★" if is_best else "",
        *("" if value is None else str(value) for value in chosen.values()),
        *(number_text(outcome.metrics.get(name), "") for name in metrics),
        "" if outcome.seconds is None else f"{outcome.seconds:.1f}",
        outcome.status,
    ]
    return [(cell, style) for cell in cells]


def by(best: BestPoints) -> str:
    """Say by what the best is the best, and how to have it otherwise if only a name says so."""
    said = f"the {best.goal.word} {best.metric}"
    if best.goal is Goal.MIN and best.is_by_name:
        return f"{said} (so its name says; --goal {best.goal.other} turns it round)"
    return said


def files_text(out: Path) -> str:
    """Say where the files of all points are."""
    places = {what: out / name for what, name in _FILES.items()}
    return "\n".join(f"{what:8} {place}" for what, place in places.items() if place.exists())


def not_completed(
    points: Sequence[Point], outcomes: Outcomes
) -> tuple[Sequence[Point], Sequence[Point]]:
    """Give the points that ended without having completed, and those that have not ended."""
    rest = [point for point in points if not outcomes[point.name].is_completed]
    ended = [point for point in rest if outcomes[point.name].has_ended]
    return ended, [point for point in rest if not outcomes[point.name].has_ended]


def check(points: Sequence[Point], outcomes: Outcomes) -> None:
    """Make sure that all points are completed.

    Raises:
        NotebookError: Some are not.
    """
    failed, open_points = not_completed(points, outcomes)
    all_points = number_of_points(len(points))
    if failed:
        raise NotebookError(
            f"{len(failed)} of {all_points} failed",
            hint=f"their records say more, such as {failed[0].record};"
            " --retry-failed runs them again",
        )
    if open_points:
        raise NotebookError(
            f"{len(open_points)} of {all_points} not done",
            hint="the same command without --report-only runs what nobody has run",
        )


def _names(points: Sequence[Point]) -> str:
    few = ", ".join(point.name for point in points[:3])
    return few if len(points) <= 3 else f"{few}, …"


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
