"""Give the answers that are the server's own: health, too many at once, what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runner.access.refusal import RefusedRequestError
from runner.http import problems
from runner.http.response_head import header_lines, status_line
from runner.liveness.readiness import Readiness, readiness_answer

Fields = list[tuple[bytes, bytes]]


def problem_fields(body: bytes, content_type: bytes = problems.CONTENT_TYPE) -> Fields:
    """Give the headers of problem details, or of what takes their place."""
    return [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]


def failed(number: str) -> tuple[int, bytes]:
    """Say that the app failed, and no more than where the log has it."""
    return 500, problems.details(500, "internal error", failure=number)


def refusal(
    refused: RefusedRequestError,
    more: Iterable[tuple[bytes, bytes]] = (),
    *,
    has_body: bool = True,
) -> bytes:
    """Write a whole answer that ends the connection.

    Args:
        refused: What is wrong.
        more: Further headers.
        has_body: False for what was asked for by HEAD.
    """
    fields = [*refused.fields, *more]
    return _last(refused.status, refused.body, refused.content_type, fields, has_body=has_body)


def whole(status: int, body: bytes, more: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """Write likewise what problem details were made for."""
    return _last(status, body, problems.CONTENT_TYPE, more)


def _last(
    status: int,
    body: bytes,
    content_type: bytes,
    more: Iterable[tuple[bytes, bytes]],
    *,
    has_body: bool = True,
) -> bytes:
    fields = [*problem_fields(body, content_type), *more, (b"connection", b"close")]
    lines = status_line(status) + header_lines(fields) + b"\r\n"
    return lines + body if has_body else lines


def _answer(
    status: int,
    body: bytes,
    *headers: tuple[bytes, bytes],
    content_type: bytes = b"application/json",
) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        fields = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        await send(
            {"type": "http.response.start", "status": status, "headers": [*fields, *headers]}
        )
        await send({"type": "http.response.body", "body": body})

    return app


def preflight(fields: Fields) -> Any:
    """Make what answers a browser that asks whether a page of another site may ask."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": fields})
        await send({"type": "http.response.body", "body": b""})

    return app


ALIVE = _answer(200, b'{"status": "alive"}')
READINESS = {
    told: _answer(*readiness_answer(told)) for told in map(Readiness, range(max(Readiness) * 2))
}
DRAINING = _answer(503, b'{"status": "draining"}')
HEALTH = (ALIVE, *READINESS.values(), DRAINING)
BUSY = _answer(
    503,
    problems.details(503, "too many requests at once"),
    (b"retry-after", b"1"),
    content_type=problems.CONTENT_TYPE,
)
