"""Every state of a connection has a deadline, after which nothing of it is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from support.connections import ClockedLoop, Server

LIMITS = {"read_timeout": 7, "keep_alive": 11, "write_timeout": 13}
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
HANDSHAKE = (
    b"GET /accepted HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
FOR_EVER = b"GET /for-ever HTTP/1.1\r\nHost: a\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once, but for ever where it is asked to; keep WebSockets open, or close them."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/accepted":
            await receive()
        return
    has_more = True
    while has_more or scope["path"] == "/for-ever":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        has_more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def say(*data: bytes) -> Callable[[Any], None]:
    def act(connection: Any) -> None:
        for each in data:
            connection.data_received(each)

    return act


def end_half(connection: Any) -> None:
    connection.data_received(FOR_EVER)
    assert connection.eof_received()


def take_nothing(connection: Any) -> None:
    connection.transport.unsent = 100_000
    connection.pause_writing()


def take_nothing_of_the_last(connection: Any) -> None:
    connection.transport.unsent = 100_000
    connection.data_received(GET.replace(b"a\r\n", b"a\r\nConnection: close\r\n"))


STATES: dict[str, tuple[Callable[[Any], None], float, bytes]] = {
    "new": (say(), 7, b""),
    "only empty lines": (say(b"\r\n" * 9), 7, b""),
    "in a head": (say(GET[:9]), 9, b" 408 "),
    "in a body": (say(POST + b"a"), 9, b" 408 "),
    "in a second head": (say(GET, GET[:9]), 9, b" 408 "),
    "idle": (say(GET), 11, b" 200 "),
    "in a body that is not wanted": (say(POST.replace(b"POST /", b"GET /healthz")), 9, b" 200 "),
    "refused": (say(b"nonsense\r\n"), 2, b" 400 "),
    "answered for ever, its half ended": (end_half, 0.25, b""),
    "taking nothing": (take_nothing, 13, b""),
    "taking nothing of the last answer": (take_nothing_of_the_last, 13, b" 200 "),
    "silent on a WebSocket": (say(HANDSHAKE), 20 + 20 + 5, b" 101 "),
    "not closing a WebSocket": (say(HANDSHAKE.replace(b"accepted", b"closed")), 5, b" 101 "),
}


@pytest.mark.parametrize(("act", "seconds", "answer"), STATES.values(), ids=STATES)
def test_every_state_has_an_end(act: Callable[[Any], None], seconds: float, answer: bytes) -> None:
    """After a time of its own; the app is told, and nothing is counted any more."""

    async def lasted() -> float:
        server, loop = Server(app, **LIMITS), asyncio.get_running_loop()
        assert isinstance(loop, ClockedLoop)
        connection = server.connect(server.general_way)
        act(connection)
        await _turn()
        began = loop.ahead
        while connection in server.state.connections:
            loop.ahead += 0.25
            await _turn()
            assert loop.ahead < 100
        written = connection.transport.written
        assert answer in b"".join(piece[:15] for piece in written)
        assert bool(written) is bool(answer)
        assert (server.state.tasks, server.state.in_flight) == (set(), 0)
        assert (server.state.buffers.held, server.state.unsent.held) == (0, 0)
        return loop.ahead - began

    with asyncio.Runner(loop_factory=ClockedLoop) as runner:
        assert runner.run(lasted()) == pytest.approx(seconds, abs=1.0)


async def _turn() -> None:
    for _ in range(12):
        await asyncio.sleep(0)
