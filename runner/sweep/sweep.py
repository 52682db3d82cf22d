"""Carry out a sweep: plan the points, run what is not done, write the table and the report."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError, InterruptedRunError, NotebookError, RunnerError
from runner.notebook import document as notebook
from runner.record import facts, folders, history
from runner.record.private_files import make_private_folder, write_private
from runner.run.stop_request import StopRequest
from runner.spawn.fork_server_client import Starter
from runner.sweep import report, results
from runner.sweep.launcher import Launcher, run_environment, usable_cores
from runner.sweep.locks import SETUP, TABLE, FolderLocks, Locks, waited_for
from runner.sweep.options import SweepOptions
from runner.sweep.outcomes import PENDING, Outcome, outcome_of
from runner.sweep.parallel_runs import ParallelRuns
from runner.sweep.plan import due_points, planned_points
from runner.sweep.point_queue import PointQueue
from runner.sweep.points import Point
from runner.sweep.progress import RunCounts, SweepProgress, SweepProgressBar, SweepProgressLog
from runner.sweep.results import BestPoints
from runner.sweep.summary import command_for, dry_run_text, number_of_points, summary_text

log = logging.getLogger(__name__)

OWN_FILES = ("results.csv", "results.svg", "report.ipynb")
_SETUP_WITHIN = 60.0
_TABLE_WITHIN = 600.0  # others' reports take seconds each
_GOES_ON = "the same command goes on from here"


def sweep(options: SweepOptions, say: Callable[[str], None]) -> None:
    """Run every point of a grid that is not done yet, and compare all.

    Others may do the same in the same folder: each point is run by one of them.

    Args:
        options: What to do.
        say: Prints the outcome.

    Raises:
        ConfigurationError: Before any kernel starts: the notebook, a parameter or a grid is
            wrong, or a sweep with others is at work in the folder. After all runs: nothing
            recorded the metric.
        NotebookError: A point failed; the others were run all the same.
        InterruptedRunError: A signal ended it; the same command goes on.
    """
    document = notebook.read(options.path, options.secrets).with_kernel(options.kernel)
    content = options.path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    points = planned_points(options, document, sha256)
    if options.is_dry:
        outcomes = {point.name: outcome_of(point, corrects=False) for point in points}
        say(dry_run_text(points, outcomes, due_points(options, points, outcomes)))
        return
    make_private_folder(options.folder)
    locks = FolderLocks(options.folder)
    with StopRequest() as stop:
        source = _set_up(options, locks, stop, content)
        environ = run_environment(os.environ, _jobs(options, len(points)), options.log_level)
        starter = Starter(environ, "runner.sweep.point_run", forks=True)
        launcher = Launcher(
            source=source,
            origin={"notebook": str(options.path), "notebook_sha256": sha256}
            | facts.git_facts(options.path),
            config=options.config,
            time_limits=options.time_limits,
            kernel=options.kernel,
            log_output=options.log_output,
            starter=starter,
        )
        with asyncio.Runner() as loop, contextlib.closing(starter):
            found = Sweep(
                options=options,
                points=points,
                locks=locks,
                launcher=launcher,
                loop=loop,
                stop=stop,
            )
            found.run(say)


def _set_up(options: SweepOptions, locks: Locks, stop: StopRequest, content: bytes) -> Path:
    """Make the folder ours, and put there what the notebook is now; give that file.

    It has a name of its own: another version's may still be read.
    """
    folder = options.folder
    source = folder / f"source-{hashlib.sha256(content).hexdigest()[:12]}.ipynb"
    with waited_for(locks, SETUP, _SETUP_WITHIN, lambda: stop.signum) as is_ours:
        if not is_ours:
            raise _not_held(folder, stop)
        if options.out is None:
            folders.take(folder, options.path)
        history.take_names(folder, (*OWN_FILES, source.name))
        write_private(source, content)
    return source


def _not_held(folder: Path, stop: StopRequest) -> RunnerError:
    if stop.signum:
        return InterruptedRunError(stop.signum, hint=_GOES_ON)
    return RunnerError(f"{folder}: another process holds its lock, and does not give it back")


@dataclasses.dataclass(kw_only=True)
class Sweep:
    """Run the points of one folder.

    Attributes:
        options: What to do.
        points: The points.
        locks: The folder's.
        launcher: Starts their runs.
        loop: On which to watch them.
        stop: The requests to stop.
    """

    options: SweepOptions
    points: Sequence[Point]
    locks: Locks
    launcher: Launcher
    loop: asyncio.Runner
    stop: StopRequest

    def __post_init__(self) -> None:
        """See what is done already."""
        self._outcomes = {point.name: outcome_of(point) for point in self.points}

    def run(self, say: Callable[[str], None]) -> None:
        """Run what is due, write the table and the report, and say what came out."""
        self._run_due()
        best = self._compare()
        if self.stop.signum:
            raise InterruptedRunError(self.stop.signum, hint=_GOES_ON)
        say(self._summary(best))
        self._check()

    def _compare(self) -> BestPoints:
        """Write the table and the report, alone; who ends beside us waits, and finds the same."""
        with waited_for(self.locks, TABLE, _TABLE_WITHIN, lambda: self.stop.signum) as is_ours:
            if not is_ours:
                raise _not_held(self.options.folder, self.stop)
            try:
                best = results.best_points(
                    self.points, self._outcomes, self.options.metric, self.options.goal
                )
            except ConfigurationError:
                self._write_table(BestPoints())
                raise
            self._write_table(best)
            if not self.stop.signum:
                self._write_report(best)
            return best

    def _run_due(self) -> None:
        due = due_points(self.options, self.points, self._outcomes)
        jobs = _jobs(self.options, len(due))
        counts = RunCounts(total=len(self.points), done=len(self.points) - len(due))
        log.info(
            "%s: %s, %d of them to run, %d at a time; files: %s",
            *(
                self.options.path,
                number_of_points(len(self.points)),
                len(due),
                jobs,
                self.options.folder,
            ),
        )
        progress: SweepProgress = (
            SweepProgressBar(counts) if self.options.shows_bar else SweepProgressLog(counts)
        )

        def launch(point: Point) -> Any:
            process = self.launcher.start(point)
            progress.started(point)
            return process

        def on_end(point: Point, code: int) -> None:
            self._outcomes[point.name] = _outcome_after(point, code)
            progress.ended(point, self._outcomes[point.name])

        def on_elsewhere(point: Point, outcome: Outcome) -> None:
            self._outcomes[point.name] = outcome
            progress.ended_elsewhere(point, outcome)

        runs = ParallelRuns(launch, on_end, self.stop, self.options.config.grace)
        try:
            queue = PointQueue(
                due,
                dict(self._outcomes),
                self.locks,
                retries_failed=self.options.retries_failed,
                on_elsewhere=on_elsewhere,
            )
            self.loop.run(runs.run(queue, jobs))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            progress.close()

    def _write_table(self, best: BestPoints) -> None:
        folder = self.options.folder
        results.write_table(folder / "results.csv", self.points, self._outcomes, best, folder)

    def _write_report(self, best: BestPoints) -> None:
        metrics = results.metric_names(self._outcomes)
        parameter_columns, metric_columns = results.column_names(
            list(self.points[0].chosen), metrics
        )
        folder = self.options.folder
        values = {
            "notebook": str(self.options.path),
            "results": str(folder / "results.csv"),
            "picture": str(folder / "results.svg"),
            "names": parameter_columns,
            "metric": dict(zip(metrics, metric_columns, strict=True)).get(best.metric, ""),
            "goal": str(self.options.goal),
        }
        report.write_report(folder, values, self.launcher, self.loop, self.stop)

    def _summary(self, best: BestPoints) -> str:
        given = self.options.fixed | (best.points[0].chosen if best.points else {})
        command = command_for(self.options.path, given, self.points[0].secrets)
        return summary_text(self.points, self._outcomes, best, command, self.options.folder)

    def _check(self) -> None:
        failed = [point for point in self.points if not self._outcomes[point.name].is_completed]
        if failed:
            raise NotebookError(
                f"{len(failed)} of {number_of_points(len(self.points))} failed",
                hint=f"their records say more, such as {failed[0].record};"
                " --retry-failed runs them again",
            )


def _jobs(options: SweepOptions, points: int) -> int:
    return max(1, min(options.jobs or usable_cores(), points))


def _outcome_after(point: Point, code: int) -> Outcome:
    """Read how a run ended; its process's end must do for one that left no word of it."""
    outcome = outcome_of(point)
    if outcome.status in (PENDING, "running"):
        reason = f"its process ended with code {code}; see {point.log}"
        return dataclasses.replace(outcome, status="failed", reason=reason)
    return outcome
