"""What failed is in the log; a client learns an id."""

from __future__ import annotations

import gc
import logging

import pytest

from runner.http.problems import note_failure
from runner.telemetry.raised import Raised
from runner.telemetry.request_trace import RequestTrace

LOG = logging.getLogger("runner.tests")


def test_the_id_leads_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """One line has the id and what failed; a cause adds its traceback."""
    plain = note_failure(LOG, "a cell failed")
    caused = note_failure(LOG, "a prediction failed", ZeroDivisionError("by 0"))
    assert [record.getMessage() for record in caplog.records] == [
        f"failure {plain}: a cell failed",
        f"failure {caused}: a prediction failed",
    ]
    assert "ZeroDivisionError: by 0" in caplog.text


def test_it_is_noted_for_the_request_that_is_answered() -> None:
    """What was raised, or what failed; the newest counts. No exception is kept by it."""
    trace = RequestTrace()
    assert trace.raised is None
    trace.run(note_failure, LOG, "half an answer")
    assert trace.raised == Raised("", "half an answer")
    assert trace.failure_id
    trace.run(note_failure, LOG, "a prediction failed", ZeroDivisionError("by 0"))
    assert trace.raised[:2] == ("ZeroDivisionError", "by 0")
    assert not [each for each in gc.get_referents(trace) if isinstance(each, BaseException)]


def test_no_two_failures_share_an_id() -> None:
    """Whoever reports an id is understood."""
    assert len({note_failure(LOG, "a cell failed") for _ in range(100)}) == 100
