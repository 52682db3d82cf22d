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

from runner import files
from runner.config import EngineConfig, KernelChoice, TimeLimits
from runner.errors import ConfigurationError, InterruptedRunError, NotebookError
from runner.notebook import document as notebook
from runner.notebook.parameter_types import plain
from runner.record import facts, folders, history
from runner.record.private_files import make_private_folder, write_private
from runner.run.run import checked
from runner.run.stop_request import StopRequest
from runner.spawn.fork_server_client import Starter
from runner.sweep import report, results
from runner.sweep.grid import read_grid
from runner.sweep.launcher import Launcher, run_environment, usable_cores
from runner.sweep.outcomes import PENDING, Outcome, outcome_of
from runner.sweep.parallel_runs import ParallelRuns
from runner.sweep.points import MODEL_PATH, Point, points_of
from runner.sweep.progress import RunCounts, SweepProgress, SweepProgressBar, SweepProgressLog
from runner.sweep.results import BestPoints, Goal
from runner.sweep.summary import command_for, dry_run_text, number_of_points, summary_text

log = logging.getLogger(__name__)

OWN_FILES = ("source.ipynb", "results.csv", "results.svg", "report.ipynb", "report.log")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """Say what to sweep, and how.

    Attributes:
        path: The notebook.
        out: The sweep's folder; by default one below ``runs/sweeps``.
        fixed: The parameters that all points share.
        grid: ``NAME=V1,V2`` for each of the others.
        jobs: Runs at a time; 0 for as many as there are cores.
        metric: By which to find the best; the first that is recorded if empty.
        goal: Which end of it is the good one.
        retries_failed: Run again what failed.
        is_dry: Only list the points.
        config: The engine's waits and intervals.
        time_limits: How long a cell and a point may take.
        kernel: By which kernel to run the notebook, if not by its own.
        secrets: Names of parameters to mask besides those that are known.
        log_output: Also log what the cells print.
        log_level: Of the runs' own logs.
        shows_bar: Draw a bar instead of writing log lines.
    """

    path: Path
    out: Path | None
    fixed: dict[str, Any]
    grid: Sequence[str]
    jobs: int
    metric: str
    goal: Goal
    retries_failed: bool
    is_dry: bool
    config: EngineConfig
    log_output: bool
    log_level: str
    time_limits: TimeLimits
    kernel: KernelChoice
    secrets: frozenset[str] = frozenset()
    shows_bar: bool

    @property
    def folder(self) -> Path:
        """Where the sweep's files go."""
        return self.out or folders.folder_of(self.path, folders.RUNS / "sweeps")


def sweep(options: SweepOptions, say: Callable[[str], None]) -> None:
    """Run every point of a grid that is not done yet, and compare all.

    Args:
        options: What to do.
        say: Prints the outcome.

    Raises:
        ConfigurationError: Before any kernel starts: the notebook, a parameter or a grid is
            wrong, or another sweep uses the folder. After all runs: nothing recorded the metric.
        NotebookError: A point failed; the others were run all the same.
        InterruptedRunError: A signal ended it; the same command goes on.
    """
    document = notebook.read(options.path, options.secrets).with_kernel(options.kernel)
    content = options.path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    points = _points(options, document, sha256)
    if options.is_dry:
        outcomes = {point.name: outcome_of(point, corrects=False) for point in points}
        say(dry_run_text(points, outcomes, _due_points(options, points, outcomes)))
        return
    make_private_folder(options.folder)
    with files.claim(options.folder / ".lock") as is_ours, StopRequest() as stop:
        if not is_ours:
            raise ConfigurationError(
                f"{options.folder}: another sweep is at work there",
                hint="--out names another folder",
            )
        if options.out is None:
            folders.take(options.folder, options.path)
        history.take_names(options.folder, OWN_FILES)
        source = options.folder / "source.ipynb"
        write_private(source, content)
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
            Sweep(options, points, launcher, loop, stop).run(say)


