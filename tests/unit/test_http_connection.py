"""One client's connection, without a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.connections import ClockedLoop, Server, Transport, pieces

from runner.http.connection import Connection
from runner.http.exchange import Exchange

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class AtOnce(Connection):
    """Answer each request before anything else happens."""

    def take_plain(self, data: bytes) -> bytes | None:
        if not data.startswith(REQUEST):
            return None
        exchange = Exchange(self, "GET", "/", keep_alive=True)
        self.begin(exchange, 0)
        self.write(b"answer")
        self.finish_exchange(exchange)
        return data[len(REQUEST) :]


class Waiting(Connection):
    """Let each request wait for its answer."""

    def take_plain(self, data: bytes) -> bytes | None:
        if not data.startswith(REQUEST):
            return None
        self.begin(Exchange(self, "GET", "/", keep_alive=True), 0)
        return data[len(REQUEST) :]


def connected(connection: type[Connection]) -> tuple[Any, Transport]:
    server = Server()
    made = server.connect(lambda: connection(server))
    return made, made.transport


def test_who_sends_many_requests_at_once_leaves_others_their_turn() -> None:
    """A few are answered at a turn of the loop, whatever comes meanwhile; all are in the end."""

    async def answered() -> list[int]:
        connection, transport = connected(AtOnce)
        counts = []
        for _ in range(3):
            connection.data_received(REQUEST * 1000)
            counts.append(len(transport.written))
        turned = asyncio.Event()
        asyncio.get_running_loop().call_soon(turned.set)
        await turned.wait()
        counts.append(len(transport.written))
        assert transport.is_paused
        while connection.unread:  # noqa: ASYNC110 - each turn takes some
            await asyncio.sleep(0)
        assert not transport.is_paused
        connection.connection_lost(None)
        return [*counts, len(transport.written)]

    first, second, third, after_a_turn, last = asyncio.run(answered())
    assert 0 < first == second == third < after_a_turn < 100
    assert last == 3000


def test_an_answer_does_not_begin_the_next_request_at_once() -> None:
    """Else whoever answers all that wait would never come to an end."""

    async def begun() -> list[bool]:
        connection, _ = connected(Waiting)
        connection.data_received(REQUEST * 2)
        connection.finish_exchange(connection.exchange)
        found = [connection.exchange is not None]
        await asyncio.sleep(0)
        found.append(connection.exchange is not None)
        connection.connection_lost(None)
        return found

    assert asyncio.run(begun()) == [False, True]


def test_who_ends_his_half_behind_many_requests_gets_all_answers() -> None:
    """Though the server leaves others their turn in between."""

    async def answered() -> int:
        connection, transport = connected(AtOnce)
        connection.data_received(REQUEST * 100)
        stays = connection.eof_received()
        while stays and not transport.is_closing():  # noqa: ASYNC110 - each turn takes some
            await asyncio.sleep(0)
        return len(transport.written)

    assert asyncio.run(answered()) == 100


@pytest.mark.parametrize(
    "data",
    [
        *(b"EHLO x\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"GET /\r\n", b"*1\r\n$4\r\nPING\r\n"),
        *(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\n"),
        b"\r\n\r\n\0\r\nQUIT\n",
    ],
)
def test_who_speaks_another_protocol_is_told_at_once(data: bytes) -> None:
    """Not when the time for a whole head is over."""

    async def answered() -> set[bytes]:
        server = Server()
        single = [bytes([byte]) for byte in data]
        answers = [await server.said(server.general_way, *sent) for sent in ([data], single)]
        return {answer[:13] for answer, _ in answers}

    assert asyncio.run(answered()) == {b"HTTP/1.1 400 "}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body, has_more = b"", True
    while has_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, has_more = body + message["body"], message["more_body"]
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def test_an_app_learns_that_the_rest_of_a_body_never_comes() -> None:
    """Also if its client ended its half while the request before was answered."""

    async def answered() -> tuple[bytes, str]:
        server = Server(echo)
        post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        return await server.said(server.general_way, post + post[:-1], ends=True)

    answer, phase = asyncio.run(answered())
    assert (answer.count(b"HTTP/1.1 200"), phase) == (1, "the end")


def begun(kind: bytes, size: int) -> bytes:
    """Begin a request whose end is missing."""
    if kind == b"head":
        return b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * size
    if kind == b"length":
        return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * size
    chunk = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % size
    return chunk + b"x" * size


@pytest.mark.parametrize("kind", [b"head", b"length", b"chunks"])
def test_who_never_ends_a_request_holds_up_others_for_a_while_only(kind: bytes) -> None:
    """Beyond the bound but one is read; all have a deadline, and give back what they held."""

    async def answered() -> list[bytes]:
        server = Server(echo, max_buffered=500_000, read_timeout=100)
        stalled = [server.connect(server.general_way) for _ in range(20)]
        for connection in stalled:
            for piece in pieces(begun(kind, 50_000), 2_000, 30_000):
                if not connection.transport.is_paused:
                    connection.data_received(piece)
                    await asyncio.sleep(0)
        assert 500_000 < server.state.buffers.held < 560_000
        assert kind == b"head" or [each.transport.is_paused for each in stalled].count(False) == 1
        health = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        answer, _ = await server.said(server.general_way, health)
        assert answer.startswith(b"HTTP/1.1 200 ")
        loop: Any = asyncio.get_running_loop()
        for _ in range(2):
            loop.ahead += 101
            await asyncio.sleep(0.01)
        assert all(each.transport.is_ended for each in stalled)
        loop.ahead += 10  # for those that have not ended their half
        await asyncio.sleep(0.01)
        assert (server.state.buffers.held, server.state.in_flight) == (0, 0)
        assert not server.state.connections
        return [b"".join(each.transport.written)[9:12] for each in stalled]

    with asyncio.Runner(loop_factory=ClockedLoop) as runner:
        answers = runner.run(answered())
    assert set(answers) == {b"408", b"503"}
    assert answers[0] == b"408"


def test_tiny_chunks_leave_others_their_turn() -> None:
    """Nothing more is read meanwhile, and the body is whole in the end."""

    async def answered() -> tuple[int, bytes]:
        server = Server(echo)
        connection = server.connect(server.general_way)
        head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.data_received(head + b"1\r\nx\r\n" * 40_000 + b"0\r\n\r\n")
        turns = 0
        while connection.transport.is_paused:
            turns += 1
            await asyncio.sleep(0)
        while not connection.transport.written:  # noqa: ASYNC110 - a list, no event
            await asyncio.sleep(0)
        connection.transport.close()
        return turns, b"".join(connection.transport.written).rpartition(b"\r\n\r\n")[2]

    turns, body = asyncio.run(answered())
    assert turns > 5
    assert body == b"x" * 40_000


def test_what_comes_behind_the_last_request_does_not_cut_off_its_answer() -> None:
    """It is read and dropped while the client takes the answer: else the kernel would reset it."""

    async def asked() -> list[bool]:
        server, loop = Server(echo), asyncio.get_running_loop()
        assert isinstance(loop, ClockedLoop)
        connection = server.connect(server.general_way)
        transport = connection.transport
        transport.unsent = 100_000
        connection.data_received(REQUEST.replace(b"a\r\n", b"a\r\nConnection: close\r\n"))
        ended = []
        for unsent in (90_000, 10_000, 0):
            await asyncio.sleep(0.01)
            connection.data_received(REQUEST)
            ended.append(transport.is_closing())
            transport.unsent = unsent
            loop.ahead += 2
        await asyncio.sleep(0.01)
        assert b"".join(transport.written).count(b"HTTP/1.1") == 1
        return [*ended, transport.is_lost]

    with asyncio.Runner(loop_factory=ClockedLoop) as runner:
        assert runner.run(asked()) == [False, False, False, True]
