"""Which requests the fast route takes."""

from __future__ import annotations

import types
from typing import Any

import pytest

from runner.access.gate import Gate
from runner.access.key_file import hash_of, key_of
from runner.access.keys import Keys
from runner.config import Limits
from runner.predict.plain_requests import KeyedRequests, PlainRequests

BATCHER: Any = types.SimpleNamespace()
LINES = (
    b"POST /a HTTP/1.1",
    b"Host: x",
    b"Content-Type: application/json",
    b"Content-Length: 8",
)


def requests_read_by(gate: Gate, limits: Limits) -> PlainRequests:
    kind = KeyedRequests if gate.is_on else PlainRequests
    return kind({"/a": BATCHER}, limits, gate)


def read(*more: bytes, start: bytes = LINES[0], gate: Gate | None = None, **limits: int) -> Any:
    data = b"\r\n".join([start, *LINES[1:], *more, b"", b'{"a": 1}'])
    return requests_read_by(gate or Gate(), Limits(**limits)).read(data)


def test_a_plain_request_says_who_predicts_and_where_its_body_is() -> None:
    """And no more: what else stands in the head is read by nobody."""
    start = len(b"\r\n".join([*LINES, b"User-Agent: a", b"", b""]))
    assert read(b"User-Agent: a") == (BATCHER, start, start + 8, None, "", None)


TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_is_read() -> None:
    """One that is invalid, of a later version or there twice is ignored on the ordinary way."""
    assert read(b"Traceparent: " + TRACE)[5] == TRACE
    assert read(b"traceparent: " + TRACE, b"x-api-key: a-key", gate=KEYED)[4:] == ("alice", TRACE)
    for lines in ([TRACE.upper()], [TRACE + b"-a"], [b"01" + TRACE[2:]], [b""], [TRACE, TRACE]):
        assert read(*(b"traceparent: " + line for line in lines)) is None


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


KEYED = Gate(Keys([key_of("alice", hash_of("a-key"))]))


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ([b"x-api-key: a-key"], "alice"),
        ([b"X-API-Key:a-key "], "alice"),
        ([b"Authorization: Bearer a-key"], "alice"),
        ([b"authorization: bearer a-key", b"User-Agent: a"], "alice"),
        ([], None),
        ([b"x-api-key: a-kez"], None),
        ([b"x-api-key: a key"], None),
        ([b"x-api-key: a-key", b"x-api-key: a-key"], None),
        ([b"Authorization: Bearer a-key", b"Authorization: Bearer a-key"], None),
        ([b"Authorization: Bearer a-key", b"x-api-key: a-key"], None),
        ([b"Authorization: Basic a-key"], None),
        ([b"Authorization: a-key"], None),
        ([b"x-api-key: " + b"a" * 60_000], None),
    ],
)
def test_where_a_key_is_needed_it_takes_who_gives_one(lines: list[bytes], name: str | None) -> None:
    """All others are refused where all are."""
    found = read(*lines, gate=KEYED)
    assert (found and found[4]) == name


def test_a_key_that_asks_too_often_is_not_for_it() -> None:
    """It is told when to come again where all are."""
    gate = Gate(Keys([key_of("alice", hash_of("a-key"), 1 / 3600)]))
    found = [read(b"x-api-key: a-key", gate=gate) for _ in range(2)]
    assert [each and each[4] for each in found] == ["alice", None]
