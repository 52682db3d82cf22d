"""Put the runs of a sweep into a table, and find the best."""

from __future__ import annotations

import csv
import dataclasses
import difflib
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.masking.values import masked
from runner.record.goals import Goal, goal_of
from runner.record.private_files import write_private
from runner.sweep.outcomes import Outcome
from runner.sweep.points import Point

_FIXED_COLUMNS = ("best", "status", "seconds", "record", "reason")

Outcomes = Mapping[str, Outcome]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BestPoints:
    """Name the best points.

    Attributes:
        metric: By which; empty if no run recorded one.
        goal: Which end of it is the good one.
        is_by_name: Nobody has said so but its name.
        points: All that have the best value, in the order of the grid.
    """

    metric: str = ""
    goal: Goal = Goal.MAX
    is_by_name: bool = False
    points: Sequence[Point] = ()


def metric_names(outcomes: Outcomes) -> list[str]:
    """List the metrics of all runs, in the order in which they were first recorded."""
    return list(dict.fromkeys(name for found in outcomes.values() for name in found.metrics))


def best_points(
    points: Sequence[Point], outcomes: Outcomes, metric: str, goal: Goal | None = None
) -> BestPoints:
    """Find the best of the completed points.

    Args:
        points: All points.
        outcomes: How each ended, by its name.
        metric: By which to compare; the first that was recorded if empty.
        goal: Which end is the good one; its name says it if None.

    Raises:
        ConfigurationError: Runs recorded metrics, but none of this name.
    """
    names = metric_names(outcomes)
    if metric and names and metric not in names:
        close = difflib.get_close_matches(metric, names, n=1)
        guess = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigurationError(
            f"no run recorded the metric {metric!r}{guess}",
            hint=f"recorded were {', '.join(names)}; the same command with --metric runs no"
            " point again",
        )
    metric = metric or next(iter(names), "")
    known, is_by_name = goal_of(metric, goal), goal is None
    values = _values(points, outcomes, metric)
    best_value = (max if known is Goal.MAX else min)(values.values(), default=math.nan)
    best = [point for point in points if values.get(point.name) == best_value]
    return BestPoints(metric=metric, goal=known, is_by_name=is_by_name, points=best)


def _values(points: Sequence[Point], outcomes: Outcomes, metric: str) -> dict[str, float]:
    """Give the metric of each point that completed and has it, by the point's name."""
    return {
        point.name: value
        for point in points
        if outcomes[point.name].is_completed
        and (value := outcomes[point.name].metrics.get(metric)) is not None
        and not math.isnan(value)
    }


def ranked(points: Sequence[Point], outcomes: Outcomes, best: BestPoints) -> list[Point]:
    """Give the points, the best first; those without the metric last, failed ones behind them."""
    values = _values(points, outcomes, best.metric)
    sign = -1 if best.goal is Goal.MAX else 1

    def place(point: Point) -> tuple[bool, float]:
        value = values.get(point.name)
        if value is None:
            return True, float(not outcomes[point.name].is_completed)
        return False, sign * value

    return sorted(points, key=place)


def write_table(
    path: Path, points: Sequence[Point], outcomes: Outcomes, best: BestPoints, root: Path
) -> None:
    """Write the table as CSV: a row for each point, in the order of the grid.

    Args:
        path: Where to.
        points: All points.
        outcomes: How each ended, by its name.
        best: The best.
        root: Records are named relative to it.
    """
    metrics = metric_names(outcomes)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    parameter_columns, metric_columns = column_names(list(points[0].chosen), metrics)
    table.writerow(
        ["best", *parameter_columns, "status", "seconds", *metric_columns, "record", "reason"]
    )
    for point in points:
        outcome = outcomes[point.name]
        values = [outcome.metrics.get(name) for name in metrics]
        table.writerow(
            [
                "best" if point in best.points else "",
                *map(_cell, masked(point.chosen, point.secrets).values()),
                outcome.status,
                "" if outcome.seconds is None else round(outcome.seconds, 3),
                *("" if value is None else value for value in values),
                point.record.relative_to(root) if point.record.exists() else "",
                outcome.reason if not outcome.is_completed else "",
            ]
        )
    write_private(path, text.getvalue())


def column_names(parameters: Sequence[str], metrics: Sequence[str]) -> tuple[list[str], list[str]]:
    """Name the columns of parameters and metrics; no two columns have the same name."""
    parameter_columns = [
        f"parameter {name}" if name in _FIXED_COLUMNS else name for name in parameters
    ]
    used = {*_FIXED_COLUMNS, *parameter_columns}
    return parameter_columns, [f"metric {name}" if name in used else name for name in metrics]


def _cell(value: Any) -> Any:
    return "" if value is None else value
