"""Write what compares the points of a sweep: the table and the report, by one process at a time."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Sequence

from runner.errors import ConfigurationError, InterruptedRunError, RunnerError
from runner.run.stop_request import StopRequest
from runner.sweep import report, results
from runner.sweep.launcher import Launcher
from runner.sweep.locks import TABLE, Locks, waited_for
from runner.sweep.options import SweepOptions
from runner.sweep.points import Point
from runner.sweep.results import BestPoints, Outcomes

_TABLE_WITHIN = 600.0  # seconds; others' reports take some each


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Compare points in the sweep's folder.

    Attributes:
        options: What is swept.
        locks: The folder's.
        launcher: Starts the report's run.
        loop: On which to watch it.
        stop: The requests to stop.
    """

    options: SweepOptions
    locks: Locks
    launcher: Launcher
    loop: asyncio.Runner
    stop: StopRequest

    def write(self, points: Sequence[Point], outcomes: Outcomes) -> BestPoints:
        """Write the table and, unless a stop was asked for, the report; give the best points.

        Who comes to the same end beside us waits, and finds them written.

        Args:
            points: All points.
            outcomes: How each ended, by its name.

        Raises:
            ConfigurationError: Nothing recorded the metric; the table is written.
            NotebookError: The report failed; the table is written.
            InterruptedRunError: A signal came as we waited for another.
            RunnerError: Another does not come to its end.
        """
        if not points:  # a search was stopped before it began
            return BestPoints()
        claim = functools.partial(self.locks.claim, TABLE)
        with waited_for(claim, _TABLE_WITHIN, lambda: self.stop.signum) as is_ours:
            if not is_ours:
                raise not_held(self.options, self.stop)
            try:
                best = best_of(self.options, points, outcomes)
            except ConfigurationError:
                self._write_table(points, outcomes, BestPoints())
                raise
            self._write_table(points, outcomes, best)
            if not self.stop.signum:
                self._write_report(points, outcomes, best)
            return best

    def _write_table(self, points: Sequence[Point], outcomes: Outcomes, best: BestPoints) -> None:
        folder = self.options.folder
        results.write_table(folder / "results.csv", points, outcomes, best, folder)

    def _write_report(self, points: Sequence[Point], outcomes: Outcomes, best: BestPoints) -> None:
        metrics = results.metric_names(outcomes)
        parameter_columns, metric_columns = results.column_names(list(points[0].chosen), metrics)
        folder = self.options.folder
        values = {
            "notebook": str(self.options.path),
            "results": str(folder / "results.csv"),
            "picture": str(folder / "results.svg"),
            "names": parameter_columns,
            "metric": dict(zip(metrics, metric_columns, strict=True)).get(best.metric, ""),
            "goal": str(best.goal),
        }
        report.write_report(folder, values, self.launcher, self.loop, self.stop)


def best_of(options: SweepOptions, points: Sequence[Point], outcomes: Outcomes) -> BestPoints:
    """Find the best of some points, as the options say."""
    return results.best_points(points, outcomes, options.metric, options.goal)


def not_held(options: SweepOptions, stop: StopRequest) -> RunnerError:
    """Say why a lock of the folder that was waited for is not ours."""
    if stop.signum:
        return interrupted(stop.signum)
    return RunnerError(f"{options.folder}: another process holds its lock, and does not free it")


def interrupted(signum: int) -> InterruptedRunError:
    """Say that a signal ended a sweep."""
    return InterruptedRunError(signum, hint="the same command goes on from here")
