"""Write problem details for HTTP, RFC 9457."""

from __future__ import annotations

import http
import json

CONTENT_TYPE = b"application/problem+json"


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