class Sweep:
    """Run the points of one folder.

    Args:
        options: What to do.
        points: The points.
        launcher: Starts their runs.
        loop: On which to watch them.
        stop: The requests to stop.
    """

    def __init__(
        self,
        options: SweepOptions,
        points: Sequence[Point],
        launcher: Launcher,
        loop: asyncio.Runner,
        stop: StopRequest,
    ) -> None:
        self._options, self._points = options, points
        self._launcher, self._loop, self._stop = launcher, loop, stop
        self._outcomes = {point.name: outcome_of(point) for point in points}

    def run(self, say: Callable[[str], None]) -> None:
        """Run what is due, write the table and the report, and say what came out."""
        self._run_due()
        try:
            best = results.best_points(
                self._points, self._outcomes, self._options.metric, self._options.goal
            )
        except ConfigurationError:
            self._write_table(BestPoints())
            raise
        self._write_table(best)
        if not self._stop.signum:
            self._write_report(best)
        if self._stop.signum:
            raise InterruptedRunError(self._stop.signum, hint="the same command goes on from here")
        say(self._summary(best))
        self._check()

    def _run_due(self) -> None:
        due = _due_points(self._options, self._points, self._outcomes)
        jobs = _jobs(self._options, len(due))
        counts = RunCounts(total=len(self._points), done=len(self._points) - len(due))
        log.info(
            "%s: %s, %d of them to run, %d at a time; files: %s",
            *(
                self._options.path,
                number_of_points(len(self._points)),
                len(due),
                jobs,
                self._options.folder,
            ),
        )
        progress: SweepProgress = (
            SweepProgressBar(counts) if self._options.shows_bar else SweepProgressLog(counts)
        )

        def launch(point: Point) -> Any:
            process = self._launcher.start(point)
            progress.started(point)
            return process

        def on_end(point: Point, code: int) -> None:
            self._outcomes[point.name] = _outcome_after(point, code)
            progress.ended(point, self._outcomes[point.name])

        runs = ParallelRuns(launch, on_end, self._stop, self._options.config.grace)
        try:
            self._loop.run(runs.run(due, jobs))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            progress.close()

    def _write_table(self, best: BestPoints) -> None:
        folder = self._options.folder
        results.write_table(folder / "results.csv", self._points, self._outcomes, best, folder)

    def _write_report(self, best: BestPoints) -> None:
        metrics = results.metric_names(self._outcomes)
        parameter_columns, metric_columns = results.column_names(
            list(self._points[0].chosen), metrics
        )
        folder = self._options.folder
        values = {
            "notebook": str(self._options.path),
            "results": str(folder / "results.csv"),
            "picture": str(folder / "results.svg"),
            "names": parameter_columns,
            "metric": dict(zip(metrics, metric_columns, strict=True)).get(best.metric, ""),
            "goal": str(self._options.goal),
        }
        report.write_report(folder, values, self._launcher, self._loop, self._stop)

    def _summary(self, best: BestPoints) -> str:
        given = self._options.fixed | (best.points[0].chosen if best.points else {})
        command = command_for(self._options.path, given, self._points[0].secrets)
        return summary_text(self._points, self._outcomes, best, command, self._options.folder)

    def _check(self) -> None:
        failed = [point for point in self._points if not self._outcomes[point.name].is_completed]
        if failed:
            raise NotebookError(
                f"{len(failed)} of {number_of_points(len(self._points))} failed",
                hint=f"their records say more, such as {failed[0].record};"
                " --retry-failed runs them again",
            )


def _points(options: SweepOptions, document: notebook.Notebook, sha256: str) -> list[Point]:
    if any(notebook.SERVE_TAG in notebook.tags(cell) for cell in document.cells):
        raise ConfigurationError(
            f"{options.path}: has a cell tagged `serve`, so a run of it would not end",
            hint="sweep the notebook that trains",
        )
    fixed = plain(checked(document, options.fixed))
    grid = read_grid(options.grid, document)
    if twice := fixed.keys() & grid.keys():
        raise ConfigurationError(f"--grid {min(twice)}: also given as a fixed parameter")
    document.check_secrets(fixed | dict.fromkeys(grid))
    # By another kernel it is another notebook.
    chosen = "".join(dataclasses.astuple(options.kernel))
    points = points_of(document, sha256 + chosen, fixed, grid, options.folder)
    shared = fixed.get(MODEL_PATH)
    if shared and shared in {point.values[MODEL_PATH] for point in points}:
        log.warning(
            "every run gets the same model_path, %s; '{folder}' in it tells them apart", shared
        )
    return points


def _due_points(
    options: SweepOptions, points: Sequence[Point], outcomes: results.Outcomes
) -> list[Point]:
    """List the points that are to be run: what did not end by itself, and failures if wished."""
    return [
        point
        for point in points
        if not outcomes[point.name].is_completed
        and (options.retries_failed or not outcomes[point.name].has_failed)
    ]


def _jobs(options: SweepOptions, points: int) -> int:
    return max(1, min(options.jobs or usable_cores(), points))


def _outcome_after(point: Point, code: int) -> Outcome:
    """Read how a run ended; its process's end must do for one that left no word of it."""
    outcome = outcome_of(point)
    if outcome.status in (PENDING, "running"):
        reason = f"its process ended with code {code}; see {point.log}"
        return dataclasses.replace(outcome, status="failed", reason=reason)
    return outcome
