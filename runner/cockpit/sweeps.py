"""Know the sweeps below a folder: their points, the best first, and by what these are compared.

The rules of this file:

1. A sweep is a folder in whose ``points`` there are records of points: it is known as soon as there
   is one.
2. The metric, the goal and the parameters that were swept are those of its report. Before there is
   one, the first metric that was recorded counts, whose name says which end of it is the good one;
   without any metric the shorter run is the better.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from runner.cockpit.run_index import Runs
from runner.cockpit.run_query import value_of
from runner.cockpit.run_summary import RunSummary
from runner.cockpit.run_values import number_of
from runner.record.goals import Goal, goal_by_name
from runner.record.run_status import RunStatus

SECONDS = "seconds"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Aim:
    """Say by what points are compared.

    Attributes:
        column: As a query names it: ``metric:NAME``, or ``seconds`` if there is no metric.
        is_smaller_better: Which end of it is the good one.
    """

    column: str = SECONDS
    is_smaller_better: bool = True

    @property
    def name(self) -> str:
        """Name it for people."""
        return self.column.removeprefix("metric:")

    def value(self, run: RunSummary) -> float | None:
        """Give a completed point's value; None of any other."""
        is_completed = run.status == RunStatus.COMPLETED
        return number_of(value_of(run, self.column)) if is_completed else None

    def order(self, run: RunSummary) -> tuple[bool, float, str]:
        """Give what puts the best first, and what has no value last."""
        value = self.value(run)
        if value is None:
            return (True, 0.0, run.point)
        return (False, value if self.is_smaller_better else -value, run.point)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """Be one sweep.

    Attributes:
        folder: Where it is, below the folder that was looked at.
        points: Its runs, the best first; those without a value last.
        aim: By what they are compared.
        names: The parameters that were swept.
        report: Its report, if that is written.
    """

    folder: str
    points: Sequence[RunSummary]
    aim: Aim
    names: Sequence[str]
    report: RunSummary | None = None

    @property
    def notebook(self) -> str:
        """Name what was swept."""
        return self.points[0].notebook

    @property
    def best(self) -> Sequence[RunSummary]:
        """Give all that have the best value."""
        value = self.aim.value(self.points[0])
        return [run for run in self.points if value is not None and self.aim.value(run) == value]

    @property
    def started(self) -> float | None:
        """Say when its first point started."""
        return min((run.started for run in self.points if run.started), default=None)

    @property
    def metrics(self) -> list[str]:
        """Name the metrics that its points recorded."""
        return list(dict.fromkeys(name for run in self.points for name in run.metrics))

    @property
    def statuses(self) -> dict[str, int]:
        """Count its points by their states."""
        found = [run.status for run in self.points]
        return {status: found.count(status) for status in sorted(set(found))}


def sweeps_of(runs: Runs) -> list[Sweep]:
    """Find the sweeps among runs, the newest first."""
    folders: dict[str, list[RunSummary]] = {}
    for run in runs.all:
        if run.sweep:
            folders.setdefault(run.sweep, []).append(run)
    found = [_sweep(name, points, runs.reports.get(name)) for name, points in folders.items()]
    return sorted(found, key=lambda sweep: (sweep.started or 0.0, sweep.folder), reverse=True)


def _sweep(folder: str, points: Sequence[RunSummary], report: RunSummary | None) -> Sweep:
    in_order = sorted(points, key=lambda run: run.started or 0.0)
    aim = _aim(in_order, report)
    return Sweep(
        folder=folder,
        points=sorted(points, key=aim.order),
        aim=aim,
        names=_names(in_order, report),
        report=report,
    )


def _aim(points: Sequence[RunSummary], report: RunSummary | None) -> Aim:
    names = list(dict.fromkeys(name for run in points for name in run.metrics))
    if report:
        said = str(report.parameters.get("metric") or "")
        metric = said if said in names else said.removeprefix("metric ")
        goal = Goal.MIN if report.parameters.get("goal") == Goal.MIN else Goal.MAX
    else:
        metric = next(iter(names), "")
        goal = goal_by_name(metric)
    return Aim(
        column=f"metric:{metric}" if metric else SECONDS,
        is_smaller_better=goal is Goal.MIN or not metric,
    )


def _names(points: Sequence[RunSummary], report: RunSummary | None) -> list[str]:
    known = list(dict.fromkeys(name for run in points for name in run.parameters))
    if report and (said := _listed(report.parameters.get("names"))):
        plain = [name if name in known else name.removeprefix("parameter ") for name in said]
        return [name for name in plain if name in known]
    return [name for name in known if _is_swept(name, points)]


def _listed(text: object) -> list[str]:
    """Read a list of names from its JSON; empty if it was cut, or is none."""
    try:
        names = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _is_swept(name: str, points: Sequence[RunSummary]) -> bool:
    """Tell what was swept from what only has another place in each point's folder."""
    values = [run.parameters.get(name) for run in points]
    is_place = all(isinstance(value, str) and "/points/" in value for value in values)
    return len(set(map(repr, values))) > 1 and not is_place
