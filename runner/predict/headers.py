"""Read what a request's head asks of a prediction, and write the heads of its answers.

Both routes, the hot and the ordinary one, answer by what is here, so that nobody can tell
which of them it was.
"""

from __future__ import annotations

from collections.abc import Iterable

from runner.predict.problems import ProblemError

Headers = list[tuple[bytes, bytes]]

# Milliseconds that the client waits: our own, and what Envoy tells whom it forwards to, and so
# Istio's and KServe's gateways. Source: Envoy's documentation of the router filter.
TIMEOUTS = (b"x-request-timeout-ms", b"x-envoy-expected-rq-timeout-ms")

_LONGEST = 86_400_000


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
    if not value.isdigit() or not 0 < int(value[:12]) <= _LONGEST:
        raise ProblemError(
            400,
            f"{name.decode()}: expected milliseconds from 1 to {_LONGEST}, "
            f"got {value[:40].decode('latin-1')!r}",
        )
    return int(value) / 1000


def timing(waited: float, took: float) -> bytes:
    """Write the ``server-timing`` header, from seconds. Source: W3C Server Timing."""
    return b"queue;dur=%.3f, predict;dur=%.3f" % (waited * 1000, took * 1000)


def answer_headers(
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
