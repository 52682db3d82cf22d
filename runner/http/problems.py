"""Write problem details for HTTP (RFC 9457), and note in the log what no client may see."""

from __future__ import annotations

import http
import json
import logging
import uuid

CONTENT_TYPE = b"application/problem+json"


class NotedFailureError(Exception):
    """End an answer that cannot become whole any more; the log has the reason already."""


def details(status: int, detail: str, **members: object) -> bytes:
    """Write a problem as JSON.

    Args:
        status: The HTTP status.
        detail: What is wrong, for people.
        **members: What else is said, as JSON values.
    """
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return json.dumps(problem | members, ensure_ascii=False).encode()


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
    return number
