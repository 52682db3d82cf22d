"""Who answers clients that speak TLS while no worker accepts, and where none can."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from support.certificates import Authority

from runner.config import AddressSet, Limits
from runner.supervise.relay import Relay
from runner.tls.server_tls import ServerTls

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

Open = Callable[[bool], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ServerTls:
    return ServerTls.read(authority.issue())


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a client does is worth no traceback."""
    caplog.set_level(logging.WARNING)
    yield
    assert not [each for each in caplog.records if each.exc_info or each.name == "asyncio"]


@contextlib.asynccontextmanager
async def relaying(
    tls: ServerTls | None, client: ssl.SSLContext
) -> AsyncIterator[tuple[Relay, int, Open]]:
    """Give a relay, its port, and what connects there: by TLS, or without."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        relay = Relay([listener], Limits(read_timeout=5), AddressSet(""), tls=tls)
        port = listener.getsockname()[1]
        async with contextlib.AsyncExitStack() as ends:
            ends.push_async_callback(relay.close)

            async def connect(is_tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
                context = client if is_tls else None
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
                ends.callback(writer.close)
                return reader, writer

            yield relay, port, connect


@contextlib.asynccontextmanager
async def talking() -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answer by the first word, if it is no head, and the head; then by all that comes."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        switches = b"upgrade" in heard[-1].lower()
        writer.write(b"HTTP/1.1 %b\r\n\r\n" % (b"101 X" if switches else b"200 OK"))
        while switches and (data := await reader.read(100)):
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard


def test_health_and_what_is_passed_on_is_by_tls(tls: ServerTls, authority: Authority) -> None:
    """Also a WebSocket; the server, which speaks none, hears how the client came."""

    async def work() -> None:
        async with relaying(tls, authority.client()) as (relay, _, connect), talking() as talk:
            port, heard = talk
            relay.hold()
            reader, writer = await connect(True)
            writer.write(b"GET /healthz HTTP/1.1\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
            relay.pass_to("127.0.0.1", port)
            reader, writer = await connect(True)
            writer.write(GET)
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
            assert heard[0].startswith(GET[:15])
            assert b"X-Forwarded-Proto: https\r\n" in heard[0]
            reader, writer = await connect(True)
            writer.write(UPGRADE)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 X")
            writer.write(b"again")
            assert await reader.readexactly(5) == b"again"

    asyncio.run(work())


def test_workers_hear_the_word_first(tls: ServerTls, authority: Authority) -> None:
    """By it they know that we have opened what follows, and who said it."""

    async def work() -> None:
        async with relaying(tls, authority.client()) as (relay, _, connect), talking() as talk:
            relay.hold()
            reader, writer = await connect(True)
            writer.write(GET)
            relay.leave_to_workers()
            relay._target = ("127.0.0.1", talk[0])
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
            assert talk[1][0].startswith(relay.word.encode() + b" \n" + GET[:15])

    asyncio.run(work())


def test_who_has_waited_without_is_refused_where_what_serves_speaks_it(
    tls: ServerTls, authority: Authority
) -> None:
    """A notebook that asks for TLS itself says so only then."""

    async def work() -> None:
        async with relaying(None, authority.client()) as (relay, _, connect):
            relay.hold()
            reader, writer = await connect(False)
            writer.write(GET)
            await writer.drain()
            while not relay._held:  # noqa: ASYNC110 - it makes no event
                await asyncio.sleep(0.01)
            relay.tls, relay.speaks_tls = tls, True
            relay.leave_to_workers()
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")

    asyncio.run(work())


@pytest.mark.parametrize("said", [b"", GET, b"\x16\x03\x01\x02\x00\x01", b"\0" * 99])
def test_who_speaks_none_or_goes_is_let_go(
    tls: ServerTls, authority: Authority, said: bytes
) -> None:
    """By a close, or a reset of its own; the next is answered."""

    async def work() -> None:
        async with relaying(tls, authority.client()) as (relay, port, connect):
            relay.hold()
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(said)
                await asyncio.sleep(0)
                linger = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            reader, writer = await connect(True)
            writer.write(b"GET /readyz HTTP/1.1\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 503 ")

    asyncio.run(work())
