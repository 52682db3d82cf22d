"""Say how a point's run ended, from its record: what is on the disk is the truth."""

from __future__ import annotations

import dataclasses
import json
import signal
from typing import Any

from runner.record import history
from runner.record.metrics import Metrics, metrics_of
from runner.record.out import OutFile
from runner.record.run_status import FAILED_BY_ITSELF, OPEN, RunStatus
from runner.sweep.points import Point

STOPPED = 128 + signal.SIGTERM
"""The exit code of a run that leaves nothing, since it was stopped with the sweep."""

PENDING = "pending"
_IDENTITY_KEY = "sweep_identity"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """Say how a run ended.

    Attributes:
        status: A run's status, as in its record; ``pending`` if it was not run.
        reason: Why it ended.
        seconds: How long it took; None if it has not ended.
        metrics: What it recorded.
        started: When, as its record says: no two runs of a point have one moment.
    """

    status: str = PENDING
    reason: str = ""
    seconds: float | None = None
    metrics: Metrics = dataclasses.field(default_factory=dict)
    started: str = ""

    @property
    def is_completed(self) -> bool:
        """Tell whether all its cells ran."""
        return self.status == RunStatus.COMPLETED

    @property
    def was_stopped(self) -> bool:
        """Tell whether it was stopped with the sweep."""
        return self.status == RunStatus.STOPPED

    @property
    def has_ended(self) -> bool:
        """Tell whether it was run, and is over, be it well or not."""
        return self.status not in (PENDING, *OPEN)

    @property
    def has_failed(self) -> bool:
        """Tell whether it failed by itself, and would again: else the next sweep runs it again."""
        return self.status in FAILED_BY_ITSELF


def identity_facts(point: Point) -> dict[str, str]:
    """Say, for a point's record, by what to know it again."""
    return {"sweep_point": point.name, _IDENTITY_KEY: point.identity}


def identity_of(recorded: dict[str, Any]) -> str:
    """Read from a record's facts what ``identity_facts`` has put there."""
    return str(recorded.get(_IDENTITY_KEY, ""))


def outcome_of(point: Point, *, corrects: bool = True) -> Outcome:
    """Read how a point's run ended; a record of another notebook or parameters counts as none.

    Args:
        point: The point.
        corrects: First correct a record that says ``running`` though nobody writes it any more.
    """
    outcome = _recorded(point)
    if corrects and outcome.status in OPEN:
        # Who holds a record's lock alone knows that: a process of another host is not seen here.
        with OutFile(point.record).claimed() as is_ours:
            if is_ours:
                history.mark_if_killed(point.record, is_locked=True)
        outcome = _recorded(point)
    return outcome


def outcome_after(point: Point, code: int, before: Outcome) -> Outcome:
    """Read how a run ended; its process's end must do for one that left no word of it.

    Args:
        point: Whose run it was.
        code: The exit code of its process.
        before: What was on the disk when it began: the record of an earlier run tells nothing of
            this one, unless somebody had completed the point just then.
    """
    outcome = outcome_of(point)
    if outcome.started == before.started and not outcome.is_completed:
        outcome = Outcome()
    if outcome.status == PENDING and code == STOPPED:
        return dataclasses.replace(
            outcome, status=RunStatus.STOPPED, reason="stopped with the sweep"
        )
    if outcome.status in (PENDING, RunStatus.RUNNING):
        reason = f"its process ended with code {code}; see {point.log}"
        return dataclasses.replace(outcome, status=RunStatus.FAILED, reason=reason)
    return outcome


def _recorded(point: Point) -> Outcome:
    try:
        document = json.loads(point.record.read_bytes())
        run = document["metadata"]["runner"]
    except (OSError, ValueError, KeyError, TypeError):
        return Outcome()
    if identity_of(run) != point.identity:
        return Outcome()
    return Outcome(
        status=str(run.get("status")),
        reason=str(run.get("reason") or ""),
        seconds=document["metadata"].get("papermill", {}).get("duration"),
        metrics=metrics_of(document),
        started=str(run.get("started") or ""),
    )
