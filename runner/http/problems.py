"""Write problem details for HTTP (RFC 9457), and note in the log what no client may see."""

from __future__ import annotations

import logging
import uuid

from runner.access.refusal import CONTENT_TYPE, details
from runner.telemetry import spans

__all__ = ["CONTENT_TYPE", "NotedFailureError", "details", "note_failure"]


class NotedFailureError(Exception):
    """End an answer that cannot become whole any more; the log has the reason already."""


def note_failure(log: logging.Logger, said: str, cause: BaseException | None = None) -> str:
    """Log a failure.

    Args:
        log: Whose failure it is.
        said: What failed.
        cause: What was raised; its traceback is logged too.

    Returns:
        The id by which the log has it: all that the client learns.
    """
    number = uuid.uuid4().hex[:12]
    log.error("failure %s: %s", number, said, exc_info=cause)
    if (span := spans.span_here()) is not None:
        span.note_failure(number, cause)
    return number
