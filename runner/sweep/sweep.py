"""Carry out a sweep: plan the points, run what is not done, write the table and the report."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

from runner.errors import RunnerError
from runner.notebook import document as notebook
from runner.record import facts
from runner.record.private_files import make_private_folder
from runner.record.progress import live_line
from runner.run.stop_request import StopRequest
from runner.spawn.fork_server_client import Starter
from runner.sweep import places
from runner.sweep.comparison import Comparison, best_of, interrupted
from runner.sweep.folder import set_up
from runner.sweep.launcher import Launcher, run_environment
from runner.sweep.locks import FolderLocks, Locks
from runner.sweep.options import SweepOptions
from runner.sweep.optuna_journal import JOURNAL
from runner.sweep.outcomes import Outcome, outcome_after, outcome_of
from runner.sweep.parallel_runs import ParallelRuns
from runner.sweep.places import Place, local_jobs
from runner.sweep.plan import due_points, plan_of
from runner.sweep.point_queue import PointQueue, PointSource
from runner.sweep.points import Point
from runner.sweep.progress import RunCounts, SweepProgress
from runner.sweep.results import BestPoints
from runner.sweep.summary import (
    Table,
    check,
    command_for,
    dry_run_text,
    files_text,
    number_of_points,
    summary_text,
    table_of,
)
from runner.sweep.trials import Trials

log = logging.getLogger(__name__)


def sweep(options: SweepOptions, say: Callable[[str], None], show: Callable[[Table], None]) -> None:
    """Run every point of a grid that is not done yet, and compare all.

    Others may do the same in the same folder: each point is run by one of them.

    Args:
        options: What to do.
        say: Prints the outcome.
        show: Prints its table before.

    Raises:
        ConfigurationError: Before any kernel starts: the notebook, a parameter or a grid is
            wrong, or a sweep with others is at work in the folder. After all runs: nothing
            recorded the metric.
        NotebookError: A point failed, the others were run all the same; or, if only reports are
            wanted, one is not done.
        InterruptedRunError: A signal ended it; the same command goes on.
    """
    document = notebook.read(options.path, options.secrets).with_kernel(options.kernel)
    content = options.path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    plan = plan_of(options, document, sha256)
    locks = FolderLocks(options.folder) if options.is_dry else options.locks_of(options.folder)
    trials = Trials(options, plan, locks) if options.trials else None
    points = [] if trials else plan.points()
    if options.is_dry:
        say(_dry_run(options, points, trials))
        return
    make_private_folder(options.folder)
    with StopRequest() as stop:
        source = set_up(options, locks, stop, content)
        jobs = local_jobs(options, options.trials or len(points))
        environ = run_environment(os.environ, jobs, options.log_level)
        starter = Starter(environ, "runner.sweep.point_run", forks=True)
        launcher = Launcher(
            source=source,
            origin={"notebook": str(options.path), "notebook_sha256": sha256}
            | facts.origin_facts(options.path, options.path),
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
                trials=trials,
                locks=locks,
                launcher=launcher,
                loop=loop,
                stop=stop,
            )
            found.run(say, show)


def _dry_run(options: SweepOptions, points: Sequence[Point], trials: Trials | None) -> str:
    share = options.shard.of(points)
    if trials and (options.folder / JOURNAL).exists():
        share = trials.points(all_shards=False)
    outcomes = {point.name: outcome_of(point, corrects=False) for point in share}
    due = due_points(options, share, outcomes)
    return dry_run_text(share, outcomes, due, trials.share if trials else 0)


@dataclasses.dataclass(kw_only=True)
class Sweep:
    """Run points of one folder, and say what came out.

    Attributes:
        options: What to do.
        points: All points; of a search those that are known.
        trials: The search, if it is one.
        locks: The folder's.
        launcher: Starts their runs.
        loop: On which to watch them.
        stop: The requests to stop.
    """

    options: SweepOptions
    points: Sequence[Point]
    trials: Trials | None
    locks: Locks
    launcher: Launcher
    loop: asyncio.Runner
    stop: StopRequest

    def __post_init__(self) -> None:
        """See what of our share is done already."""
        self._outcomes: dict[str, Outcome] = {}
        self._look()
        shard = self.options.shard
        self._where = "" if shard.is_whole else f" in shard {shard}"
        self._comparison = Comparison(
            options=self.options,
            locks=self.locks,
            launcher=self.launcher,
            loop=self.loop,
            stop=self.stop,
        )

    def run(self, say: Callable[[str], None], show: Callable[[Table], None]) -> None:
        """Run what is due of our share, compare, and say what came out.

        What is said and raised is of our share alone.
        """
        if not self.options.only_reports:
            self._run_due()
            self._look()
        if self.options.shard.is_whole:
            best = self._comparison.write(self.points, self._outcomes)
            if self.stop.signum:
                raise interrupted(self.stop.signum)
            self._show(show, best)
            say(f"{self._summary(best)}\n{files_text(self.options.folder)}")
        elif self.stop.signum:
            raise interrupted(self.stop.signum)
        else:
            if self._share:
                best = best_of(self.options, self._share, self._outcomes)
                self._show(show, best)
                say(self._summary(best))
            say(self._rest())
        if self.trials:
            self.trials.check(self._share)
        check(self._share, self._outcomes)

    def _look(self) -> None:
        """See which points there are, and how those of our share ended that were not run here."""
        if self.trials:
            self.points = self.trials.points(all_shards=True)
            self._share: Sequence[Point] = self.trials.points(all_shards=False)
        else:
            self._share = self.options.shard.of(self.points)
        for point in self._share:
            known = self._outcomes.get(point.name)
            if known is None or not known.has_ended:
                self._outcomes[point.name] = outcome_of(point)

    def _run_due(self) -> None:
        due = due_points(self.options, self._share, self._outcomes)
        total = self.trials.share if self.trials else len(self._share)
        left = total - len(self._share) + len(due)
        counts = RunCounts(total=total, done=total - left)
        with places.opened(self.options, self.launcher, self.loop, self.stop, left) as place:
            self._run_at(place, due, counts)

    def _run_at(self, place: Place, due: Sequence[Point], counts: RunCounts) -> None:
        log.info(
            "%s: %s%s, %d of them to run, %s; files: %s",
            *(
                self.options.path,
                number_of_points(counts.total),
                self._where,
                counts.total - counts.done,
                place.text,
                self.options.folder,
            ),
        )
        progress = SweepProgress(counts, live_line())

        before: dict[str, Outcome] = {}

        def launch(point: Point) -> Any:
            before[point.name] = outcome_of(point, corrects=False)
            return place.start(point, progress.started)

        def on_end(point: Point, code: int) -> None:
            self._outcomes[point.name] = outcome_after(point, code, before.pop(point.name))
            if self.trials:
                self.trials.ended(point, self._outcomes[point.name])
            progress.ended(point, self._outcomes[point.name])

        def on_elsewhere(point: Point, outcome: Outcome) -> None:
            self._outcomes[point.name] = outcome
            progress.ended_elsewhere(point, outcome)

        runs = ParallelRuns(launch, on_end, self.stop, self.options.config.grace)
        try:
            source = self._source(due, on_elsewhere)
            jobs = max(1, min(place.jobs, counts.total - counts.done))
            self.loop.run(runs.run(source, jobs))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            progress.close()

    def _source(
        self, due: Sequence[Point], on_elsewhere: Callable[[Point, Outcome], None]
    ) -> PointSource:
        if self.trials:
            self.trials.on_elsewhere = on_elsewhere
            self.trials.known = {
                name
                for name, outcome in self._outcomes.items()
                if outcome.is_completed or outcome.has_failed
            }
            return self.trials
        return PointQueue(
            due,
            dict(self._outcomes),
            self.locks,
            retries_failed=self.options.retries_failed,
            on_elsewhere=on_elsewhere,
        )

    def _show(self, show: Callable[[Table], None], best: BestPoints) -> None:
        if self._share:
            show(table_of(self._share, self._outcomes, best))

    def _summary(self, best: BestPoints) -> str:
        secrets = self.points[0].secrets if self.points else ()
        given = self.options.fixed | (best.points[0].chosen if best.points else {})
        command = command_for(self.options.path, given, secrets)
        return summary_text(self._share, self._outcomes, best, command, self._where)

    def _rest(self) -> str:
        """Say what of the whole sweep is left; compare all if we end as its last shard."""
        gathers = "the same command with --report-only writes the table and the report"
        if self.trials and not self.trials.is_complete():
            return f"other shards are not done; then {gathers}"
        try:
            self.locks.catch_up()
        except RunnerError as error:  # it is none of this share's
            log.warning("how the other shards are doing is not known: %s", error)
            return gathers
        found = dict(self._outcomes)
        for point in self.points:
            if point.name not in found:
                found[point.name] = outcome_of(point, corrects=False)
            if not (found[point.name].is_completed or found[point.name].has_failed):
                return f"other shards are not done, such as with {point.name}; then {gathers}"
        try:
            self._comparison.write(self.points, found)
        except RunnerError as error:  # it is none of this share's
            log.warning("all shards are done, but there is no report: %s", error)
            return gathers
        return f"all shards are done\n{files_text(self.options.folder)}"
