"""Whatever an app gives, a client gets a whole answer, or sees that it is not whole."""

from __future__ import annotations

import array
import asyncio
from typing import Any

import pytest
from support.connections import Server

Message = dict[str, Any]


def start(*headers: Any, status: Any = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(content: Any, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def length(size: int) -> tuple[bytes, bytes]:
    return b"Content-Length", b"%d" % size


def answered(
    *messages: Message, request: bytes = b"GET / HTTP/1.1\r\nHost: a"
) -> tuple[bytes, str]:
    """What a client gets of these messages, and what is waited for then."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    async def asked() -> tuple[bytes, str]:
        server = Server(app)
        return await server.said(server.general_way, request + b"\r\n\r\n")

    answer, phase = asyncio.run(asked())
    return answer.replace(b"date: now\r\n", b""), phase


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (memoryview(array.array("I", [1, 2])), b"\1\0\0\0\2\0\0\0"),
    ],
)
def test_a_body_is_as_long_as_its_bytes(content: Any, shown: bytes) -> None:
    """Else what is beyond would be read as the next answer."""
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(shown), shown)
    assert answered(start(), body(content)) == (whole, "IDLE")
    assert answered(start(length(len(shown))), body(content)) == (whole, "IDLE")
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(shown), shown)
    assert answered(start(), body(content, more=True), body(b""))[0].endswith(chunks)


@pytest.mark.parametrize(
    "headers",
    [
        [length(3), length(3)],
        [length(3), (b"content-length", b"03")],
        [(b"CONTENT-LENGTH", b"003")],
    ],
)
def test_a_length_is_told_once(headers: list[Any]) -> None:
    """Who reads two may refuse both."""
    answer, _ = answered(start(*headers), body(b"abc"))
    assert answer == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"


WRONG: dict[str, list[Message]] = {
    "nothing": [],
    "no body": [start()],
    "two heads": [start(), start(), body(b"")],
    "a body alone": [body(b"")],
    "more than the length": [start(length(1)), body(b"ab")],
    "less than the length": [start(length(3)), body(b"ab")],
    "two lengths": [start(length(2), length(3)), body(b"ab")],
    "a length with a plus": [start((b"content-length", b"+2")), body(b"ab")],
    "a length that is none": [start((b"content-length", b"\xb2")), body(b"ab")],
    "another coding": [start((b"transfer-encoding", b"gzip")), body(b"ab")],
    "text": [start(), body("ab")],
    "a number": [start(), body(5)],
    "None": [start(), body(None)],
    "a line within a value": [start((b"a", b"b\nc: d")), body(b"")],
    "a line within a name": [start((b"a: b\r\nc", b"d")), body(b"")],
    "NUL": [start((b"a", b"\0")), body(b"")],
    "text in a header": [start(("a", "b")), body(b"")],
    "three of a header": [start((b"a", b"b", b"c")), body(b"")],
    "an interim status": [start(status=103), body(b"")],
    "another protocol": [start(status=101), body(b"")],
    "no status": [start(status=None), body(b"")],
    "half a status": [start(status=200.5), body(b"")],
    "a status of four digits": [start(status=1000), body(b"")],
    "what we do not know": [start(), {"type": "http.response.push"}],
}


@pytest.mark.parametrize("messages", WRONG.values(), ids=WRONG)
def test_what_cannot_be_an_answer_is_500(messages: list[Message]) -> None:
    """Nothing of it is sent, and the connection goes on."""
    answer, phase = answered(*messages)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert phase == "IDLE"


@pytest.mark.parametrize(
    ("messages", "shown"),
    [
        ([start(length(5)), body(b"ab", more=True)], b"ab"),
        ([start(length(5)), body(b"ab", more=True), body(b"cd")], b"ab"),
        ([start(length(3)), body(b"ab", more=True), body(b"cd")], b"ab"),
        ([start(), body(b"ab", more=True)], b"2\r\nab\r\n"),
        ([start(), body(b"ab", more=True), body("cd")], b"2\r\nab\r\n"),
        ([start(), body(b"ab", more=True), start()], b"2\r\nab\r\n"),
    ],
)
def test_what_goes_wrong_in_the_middle_is_no_whole_answer(
    messages: list[Message], shown: bytes
) -> None:
    """The connection ends before its end."""
    answer, phase = answered(*messages)
    assert answer.partition(b"\r\n\r\n")[2] == shown
    assert phase == "the end"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_none(status: int) -> None:
    """Whatever the app gives, in pieces or not."""
    for given in ([body(b"abc")], [body(b"a", more=True), body(b"bc")]):
        for headers in ([], [length(3)], [(b"transfer-encoding", b"chunked")]):
            answer, phase = answered(start(*headers, status=status), *given)
            assert answer.endswith(b"\r\n\r\n")
            assert b"chunked" not in answer
            assert status == 304 or b"content-length" not in answer
            assert phase == "IDLE"


def test_what_comes_behind_the_end_is_not_sent() -> None:
    """The answer stands; the log has what the app did."""
    answer, phase = answered(start(), body(b"a"), start(), body(b"b"))
    assert answer == b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"
    assert phase == "IDLE"


@pytest.mark.parametrize("calls", ["send", "send to nobody", "receive"])
def test_an_app_that_never_waits_leaves_others_their_turn(calls: str) -> None:
    """Whoever reads as fast as it writes, or has gone, would stop the worker by it."""
    times = 500

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        for _ in range(times if calls == "send" else 1):
            await send(body(b"a", more=True))
        if calls != "send":
            connections[0].connection_lost(None)
        for _ in range(times):
            await (receive() if calls == "receive" else send(body(b"a", more=True)))

    connections: list[Any] = []

    async def asked() -> int:
        server, turns = Server(app), 0
        connections.append(server.connect(server.general_way))
        connections[0].data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while server.state.tasks:
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(asked()) > times // 50
