"""Know which run of a service failed last, and tell each failure once."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from runner.supervise.events import GiveUpVersion, RecordFailure
from runner.supervise.failure_text import becomes, failure_text, is_same
from runner.supervise.lifecycle import Lifecycle, Phase
from runner.supervise.service_state import is_past
from runner.supervise.states import Run
from runner.supervise.status import iso
from runner.supervise.versions import Versions

log = logging.getLogger(__name__)


class LastFailure:
    """Know what is said of it, to who asks and in the log.

    Args:
        notebook: Of which an edit may mend it.
        life: Says what becomes of the service.
        versions: Names the runs, and keeps why they failed.

    Attributes:
        facts: What is known of the last one; None if none has failed.
    """

    def __init__(self, notebook: Path, life: Lifecycle, versions: Versions) -> None:
        self._notebook, self._life, self._versions = notebook, life, versions
        self.facts: dict[str, Any] | None = None
        self._told_reason = ""  # until something serves

    def since(self, moment: float) -> dict[str, Any] | None:
        """Give what is known of it, unless it was before a time of the wall clock."""
        facts = self.facts
        return None if facts is None or is_past(facts, iso(moment)) else facts

    def end_repetition(self) -> None:
        """Take the next one for a new one, whatever it says: something serves."""
        self._told_reason = ""

    def note(self, failure: RecordFailure, rehearsal: dict[str, Any] | None) -> None:
        """Note and tell that a run failed.

        Args:
            failure: Of the run.
            rehearsal: What its version answered before; None if it was not asked.
        """
        name, was_told = self._versions.name(failure.run), self._is_of(failure.run)
        self._versions.note_failure(failure.run, failure.reason)
        self.facts = self._facts_of(failure, rehearsal)
        # A failure that ends the service is the last word of the command.
        is_told = self._life.ends_by_failure or was_told
        serves, starts = map(self._named, (self._life.serving(), self._life.candidate()))
        awaited = str(self._notebook) if self._life.phase is Phase.WAITING else ""
        said = failure_text(
            name,
            " ".join(failure.reason.split()),
            becomes(serves, starts, awaited),
            is_again=not serves and is_same(failure.reason, self._told_reason),
        )
        self._told_reason = failure.reason
        facts = {"facts": self.facts | {"serving": serves or None}}
        log.log(logging.DEBUG if is_told else logging.ERROR, "%s", said, extra=facts)

    def _is_of(self, run: int) -> bool:
        return self.facts is not None and self.facts["run"] == self._versions.name(run)

    def _facts_of(self, failure: RecordFailure, rehearsal: dict[str, Any] | None) -> dict[str, Any]:
        record = self._versions.record(failure.run)
        return {
            "run": self._versions.name(failure.run),
            "code": failure.code,
            "reason": failure.reason,
            "record": str(record) if record.exists() else None,
            "cell": self._versions.failed_cell(failure.run),
            "at": iso(time.time()),
            "rehearsal": rehearsal,
        }

    def _named(self, run: Run | None) -> str:
        return self._versions.name(run.number) if run else ""

    def give_up(self, given_up: GiveUpVersion) -> None:
        """Tell that a version died so often that the one before serves instead."""
        run, earlier = self._versions.name(given_up.run), self._versions.name(given_up.earlier)
        reason = f"{given_up.deaths}; the last time: {given_up.reason}"
        facts = {"version": run, "earlier": earlier, "reason": reason}
        said = "version %s was given up, and %s, the one before, serves instead: %s"
        log.error(said, run, earlier, given_up.deaths, extra={"facts": facts})  # why was told
        self._versions.give_up(given_up.run, reason)
