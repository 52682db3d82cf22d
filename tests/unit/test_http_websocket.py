"""What a client sends by a WebSocket costs no more than its bytes, however it is cut."""

from __future__ import annotations

import asyncio
import gc
import itertools
import struct
from typing import Any

from support.connections import ClockedLoop, Server
from websockets.frames import Frame

from runner.http.client_link import Pause

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT, BINARY, CONTINUED, CLOSE = 1, 2, 0, 8


def frame(opcode: int, data: bytes = b"", *, is_last: bool = True) -> bytes:
    """Write a frame whose mask changes nothing."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xff" + struct.pack("!Q", len(data))
    return bytes([0x80 * is_last | opcode]) + size + bytes(4) + data


class App:
    """Keep what comes."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while not self.got or self.got[-1]["type"] != "websocket.disconnect":
            self.got.append(await receive())


async def connected(app: Any, **limits: Any) -> tuple[Server, Any]:
    server = Server(app, **limits)
    connection = server.connect(server.general_way)
    connection.data_received(HANDSHAKE)
    async with asyncio.timeout(20):
        while connection.phase.name != "UPGRADED":  # noqa: ASYNC110 - an attribute, no event
            await asyncio.sleep(0)
    return server, connection


async def taken(connection: Any) -> int:
    """Wait until all that was sent is read; give how many turns of the loop that took."""
    for turns in itertools.count():
        await asyncio.sleep(0)
        if not connection.transport.is_paused:
            return turns
    raise AssertionError


async def ended(server: Server, connection: Any) -> None:
    connection.transport.close()
    async with asyncio.timeout(20):
        while server.state.tasks or server.state.connections:  # noqa: ASYNC110 - sets, no event
            await asyncio.sleep(0)
    assert (server.state.buffers.held, server.state.in_flight) == (0, 0)


def test_tiny_frames_leave_others_their_turn() -> None:
    """Reading goes on at the loop's next turns; all arrive, in order."""

    async def sent() -> list[Any]:
        app = App()
        server, connection = await connected(app)
        connection.data_received(b"".join(frame(TEXT, b"%d" % at) for at in range(20_000)))
        assert await taken(connection) > 5
        await ended(server, connection)
        return [message.get("text") for message in app.got[:-1]]

    assert asyncio.run(sent()) == [str(at) for at in range(20_000)]


def test_a_message_that_was_taken_is_kept_by_nobody() -> None:
    """Else each idle connection would hold its last message, of any size, uncounted."""

    async def kept() -> list[int]:
        app = App()
        server, connection = await connected(app)
        connection.data_received(frame(BINARY, b"x" * 50_000))
        async with asyncio.timeout(20):
            while not app.got:  # noqa: ASYNC110 - a list, no event
                await asyncio.sleep(0)
        assert len(app.got.pop()["bytes"]) == 50_000
        sizes = [len(each.data) for each in gc.get_objects() if isinstance(each, Frame)]
        await ended(server, connection)
        return sizes

    sizes = asyncio.run(kept())
    assert sizes
    assert not any(sizes)


def test_empty_pieces_of_a_message_hold_nothing() -> None:
    """They have no bytes that a bound could count."""

    async def sent() -> tuple[int, list[Any]]:
        app = App()
        server, connection = await connected(app)
        pieces = frame(CONTINUED, is_last=False) * 20_000
        connection.data_received(frame(TEXT, b"a", is_last=False) + pieces)
        await taken(connection)
        held = server.state.buffers.held
        connection.data_received(frame(CONTINUED, b"b"))
        await taken(connection)
        await ended(server, connection)
        return held, [message.get("text") for message in app.got]

    assert asyncio.run(sent()) == (1, ["ab", None])


def test_a_large_message_counts_before_it_is_whole() -> None:
    """In one frame or in many; what is given to the app counts no more."""

    async def sent(*parts: bytes) -> tuple[int, int]:
        app = App()
        server, connection = await connected(app)
        for part in parts[:-1]:
            connection.data_received(part)
            await taken(connection)
        begun = server.state.buffers.held
        connection.data_received(parts[-1])
        await taken(connection)
        await ended(server, connection)
        return begun // 1000, len(app.got[0]["bytes"])

    whole = frame(BINARY, b"a" * 300_000)
    assert asyncio.run(sent(whole[:200_000], whole[200_000:])) == (200, 300_000)
    first = frame(BINARY, b"a" * 200_000, is_last=False)
    assert asyncio.run(sent(first, frame(CONTINUED, b"a" * 100_000))) == (200, 300_000)


def test_a_large_message_without_room_ends_the_connection() -> None:
    """By 1013, try again later: who waited for its end might wait for ever. Small ones go on."""

    async def sent() -> tuple[list[Any], bytes]:
        app = App()
        server, connection = await connected(app, max_buffered=1_000_000)
        server.state.buffers.add(1_000_000)
        connection.data_received(frame(TEXT, b"small"))
        connection.data_received(frame(BINARY, b"a" * 100_000)[:-1])
        async with asyncio.timeout(20):
            while len(app.got) < 2:  # noqa: ASYNC110 - a list, no event
                await asyncio.sleep(0)
        server.state.buffers.add(-1_000_000)
        await ended(server, connection)
        return [message.get("text") for message in app.got], connection.transport.written[-1]

    texts, last = asyncio.run(sent())
    assert texts == ["small", None]
    assert struct.unpack("!H", last[2:4]) == (1013,)


def test_a_large_message_ends_when_its_room_goes_while_the_app_asks() -> None:
    """The client hears of it at once, not only when it sends more."""

    async def sent() -> bytes:
        taking = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            await taking.wait()
            while (await receive())["type"] != "websocket.disconnect":
                pass

        server, connection = await connected(app, max_buffered=1_000_000)
        connection.data_received(frame(TEXT, b"small") + frame(BINARY, b"a" * 100_000)[:-1])
        await taken(connection)
        server.state.buffers.add(1_000_000)
        before = len(connection.transport.written)
        taking.set()
        async with asyncio.timeout(20):
            while len(connection.transport.written) == before:  # noqa: ASYNC110 - a list, no event
                await asyncio.sleep(0)
        server.state.buffers.add(-1_000_000)
        await ended(server, connection)
        return connection.transport.written[before]

    assert struct.unpack("!H", asyncio.run(sent())[2:4]) == (1013,)


def test_who_was_not_read_has_his_time_to_answer_a_ping_anew() -> None:
    """His answer may lie there, and the timer come before it is read."""

    async def closed() -> list[bool]:
        server, connection = await connected(App(), ws_ping_interval=20, ws_ping_timeout=20)
        loop, said = asyncio.get_running_loop(), list[bool]()
        assert isinstance(loop, ClockedLoop)
        while True not in said:
            if len(said) < 3:
                connection.pause_reading(Pause.BODY)
            else:
                connection.resume_reading(Pause.BODY)
            loop.ahead += 20
            connection.exchange.late()
            said.append(connection.transport.written[-1][0] == 0x80 | CLOSE)
        await ended(server, connection)
        return said

    with asyncio.Runner(loop_factory=ClockedLoop) as runner:
        assert runner.run(closed()) == [False, False, False, False, True]
