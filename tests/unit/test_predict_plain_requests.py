"""Which requests the fast route takes."""

from __future__ import annotations

import types
from typing import Any

import pytest

from runner.config import Limits
from runner.predict.plain_requests import PlainRequests

BATCHER: Any = types.SimpleNamespace()
LINES = (
    b"POST /a HTTP/1.1",
    b"Host: x",
    b"Content-Type: application/json",
    b"Content-Length: 8",
)


def read(*more: bytes, start: bytes = LINES[0], **limits: int) -> Any:
    data = b"\r\n".join([start, *LINES[1:], *more, b"", b'{"a": 1}'])
    return PlainRequests({"/a": BATCHER}, Limits(**limits)).read(data)


def test_a_plain_request_says_who_predicts_and_where_its_body_is() -> None:
    """And no more: what else stands in the head is read by nobody."""
    start = len(b"\r\n".join([*LINES, b"User-Agent: a", b"", b""]))
    assert read(b"User-Agent: a") == (BATCHER, start, start + 8, None)


@pytest.mark.parametrize("line", [b"X-Request-Timeout-Ms", b"x-envoy-expected-rq-timeout-ms"])
def test_a_time_is_read(line: bytes) -> None:
    """One that is none is told to the client on the ordinary way."""
    assert read(line + b": 250")[3] == 0.25
    assert read(line + b": soon") is None


@pytest.mark.parametrize(
    "start", [b"GET /a HTTP/1.1", b"POST /b HTTP/1.1", b"POST /a?b HTTP/1.1", b"POST /a/ HTTP/1.1"]
)
def test_another_target_is_not_for_it(start: bytes) -> None:
    """Only a POST to the very path."""
    assert read(start=start) is None


@pytest.mark.parametrize("line", [b"Connection: close", b"Accept: text/html", b"Accept: */*;q=0"])
def test_what_needs_thought_is_not_for_it(line: bytes) -> None:
    """Negotiation and the end of the connection are the ordinary way's."""
    assert read(line) is None


def test_a_body_beyond_the_limit_is_not_for_it() -> None:
    """It is refused where all are."""
    assert read(max_body=8) is not None
    assert read(max_body=7) is None
