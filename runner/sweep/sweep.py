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
from runner.config import EngineConfig
from runner.errors import ConfigurationError, InterruptedRunError, NotebookError
from runner.notebook import document as notebook
from runner.processes import StopRequest
from runner.record import facts, history
from runner.run.run import checked
from runner.spawn.fork_server_client import Starter
from runner.sweep import grid as grids
from runner.sweep import points as plans
from runner.sweep import report, results
from runner.sweep.launch import Launcher, cores, environment
from runner.sweep.outcomes import PENDING, Outcome, outcome_of
from runner.sweep.points import Point
from runner.sweep.pool import Pool
from runner.sweep.progress import Bar, Display, Lines, Tally
from runner.sweep.results import Best, Goal
from runner.sweep.summary import command_for, counted, listing, summary

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
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
    shows_bar: bool

    @property
    def folder(self) -> Path:
        """Where the sweep's files go."""
        return self.out or Path("runs", "sweeps", history.default_out(self.path).parent.name)


def sweep(wish: Wish, say: Callable[[str], None]) -> None:
    """Run every point of a grid that is not done yet, and compare all.

    Args:
        wish: What to do.
        say: Prints the outcome.

    Raises:
        ConfigurationError: Before any kernel starts: the notebook, a parameter or a grid is
            wrong, or another sweep uses the folder. After all runs: nothing recorded the metric.
        NotebookError: A point failed; the others were run all the same.
        InterruptedRunError: A signal ended it; the same command goes on.
    """
    document = notebook.read(wish.path)
    content = wish.path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    planned = _plan(wish, document, sha256)
    if wish.is_dry:
        outcomes = {point.name: outcome_of(point) for point in planned}
        say(listing(planned, outcomes, _due(wish, planned, outcomes)))
        return
    wish.folder.mkdir(parents=True, exist_ok=True)
    with files.claim(wish.folder / ".lock") as is_ours, StopRequest() as stop:
        if not is_ours:
            raise ConfigurationError(
                f"{wish.folder}: another sweep is at work there", hint="--out names another folder"
            )
        source = wish.folder / "source.ipynb"
        files.write_atomically(source, content)
        environ = environment(os.environ, _jobs(wish, len(planned)), wish.log_level)
        starter = Starter(environ, "runner.sweep.child", forks=True)
        launcher = Launcher(
            source=source,
            origin={"notebook": str(wish.path), "notebook_sha256": sha256}
            | facts.git_facts(wish.path),
            config=wish.config,
            log_output=wish.log_output,
            starter=starter,
        )
        with asyncio.Runner() as loop, contextlib.closing(starter):
            Sweep(wish, planned, launcher, loop, stop).run(say)


class Sweep:
    """Run the points of one folder.

    Args:
        wish: What to do.
        points: The points.
        launcher: Starts their runs.
        loop: On which to watch them.
        stop: The requests to stop.
    """

    def __init__(
        self,
        wish: Wish,
        points: Sequence[Point],
        launcher: Launcher,
        loop: asyncio.Runner,
        stop: StopRequest,
    ) -> None:
        self._wish, self._points = wish, points
        self._launcher, self._loop, self._stop = launcher, loop, stop
        self._outcomes = {point.name: outcome_of(point) for point in points}

    def run(self, say: Callable[[str], None]) -> None:
        """Run what is due, write the table and the report, and say what came out."""
        self._run_due()
        try:
            found = results.best(self._points, self._outcomes, self._wish.metric, self._wish.goal)
        except ConfigurationError:
            self._write_table(Best())
            raise
        self._write_table(found)
        if not self._stop.signum:
            self._write_report(found)
        if self._stop.signum:
            raise InterruptedRunError(self._stop.signum, hint="the same command goes on from here")
        say(self._summary(found))
        self._check()

    def _run_due(self) -> None:
        due = _due(self._wish, self._points, self._outcomes)
        jobs = _jobs(self._wish, len(due))
        tally = Tally(total=len(self._points), done=len(self._points) - len(due))
        log.info(
            "%s: %s, %d of them to run, %d at a time; files: %s",
            *(self._wish.path, counted(len(self._points)), len(due), jobs, self._wish.folder),
        )
        display: Display = Bar(tally) if self._wish.shows_bar else Lines(tally)

        def launch(point: Point) -> Any:
            process = self._launcher.start(point)
            display.started(point)
            return process

        def heard(point: Point, code: int) -> None:
            self._outcomes[point.name] = _ended(point, code)
            display.ended(point, self._outcomes[point.name])

        pool = Pool(launch, heard, self._stop, self._wish.config.grace)
        try:
            self._loop.run(pool.run(due, jobs))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            display.close()

    def _write_table(self, found: Best) -> None:
        folder = self._wish.folder
        results.write_table(folder / "results.csv", self._points, self._outcomes, found, folder)

    def _write_report(self, found: Best) -> None:
        metrics = results.metric_names(self._outcomes)
        named, measured = results.columns(list(self._points[0].chosen), metrics)
        folder = self._wish.folder
        values = {
            "notebook": str(self._wish.path),
            "results": str(folder / "results.csv"),
            "picture": str(folder / "results.svg"),
            "names": named,
            "metric": dict(zip(metrics, measured, strict=True)).get(found.metric, ""),
            "goal": str(self._wish.goal),
        }
        report.write(folder, values, self._launcher, self._loop, self._stop)

    def _summary(self, found: Best) -> str:
        given = self._wish.fixed | (found.points[0].chosen if found.points else {})
        command = command_for(self._wish.path, given)
        return summary(self._points, self._outcomes, found, command, self._wish.folder)

    def _check(self) -> None:
        failed = [point for point in self._points if not self._outcomes[point.name].is_completed]
        if failed:
            raise NotebookError(
                f"{len(failed)} of {counted(len(self._points))} failed",
                hint=f"their records say more, such as {failed[0].record};"
                " --retry-failed runs them again",
            )


def _plan(wish: Wish, document: notebook.Notebook, sha256: str) -> list[Point]:
    if any(notebook.SERVE_TAG in notebook.tags(cell) for cell in document.cells):
        raise ConfigurationError(
            f"{wish.path}: has a cell tagged `serve`, so a run of it would not end",
            hint="sweep the notebook that trains",
        )
    fixed = checked(document, wish.fixed)
    grid = grids.read(wish.grid, document)
    if twice := fixed.keys() & grid.keys():
        raise ConfigurationError(f"--grid {min(twice)}: also given as a fixed parameter")
    found = plans.plan(document, sha256, fixed, grid, wish.folder)
    shared = fixed.get(plans.MODEL_PATH)
    if shared and shared in {point.values[plans.MODEL_PATH] for point in found}:
        log.warning(
            "every run gets the same model_path, %s; '{folder}' in it tells them apart", shared
        )
    return found


def _due(wish: Wish, points: Sequence[Point], outcomes: results.Outcomes) -> list[Point]:
    """List the points that are to be run: what did not end by itself, and failures if wished."""
    return [
        point
        for point in points
        if not outcomes[point.name].is_completed
        and (wish.retries_failed or not outcomes[point.name].has_failed)
    ]


def _jobs(wish: Wish, points: int) -> int:
    return max(1, min(wish.jobs or cores(), points))


def _ended(point: Point, code: int) -> Outcome:
    """Read how a run ended; its process's end must do for one that left no word of it."""
    outcome = outcome_of(point)
    if outcome.status in (PENDING, "running"):
        said = f"its process ended with code {code}; see {point.log}"
        return dataclasses.replace(outcome, status="failed", reason=said)
    return outcome
