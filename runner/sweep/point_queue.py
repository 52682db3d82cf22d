"""Give out the points of a sweep that nobody else runs, each under its lock.

The rules of this file:

1. A point is given out only under its lock, and only if its record, read under that, does not say
   that it has been run by somebody meanwhile.
2. A point that another holds waits for its turn: it is taken up when its holder is gone without
   having run it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from runner.errors import ConfigurationError
from runner.identity import replica
from runner.sweep.locks import Locks
from runner.sweep.outcomes import Outcome, outcome_of
from runner.sweep.points import Point

log = logging.getLogger(__name__)


class PointSource(Protocol):
    """Give out points to run."""

    @property
    def is_exhausted(self) -> bool:
        """Tell whether no more points come."""

    def take(self) -> Point | None:
        """Give the next point; None if there is none just now."""

    def release(self, point: Point) -> None:
        """Take back a point that was given out."""


class ListedPoints:
    """Give out points that nobody else knows.

    Args:
        points: In their order.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self._waiting = list(reversed(points))

    @property
    def is_exhausted(self) -> bool:
        """Tell whether all were given out."""
        return not self._waiting

    def take(self) -> Point | None:
        """Give the next one."""
        return self._waiting.pop() if self._waiting else None

    def release(self, point: Point) -> None:
        """Do nothing."""


class PointQueue:
    """Give out points that other processes may run as well.

    Args:
        points: Those that are to be run, in their order.
        planned: How each had ended when that was decided, by its name.
        locks: Where their locks are.
        retries_failed: Run again what had failed.
        on_elsewhere: Called with a point that another has run meanwhile, and how that ended.
    """

    def __init__(
        self,
        points: Sequence[Point],
        planned: Mapping[str, Outcome],
        locks: Locks,
        *,
        retries_failed: bool,
        on_elsewhere: Callable[[Point, Outcome], None],
    ) -> None:
        self._waiting = {point.name: point for point in points}
        self._planned, self._locks = planned, locks
        self._retries_failed, self._on_elsewhere = retries_failed, on_elsewhere
        self._claims: dict[str, contextlib.ExitStack] = {}
        self._has_told = False
        self._refuse_other_sweeps()

    @property
    def is_exhausted(self) -> bool:
        """Tell whether all were given out, or run by others."""
        return not self._waiting

    def take(self) -> Point | None:
        """Give the next point that nobody holds, and hold it; None if all are held."""
        while (point := self._claimed()) is not None:
            del self._waiting[point.name]
            outcome = outcome_of(point)
            if self._is_due(outcome, self._planned[point.name]):
                return point
            self.release(point)
            self._on_elsewhere(point, outcome)
        return None

    def release(self, point: Point) -> None:
        """Let others have a point."""
        self._claims.pop(point.name).close()

    def _claimed(self) -> Point | None:
        for point in self._waiting.values():
            with contextlib.ExitStack() as claim:
                if claim.enter_context(self._locks.claim(point.name, holder_word(point))):
                    self._claims[point.name] = claim.pop_all()
                    return point
            self._note_held(point)
        return None

    def _is_due(self, outcome: Outcome, planned: Outcome) -> bool:
        if outcome.has_failed:  # once more, but not by each driver
            return self._retries_failed and _run_of(outcome) == _run_of(planned)
        return not outcome.is_completed

    def _note_held(self, point: Point) -> None:
        word = self._locks.word_of(point.name)
        if _identity_in(word) not in ("", point.identity):
            _refuse(point, word)
        if word and not self._has_told:  # else nothing is known of who holds it
            log.info("%s is run by %s: it is waited for, others are taken", point.name, _by(word))
            self._has_told = True

    def _refuse_other_sweeps(self) -> None:
        """Find, before anything is run, whether these points are run with other parameters."""
        for point in self._waiting.values():
            word = self._locks.word_of(point.name)
            if _identity_in(word) in ("", point.identity):
                continue
            with self._locks.claim(point.name) as is_ours:
                if not is_ours:
                    _refuse(point, word)


def _run_of(outcome: Outcome) -> tuple[str, float | None]:
    return outcome.status, outcome.seconds


def _refuse(point: Point, word: str) -> None:
    raise ConfigurationError(
        f"{point.record.parent}: another sweep, of another notebook or with other parameters,"
        f" is at work there ({_by(word)})",
        hint="--out names another folder",
    )


def holder_word(point: Point) -> str:
    """Say who holds a point, and for which notebook and parameters."""
    return json.dumps({"by": f"{replica()}:{os.getpid()}", "identity": point.identity})


def _identity_in(word: str) -> str:
    return _said(word).get("identity", "")


def _by(word: str) -> str:
    return _said(word).get("by") or "another process"


def _said(word: str) -> dict[str, str]:
    try:
        said = json.loads(word)
    except ValueError:  # its holder writes it just now
        return {}
    return {key: str(value) for key, value in said.items()} if isinstance(said, dict) else {}
