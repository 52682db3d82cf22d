"""Write problem details for HTTP (RFC 9457), and note in the log what no client may see."""

from __future__ import annotations

import logging
import sys
import uuid

from runner.access.refusal import CONTENT_TYPE, details
from runner.telemetry.raised import Raised, raised_by
from runner.telemetry.request_trace import current

__all__ = ["CONTENT_TYPE", "NotedFailureError", "details", "note_failure", "note_handled"]


class NotedFailureError(Exception):
    """End an answer that cannot become whole any more; the log has the reason already."""


def note_handled(error: BaseException | None = None) -> None:
    """Note, for the request that is answered here, what an app that answers by itself has caught.

    Args:
        error: What was raised; unless given, what is handled in this moment. What was noted first
            stays.
    """
    error, trace = error or sys.exception(), current.get()
    if error is not None and trace is not None:
        trace.note(error)


def note_failure(
    log: logging.Logger, said: str, cause: BaseException | None = None, *, is_told: bool = False
) -> str:
    """Log a failure, and note it for the request that is answered here.

    Args:
        log: Whose failure it is.
        said: What failed.
        cause: What was raised; its traceback is logged too.
        is_told: What failed says all of that.

    Returns:
        The id by which the log has it: all that the client learns.
    """
    number = uuid.uuid4().hex[:12]
    if (trace := current.get()) is not None:
        trace.fail(number, Raised("", said) if cause is None else raised_by(cause))
        if trace.span is not None:
            trace.span.note_failure(number, cause)
    log.error("failure %s: %s", number, said, exc_info=None if is_told else cause)
    return number
