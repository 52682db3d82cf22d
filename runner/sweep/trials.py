"""Give out the points that a search proposes, and tell it how they ended.

The rules of this file:

1. A trial's point is made of what was proposed, with few digits. So it is named, recorded and
   resumed as a grid's point is: if its record says how it ended, it is told, and not run.
2. A driver takes up trials that nobody runs, such as of one that was killed, before it asks for
   more; each one once. With the lock of one that another has run comes its record, where the
   folder is at a URL: so that is taken, too, once its record is not known here.
3. A shard asks for its share of the trials, and takes up its own only.
4. A point that completed is told by its metric; one that was stopped stays open; any other failed.
5. While points run, nobody waits for the journal for long: another time will do, since what is
   not told yet is told by its record.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from runner.errors import ConfigurationError, NotebookError, RunnerError
from runner.masking.names import MASK
from runner.masking.values import masked
from runner.record.goals import Goal, goal_by_name, goal_of
from runner.sweep.grid import listed
from runner.sweep.locks import Locks
from runner.sweep.options import SweepOptions
from runner.sweep.optuna_journal import OptunaJournal, Trial
from runner.sweep.outcomes import Outcome, outcome_of
from runner.sweep.plan import Plan
from runner.sweep.point_queue import holder_word
from runner.sweep.points import Point, digest
from runner.sweep.ranges import Range

log = logging.getLogger(__name__)

_BRIEFLY, _LONG = 1.0, 120.0  # seconds to wait for the journal; a lock in a bucket lasts for 60


class Trials:
    """Give out the points of a search.

    Args:
        options: What to do.
        plan: What may be proposed.
        locks: The folder's.

    Attributes:
        on_elsewhere: Called with a point that was not run here, and how that ended.
        known: Names of points of which it is known how they ended.
    """

    def __init__(self, options: SweepOptions, plan: Plan, locks: Locks) -> None:
        self._options, self._plan, self._locks = options, plan, locks
        self._values = {
            name: _choices(name, values, plan.secrets) for name, values in plan.axes.items()
        }
        space = {
            name: values if isinstance(values, Range) else tuple(values)
            for name, values in self._values.items()
        }
        shown = {name: str(values) for name, values in space.items()}
        goal = goal_of(options.metric, options.goal)
        study = digest([plan.identity, shown, str(goal), options.metric])
        self._journal = OptunaJournal(
            options.folder, study, space, locks, maximizes=goal is Goal.MAX
        )
        self._claims: dict[str, tuple[Trial, contextlib.ExitStack]] = {}
        self._taken: set[tuple[int, str]] = set()
        self.known: Collection[str] = ()
        self._untold: list[tuple[Trial, Outcome]] = []
        self._is_exhausted = False
        self._error = ""
        self.on_elsewhere: Callable[[Point, Outcome], None] = lambda point, outcome: None

    @property
    def share(self) -> int:
        """Say how many trials are ours."""
        return len(self._options.shard.of(range(self._options.trials)))

    @property
    def is_exhausted(self) -> bool:
        """Tell whether all of our trials were asked for, and none waits to be taken up."""
        return self._is_exhausted

    def take(self) -> Point | None:
        """Give the point of a trial that nobody runs, else of a new one; None if all are run."""
        with self._journal.opened(_BRIEFLY) as is_ours:
            return self._next() if is_ours else None

    def _next(self) -> Point | None:
        self._tell_all()
        trials = self._ours()
        waits = False
        for trial in trials:
            if self._is_taken(trial):
                continue
            if (point := self._claimed(trial)) is not None:
                return point
            waits = waits or not self._is_taken(trial)
        for _ in range(self.share - len(trials)):
            if self._error:
                break
            trial = self._journal.ask(str(self._options.shard))
            if (point := self._claimed(trial)) is not None:
                return point
            waits = waits or not self._is_taken(trial)
        self._is_exhausted = not waits or bool(self._error)
        return None

    def release(self, point: Point) -> None:
        """Let others have a point."""
        if point.name in self._claims:
            self._claims.pop(point.name)[1].close()

    def ended(self, point: Point, outcome: Outcome) -> None:
        """Hear how a point that was given out has ended, and tell it."""
        if not outcome.was_stopped:
            self._untold.append((self._claims[point.name][0], outcome))
            with self._journal.opened(_BRIEFLY) as is_ours:
                if is_ours:
                    self._tell_all()

    def points(self, *, all_shards: bool) -> list[Point]:
        """List the points of our trials, or of all, in the order in which they were asked for."""
        with self._opened():
            trials = self._journal.trials() if all_shards else self._ours()
        return list({point.name: point for point in map(self._point, trials)}.values())

    def is_complete(self) -> bool:
        """Tell whether all trials of all shards were asked for."""
        with self._opened():
            return len(self._journal.trials()) >= self._options.trials

    def check(self, points: Sequence[Point]) -> None:
        """Make sure that the search came to its end.

        Args:
            points: Those of our trials.

        Raises:
            ConfigurationError: A point completed and did not record the metric.
            NotebookError: Not all trials were asked for.
        """
        if self._error:
            raise ConfigurationError(self._error, hint="--metric names one that is recorded")
        with self._opened():
            asked = len(self._ours())
        if asked < self.share:
            raise NotebookError(
                f"{asked} of {self.share} trials were begun, with {len(points)} points",
                hint="the same command without --report-only goes on",
            )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        with self._journal.opened(_LONG) as is_ours:
            if not is_ours:
                raise RunnerError(
                    f"{self._journal.path}: another process holds its lock, or its storage does not"
                    " answer",
                    hint="the same command goes on from here",
                )
            self._tell_all()
            yield

    def _ours(self) -> list[Trial]:
        shard = self._options.shard
        trials = self._journal.trials()
        return [trial for trial in trials if shard.is_whole or trial.shard == str(shard)]

    def _claimed(self, trial: Trial) -> Point | None:
        """Hold a trial's point to run it; None if another does, or if it is told by its record."""
        point = self._point(trial)
        if point.name in self._claims:
            return None
        with contextlib.ExitStack() as claim:
            if not claim.enter_context(self._locks.claim(point.name, holder_word(point))):
                return None
            self._taken.add(_key(trial))
            outcome = outcome_of(point)
            has_ended = outcome.is_completed or outcome.has_failed
            if trial.is_open and not has_ended:
                self._claims[point.name] = (trial, claim.pop_all())
                return point
            self._tell(trial, outcome)
        if has_ended:
            self.on_elsewhere(point, outcome)
        return None

    def _is_taken(self, trial: Trial) -> bool:
        key = _key(trial)
        if key not in self._taken and not trial.is_open and self._point(trial).name in self.known:
            self._taken.add(key)
        return key in self._taken

    def _tell_all(self) -> None:
        while self._untold:
            self._tell(*self._untold[-1])
            self._untold.pop()

    def _tell(self, trial: Trial, outcome: Outcome) -> None:
        value = self._value(outcome) if outcome.is_completed else None
        self._journal.tell(trial, value)

    def _value(self, outcome: Outcome) -> float | None:
        metric = self._options.metric or self._journal.metric
        if not metric and outcome.metrics:
            metric = next(iter(outcome.metrics))
            if self._options.goal is None and goal_by_name(metric) is Goal.MIN:
                self._error = f"--search: is the smallest {metric} the best? --goal says it"
                return None
            self._journal.note_metric(metric)
        if metric not in outcome.metrics:
            self._error = (
                f"--search: a completed run did not record the metric {metric!r}"
                if metric
                else "--search: a completed run recorded no metric"
            )
            return None
        value = outcome.metrics[metric]
        return None if value is None or not math.isfinite(value) else float(value)

    def _point(self, trial: Trial) -> Point:
        return self._plan.point_of(
            {name: self._value_of(name, proposed) for name, proposed in trial.params.items()}
        )

    def _value_of(self, name: str, proposed: Any) -> Any:
        known = self._values[name]
        if not isinstance(known, Range):
            return known[proposed]
        return proposed if known.is_whole else known.rounded(proposed)


def _key(trial: Trial) -> tuple[int, str]:
    """Give by what to know a trial again: a number may become another's."""
    return trial.number, repr(trial.params)


def _choices(name: str, values: list[Any], secrets: Collection[str]) -> Range | dict[str, Any]:
    """Give the range of a parameter, or its values by the texts that stand for them."""
    if masked({name: "x"}, secrets)[name] == MASK:
        raise ConfigurationError(f"--search: {name} is a secret, and would stand in its journal")
    if len(values) == 1 and isinstance(values[0], Range) and not values[0].steps:
        return values[0]
    return {json.dumps(value, default=str): value for value in listed(name, values)}
