"""Hold what a client asks and what it is answered, with the headers of both.

Both routes, the fast and the ordinary one, read and write headers by what is here, so that nobody
can tell which of them it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from runner.predict.problem_error import ProblemError

JSON = b"application/json"

Headers = list[tuple[bytes, bytes]]

# Milliseconds that the client waits: our own, and what Envoy tells whom it forwards to, and so
# Istio's and KServe's gateways. Source: Envoy's documentation of the router filter.
TIMEOUTS = (b"x-request-timeout-ms", b"x-envoy-expected-rq-timeout-ms")

LONGEST_TIMEOUT = 86_400_000

# Of milliseconds before a call, and what `predict_timing` says of it. Source: W3C Server Timing.
SERVER_TIMING = b"queue;dur=%.3f%b"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Hold one whole request.

    Attributes:
        method: In capitals.
        path: Percent-decoded, without the query.
        headers: By lower-case name; of a repeated one the last.
        body: Whole, and within the limit.
        query: Without the question mark, percent-encoded.
        root: What a proxy has taken off the path.
        scheme: By which the client asked.
    """

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes = b""
    query: bytes = b""
    root: str = ""
    scheme: str = "http"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """Hold one answer; the length is added to the headers of one that is whole.

    Attributes:
        status: The HTTP status.
        body: What is sent; all of it, unless there is a stream.
        content_type: What that is; empty if there is nothing.
        headers: More headers.
        stream: What is sent item by item instead of the body; None if nothing is.
    """

    status: int = 200
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    stream: Any = None


Route = Callable[[Request], Awaitable[Response]]
"""Answers a path: raises a ProblemError for what it refuses; any other error becomes a 500."""


def timeout_of(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Find how many seconds the client waits for an answer; the least, if it says so twice.

    Args:
        headers: With names in lower case.

    Raises:
        ProblemError: 400, if that is not a positive number of milliseconds.
    """
    given = [_seconds(name, value) for name, value in headers if name in TIMEOUTS]
    return min(given, default=None)


def _seconds(name: bytes, value: bytes) -> float:
    if not value.isdigit() or len(value) > 12 or not 0 < int(value) <= LONGEST_TIMEOUT:
        raise ProblemError(
            400,
            f"{name.decode()}: expected milliseconds from 1 to {LONGEST_TIMEOUT}, "
            f"got {value[:40].decode('latin-1')!r}",
        )
    return int(value) / 1000


def predict_timing(took: float) -> bytes:
    """Write what the ``server-timing`` header says of a call, from seconds."""
    return b", predict;dur=%.3f" % (took * 1000)


def unqueued_timing(took: float) -> bytes:
    """Write the ``server-timing`` header of a call that waited for no other, from seconds."""
    return SERVER_TIMING % (0.0, predict_timing(took))


def headers_of(response: Response, run_id: bytes) -> Headers:
    """Give the headers of a whole answer, or of a stream, whose length nobody knows.

    Args:
        response: The answer.
        run_id: Which run answers; empty if none does.
    """
    if response.content_type and response.stream is None and response.status not in (204, 304):
        length = len(response.body)
        return response_headers(response.content_type, length, run_id, response.headers)
    framing = [(b"content-type", response.content_type)] if response.stream is not None else []
    if response.stream is None and response.status not in (204, 304):
        framing = [(b"content-length", b"0")]
    return [*framing, *([(b"x-run-id", run_id)] if run_id else []), *response.headers]


def response_headers(
    content_type: bytes, length: int, run_id: bytes, more: Iterable[tuple[bytes, bytes]] = ()
) -> Headers:
    """Give the headers of an answer.

    Args:
        content_type: Of the body.
        length: Of the body in bytes.
        run_id: Which run answers; empty if none does.
        more: The answer's own.
    """
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % length)]
    if run_id:
        headers.append((b"x-run-id", run_id))
    return [*headers, *more]
