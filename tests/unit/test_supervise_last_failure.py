"""What a supervisor knows and tells of the run that failed last, without processes."""

from __future__ import annotations

import time
import types
from pathlib import Path
from typing import Any

import pytest

from runner.supervise.events import RecordFailure
from runner.supervise.last_failure import LastFailure
from runner.supervise.lifecycle import Phase


class StubVersions:
    """Runs that are named by their numbers, and have no record."""

    def name(self, run: int) -> str:
        return str(run)

    def record(self, run: int) -> Path:
        return Path("none.ipynb")

    def failed_cell(self, run: int) -> None:
        return None

    def note_failure(self, run: int, reason: str) -> None:
        """Keep nothing."""


def life(serving: int = 0) -> Any:
    """Give a life in which a run serves, or none."""
    run = types.SimpleNamespace(number=serving) if serving else None
    return types.SimpleNamespace(
        ends_by_failure=False, phase=Phase.UP, serving=lambda: run, candidate=lambda: None
    )


def last_failure(serving: int = 0) -> LastFailure:
    versions: Any = StubVersions()
    return LastFailure(Path("a.ipynb"), life(serving), versions)


def failed(run: int, reason: str = "it died") -> RecordFailure:
    return RecordFailure(run=run, code=1, reason=reason)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


def test_each_run_that_fails_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """What a run says of its end after it has said why it fails is no second failure."""
    failure = last_failure(serving=1)
    for run in (2, 2, 3):
        failure.note(failed(run), None)
    assert told(caplog) == [f"run {run} failed: it died; run 1 keeps serving" for run in (2, 3)]


def test_a_reason_is_not_repeated_until_something_serves(caplog: pytest.LogCaptureFixture) -> None:
    """A service that dies again and again for one reason says it once."""
    failure = last_failure()
    failure.note(failed(1), None)
    failure.note(failed(2), None)
    failure.end_repetition()
    failure.note(failed(3), None)
    assert told(caplog) == [
        "run 1 failed: it died",
        "run 2 failed as the one before it",
        "run 3 failed: it died",
    ]


def test_a_failure_is_past_once_something_serves_since() -> None:
    """The card shows what failed after the version that it is of began to serve."""
    failure = last_failure()
    assert failure.since(0.0) is None
    failure.note(failed(1), None)
    assert failure.since(0.0) == failure.facts
    assert failure.since(time.time() + 60) is None
