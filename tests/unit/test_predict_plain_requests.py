"""Which requests the fast route takes."""

from __future__ import annotations

import asyncio
import types
from typing import Any

import pytest
from support.connections import Server

from runner.access.gate import Gate
from runner.access.key_file import hash_of, key_of
from runner.access.keys import Keys
from runner.predict.fast_route import FastRequest, FastRoute

BODY = b'{"a": 1}'
BATCHER: Any = types.SimpleNamespace(
    endpoint=types.SimpleNamespace(path="/a"),
    counter=types.SimpleNamespace(in_flight=0),
    decode=lambda body: body,
    submit=lambda request, clients: None,
)
LINES = (
    b"POST /a HTTP/1.1",
    b"Host: x",
    b"Content-Type: application/json",
    b"Content-Length: 8",
)


def taken(
    *more: bytes, start: bytes = LINES[0], gate: Gate | None = None, **limits: int
) -> FastRequest | None:
    """The request that is made of a head and a body; None if they are not plain."""

    async def take() -> Any:
        server = Server(gate=gate, **limits)
        route = FastRoute({"/a": BATCHER}, server.limits, b"", server.gate)
        connection = server.connect(lambda: route.protocol(server))
        data = b"\r\n".join([start, *LINES[1:], *more, b"", BODY])
        rest = connection.take_plain(data + b"more")
        assert rest in {None, b"more"}
        return connection.exchange

    return asyncio.run(take())


def test_a_plain_request_says_who_predicts_and_what_its_body_is() -> None:
    """And no more: what else stands in the head is read by nobody."""
    request = taken(b"User-Agent: a")
    assert request is not None
    assert (request.batcher, request.body, request.item) == (BATCHER, BODY, BODY)
    assert (request.method, request.path, request.key_name) == ("POST", "/a", "")
    assert (request.deadline, request.traceparent, request.keep_alive) == (None, None, True)


TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_is_read() -> None:
    """One that is invalid, of a later version or there twice is ignored on the ordinary way."""
    request = taken(b"Traceparent: " + TRACE)
    assert request is not None
    assert request.traceparent == TRACE
    request = taken(b"traceparent: " + TRACE, b"x-api-key: a-key", gate=KEYED)
    assert request is not None
    assert (request.key_name, request.traceparent) == ("alice", TRACE)
    for lines in ([TRACE.upper()], [TRACE + b"-a"], [b"01" + TRACE[2:]], [b""], [TRACE, TRACE]):
        assert taken(*(b"traceparent: " + line for line in lines)) is None


@pytest.mark.parametrize("line", [b"X-Request-Timeout-Ms", b"x-envoy-expected-rq-timeout-ms"])
def test_a_time_is_read(line: bytes) -> None:
    """One that is none is told to the client on the ordinary way."""
    request = taken(line + b": 250")
    assert request is not None
    assert request.deadline == request.since + 0.25
    for value in (b"soon", b"0", b"86400001", b"-1"):
        assert taken(line + b": " + value) is None


@pytest.mark.parametrize(
    "start", [b"GET /a HTTP/1.1", b"POST /b HTTP/1.1", b"POST /a?b HTTP/1.1", b"POST /a/ HTTP/1.1"]
)
def test_another_target_is_not_for_it(start: bytes) -> None:
    """Only a POST to the very path."""
    assert taken(start=start) is None


@pytest.mark.parametrize("line", [b"Connection: close", b"Accept: text/html", b"Accept: */*;q=0"])
def test_what_needs_thought_is_not_for_it(line: bytes) -> None:
    """Negotiation and the end of the connection are the ordinary way's."""
    assert taken(line) is None


def test_a_body_beyond_the_limit_is_not_for_it() -> None:
    """It is refused where all are."""
    assert taken(max_body=8) is not None
    assert taken(max_body=7) is None


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
    request = taken(*lines, gate=KEYED)
    assert (request and request.key_name) == name


def test_a_key_that_asks_too_often_is_not_for_it() -> None:
    """It is told when to come again where all are."""
    gate = Gate(Keys([key_of("alice", hash_of("a-key"), 1 / 3600)]))
    found = [taken(b"x-api-key: a-key", gate=gate) for _ in range(2)]
    assert [each and each.key_name for each in found] == ["alice", None]
