"""What is logged as a request is answered is known to be of it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from runner.serving.worker_log import records_to
from runner.telemetry.request_trace import RequestTrace

OWN = logging.getLogger("an author's")


def fail(level: int) -> None:
    """Log as frameworks do that answer 500 by themselves."""
    try:
        raise ZeroDivisionError("by 0")
    except ZeroDivisionError:
        OWN.log(level, "failed", exc_info=True)


def test_an_error_that_is_logged_is_noted_for_the_request() -> None:
    """Meanwhile; of several the first; a warning is none, and who has no request is none."""
    made, before = RequestTrace(), logging.getLogRecordFactory()
    with Path(os.devnull).open("w") as log, records_to(log.fileno()):
        fail(logging.ERROR)
        made.run(fail, logging.WARNING)
        made.run(OWN.error, "without one")
        assert made.raised is None
        made.run(fail, logging.ERROR)
        assert made.raised is not None
        assert made.raised[:2] == ("ZeroDivisionError", "by 0")
        first = made.raised
        made.run(fail, logging.ERROR)
        assert made.raised is first
    assert logging.getLogRecordFactory() is before
