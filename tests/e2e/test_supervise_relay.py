"""Who answers clients while no worker accepts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from runner.config import AddressSet, Limits
from runner.supervise import relay as relays
from runner.supervise.relay import Relay
from runner.supervise.request_heads import is_handshake, passed_on

PROXIES = AddressSet("")
Asks = Callable[[bytes], Awaitable[bytes]]


@contextlib.asynccontextmanager
async def relaying(**limits: float) -> AsyncIterator[tuple[Relay, Asks]]:
    """Give a relay for one listener, and what asks there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        relay = Relay([listener], Limits(**limits), PROXIES)  # type: ignore[arg-type] # numbers all
        port = listener.getsockname()[1]

        async def ask(request: bytes) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request)
                return await reader.read()
            finally:
                writer.close()
                await writer.wait_closed()

        try:
            yield relay, ask
        finally:
            await relay.close()


@contextlib.asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    """Serve heads back, and then all bytes, as something that listens by itself; give its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        switches = b"upgrade" in head.lower()
        status = b"101 Switching Protocols" if switches else b"200 OK"
        writer.write(b"HTTP/1.1 %b\r\n\r\n" % status + head)
        if switches:
            while data := await reader.read(100):
                writer.write(data)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def held(relay: Relay, count: int) -> None:
    """Wait until so many are."""
    while relay._held < count:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0)


def run(work: Awaitable[None]) -> None:
    """Run within a deadline."""
    asyncio.run(asyncio.wait_for(work, 20))  # type: ignore[arg-type] # a coroutine


END = b"Connection: close\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"
GET = b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"


def test_health_is_answered_while_nothing_serves_and_the_rest_waits() -> None:
    """Alive, and not ready; who asks for something else is answered when something serves."""

    async def work() -> None:
        async with relaying() as (relay, ask), echoing() as port:
            relay.hold()
            waiting = asyncio.ensure_future(ask(GET % b"/index"))
            assert (await ask(GET % b"/healthz?x=1")).startswith(b"HTTP/1.1 200 OK")
            assert (await ask(GET % b"/readyz")).startswith(b"HTTP/1.1 503 ")
            head = await ask(GET.replace(b"GET", b"HEAD") % b"/healthz")
            assert head.endswith(b"\r\n\r\n")
            assert not waiting.done()
            relay.pass_to("127.0.0.1", port)
            assert (await waiting).startswith(b"HTTP/1.1 200 OK\r\n\r\nGET /index HTTP/1.1\r\n")
            assert (await ask(GET % b"/readyz")).endswith(b'{"status": "ready"}')

    run(work())


def test_paths_that_are_the_apps_are_not_answered() -> None:
    """An empty option gives a path away."""

    async def work() -> None:
        async with relaying(health_path="", ready_path="") as (relay, ask), echoing() as port:
            relay.pass_to("127.0.0.1", port)
            assert b"GET /healthz" in await ask(GET % b"/healthz")

    run(work())


def test_another_protocol_is_passed_on_in_both_directions() -> None:
    """Such as a WebSocket, until one side ends it."""

    async def work() -> None:
        async with relaying() as (relay, _), echoing() as port:
            relay.pass_to("127.0.0.1", port)
            [listener] = relay._listeners
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(HANDSHAKE)
            assert b"Connection: Upgrade" in await reader.readuntil(b"0.1\r\n\r\n")
            for said in (b"one", b"two"):
                writer.write(said)
                assert await reader.readexactly(3) == said
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    run(work())


HANDSHAKE = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize("status", [b"200 OK", b"101 Switching Protocols"])
def test_nothing_follows_a_handshake_before_it_is_accepted(status: bytes) -> None:
    """What a server takes for a second request would say of its client what it likes."""
    heard = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)
        heard.extend(await reader.read())
        writer.close()
        await writer.wait_closed()

    async def work() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server, relaying() as (relay, _):
            relay.pass_to(*server.sockets[0].getsockname())
            reader, writer = await asyncio.open_connection(*relay._listeners[0].getsockname())
            writer.write(HANDSHAKE + b"more")
            writer.write_eof()
            assert (await reader.read()).startswith(b"HTTP/1.1 " + status)
            writer.close()
            await writer.wait_closed()
        assert bytes(heard) == (b"more" if status.startswith(b"101") else b"")

    run(work())


CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("field", "body"),
    [
        *((b"Content-Length: %d\r\n" % size, b"b" * size) for size in (0, 4, 100_000)),
        (CHUNKED, b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n"),
        (CHUNKED, b"186a0\r\n%b\r\n0\r\n\r\n" % (b"b" * 100_000)),
    ],
    ids=["none", "short", "long", "chunks", "a long chunk"],
)
def test_nothing_follows_a_request(field: bytes, body: bytes) -> None:
    """A server may go on with the connection all the same, and nobody has let in a second one."""
    heard = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        heard.extend(await reader.readexactly(len(body)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(100):
                heard.extend(data)
        writer.close()

    async def work() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server, relaying() as (relay, ask):
            relay.pass_to(*server.sockets[0].getsockname())
            head = b"POST / HTTP/1.1\r\n%b\r\n" % field
            answer = await ask(head + body + GET % b"/second")
            assert answer.startswith(b"HTTP/1.1 200 OK")
        assert bytes(heard) == body

    run(work())


@pytest.mark.parametrize("body", [b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_request_with_a_body_is_no_handshake(body: bytes) -> None:
    """Its body is passed on at once, and its connection ends with the answer."""
    head = HANDSHAKE[:-2] + body + b"\r\n"
    assert not is_handshake(head)
    assert passed_on(head, "127.0.0.1", PROXIES).endswith(b"\r\n" + END)


@contextlib.asynccontextmanager
async def waiting() -> AsyncIterator[tuple[str, int]]:
    """Serve nobody: all is taken, and nothing is said."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(OSError):
            while await reader.read(100_000):
                pass

    talking: set[asyncio.Task[None] | None] = set()
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()
    await asyncio.gather(*filter(None, talking))


@pytest.mark.parametrize("field", [b"Content-Length: 5000\r\n", CHUNKED])
@pytest.mark.parametrize("piece", [b"", b"1\r\na\r\n"], ids=["nothing", "a byte at a time"])
def test_who_does_not_send_its_body_in_time_holds_no_place(field: bytes, piece: bytes) -> None:
    """All of it has to be there within the time of a request, however it comes."""

    async def work() -> None:
        async with waiting() as address, relaying(read_timeout=0.3) as (relay, _):
            relay.pass_to(*address)
            reader, writer = await asyncio.open_connection(*relay._listeners[0].getsockname())
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n" % field)
            answer = asyncio.ensure_future(reader.read())
            while not (await asyncio.wait([answer], timeout=0.02))[0]:
                writer.write(piece)
            assert answer.result().startswith(b"HTTP/1.1 408 ")
            writer.close()
            await writer.wait_closed()

    run(work())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"Content-Length: 11\r\n\r\n", 413),
        (CHUNKED + b"\r\n" + b"5\r\nabcde\r\n" * 2 + b"1\r\na", 413),
        (CHUNKED + b"\r\n5\r\nabcdefgh", 400),
    ],
    ids=["announced", "in chunks", "no chunks"],
)
def test_a_body_that_workers_would_refuse_is_refused(sent: bytes, status: int) -> None:
    """Beyond the most that bodies may have, and where two readers could take it for two."""

    async def work() -> None:
        async with waiting() as address, relaying(max_body=10) as (relay, ask):
            relay.pass_to(*address)
            answer = await ask(b"POST / HTTP/1.1\r\nHost: a\r\n" + sent)
            assert answer.startswith(b"HTTP/1.1 %d " % status)
            assert b"\r\ncontent-type: application/problem+json\r\n" in answer

    run(work())


def test_a_server_that_is_gone_is_told() -> None:
    """The client gets an answer, and no empty one."""

    async def work() -> None:
        async with relaying() as (relay, ask):
            async with echoing() as port:
                pass
            relay.pass_to("127.0.0.1", port)
            assert (await ask(GET % b"/")).startswith(b"HTTP/1.1 502 ")

    run(work())


def test_who_says_nothing_is_let_go() -> None:
    """A head has a deadline, and a client that has gone is not waited for."""

    async def work() -> None:
        async with relaying(read_timeout=0.05) as (relay, ask):
            relay.hold()
            assert await ask(b"GET / HT") == b""

    run(work())


def test_health_is_answered_while_no_more_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes then is told to come again, and nobody who waits is let down."""
    monkeypatch.setattr(relays, "MOST", 2)

    async def work() -> None:
        async with relaying() as (relay, ask), echoing() as port:
            relay.hold()
            waiting = [asyncio.ensure_future(ask(GET % b"/index")) for _ in range(2)]
            await held(relay, 2)
            refused = await ask(GET % b"/index")
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 1\r\n" in refused
            assert (await ask(GET % b"/healthz")).startswith(b"HTTP/1.1 200 OK")
            assert (await ask(GET % b"/readyz")).startswith(b"HTTP/1.1 503 ")
            relay.pass_to("127.0.0.1", port)
            assert all([b"200 OK" in await each for each in waiting])

    run(work())


def test_who_waits_at_the_end_is_told_to_come_again() -> None:
    """Such as by a stop during a restart; nor does anybody wait who asks only then."""

    async def work() -> None:
        async with relaying(read_timeout=0) as (relay, ask):
            relay.hold()
            waiting = asyncio.ensure_future(ask(GET % b"/index"))
            await held(relay, 1)
            reader, writer = await asyncio.open_connection(*relay._listeners[0].getsockname())
            while not relay._silent:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)
            relay.end()
            relay.hold()
            assert b"\r\nretry-after: 1\r\n" in await waiting
            writer.write(GET % b"/readyz")
            assert (await reader.read()).endswith(b'{"status": "draining"}')
            writer.close()
            await writer.wait_closed()
        assert waiting.result().startswith(b"HTTP/1.1 503 ")

    run(work())


def test_what_is_passed_on_goes_on_at_the_end() -> None:
    """However often that is told: whoever answers drains meanwhile."""
    has_come, may_answer = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        has_come.set()
        await may_answer.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async def work() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server, relaying() as (relay, ask):
            relay.pass_to(*server.sockets[0].getsockname())
            asked = asyncio.ensure_future(ask(GET % b"/index"))
            await has_come.wait()
            for _ in range(2):
                relay.end()
                relay.hold()
            may_answer.set()
            assert b"204" in await asked

    run(work())


def test_health_is_answered_while_others_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that ask for nothing give way, and not those that wait for an answer."""
    monkeypatch.setattr(relays, "MOST", 2)

    async def work() -> None:
        async with relaying(read_timeout=0) as (relay, ask), echoing() as port:
            relay.hold()
            waiting = asyncio.ensure_future(ask(GET % b"/index"))
            await held(relay, 1)
            silent = [asyncio.ensure_future(ask(b"")) for _ in range(4)]
            assert await silent[0] == b""
            assert (await ask(GET % b"/healthz")).startswith(b"HTTP/1.1 200 OK")
            relay.pass_to("127.0.0.1", port)
            assert b"200 OK" in await waiting

    run(work())


def test_workers_get_who_has_waited() -> None:
    """Once they accept, nothing is accepted here any more."""

    async def work() -> None:
        async with relaying() as (relay, ask):
            relay.hold()
            waiting = asyncio.ensure_future(ask(GET % b"/index"))
            await held(relay, 1)
            relay.leave_to_workers()
            [listener] = relay._listeners
            loop = asyncio.get_running_loop()
            worker, _ = await loop.sock_accept(listener)
            with worker:
                assert b"X-Forwarded-For: 127.0.0.1" in await loop.sock_recv(worker, 1000)
                worker.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            assert b"204" in await waiting

    run(work())


@pytest.mark.parametrize(
    ("head", "client", "passed"),
    [
        (
            b"GET / HTTP/1.1\r\nConnection: keep-alive\r\nX-Forwarded-Proto: https\r\nA: b\r\n\r\n",
            "10.0.0.9",
            b"GET / HTTP/1.1\r\nA: b\r\nConnection: close\r\nX-Forwarded-For: 10.0.0.9\r\n\r\n",
        ),
        (
            b"GET / HTTP/1.1\r\nX-Forwarded-Proto: https\r\n\r\n",
            "127.0.0.1",
            b"GET / HTTP/1.1\r\nX-Forwarded-Proto: https\r\n" + END,
        ),
        (
            b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            "127.0.0.1",
            b"GET / HTTP/1.1\r\nUpgrade: h2c\r\n" + END,
        ),
    ],
)
def test_a_head_says_who_the_client_is(head: bytes, client: str, passed: bytes) -> None:
    """And that one answer is all, also for the JDK's client, which asks for HTTP/2 each time."""
    assert passed_on(head, client, PROXIES) == passed


@pytest.mark.parametrize(
    "line",
    [
        *(b"X-Forwarded-Proto: said", b"x-forwarded-host: said", b"X-FORWARDED-PREFIX: /said"),
        *(b"X-Forwarded-Port: said", b"Forwarded: for=said", b"X_Forwarded_Proto: said"),
    ],
)
def test_a_proxy_s_words_are_passed_on(line: bytes) -> None:
    """Of those that the service believes, and of no other."""
    proxies = AddressSet("10.0.0.0/8,192.168.0.1")
    head = b"GET / HTTP/1.1\r\n%b\r\n\r\n" % line
    assert b"said" in passed_on(head, "10.0.0.9", proxies)
    assert b"said" not in passed_on(head, "192.168.0.2", proxies)


def test_the_client_is_added_in_the_words_that_stand_there() -> None:
    """Else those that were there would not be read any more."""
    head = b"GET / HTTP/1.1\r\nForwarded: for=1.2.3.4;proto=https\r\n\r\n"
    assert b"\r\nForwarded: for=127.0.0.1\r\n" in passed_on(head, "127.0.0.1", PROXIES)
    assert b'\r\nForwarded: for="[::1]"\r\n' in passed_on(head, "::1", PROXIES)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nX-Forwarded-Proto: https\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Forwarded-Proto : https\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
    ],
)
def test_an_unclear_head_is_refused(head: bytes) -> None:
    """What it hides would be believed, since it comes from us."""

    async def work() -> None:
        async with relaying() as (relay, ask), echoing() as port:
            relay.pass_to("127.0.0.1", port)
            assert (await ask(head)).startswith(b"HTTP/1.1 400 Bad Request\r\n")

    run(work())


def test_who_is_passed_on_to_a_server_that_says_nothing_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Such as one that speaks TLS itself; the log says so once in a while."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def work() -> None:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        async with server, relaying() as (relay, ask):
            relay.pass_to("127.0.0.1", server.sockets[0].getsockname()[1])
            for _ in range(3):
                assert (await ask(GET % b"/")).startswith(b"HTTP/1.1 502 ")

    run(work())
    assert caplog.text.count("without an answer") == 1


def test_words_of_tls_are_not_waited_for() -> None:
    """They have no end that a head has, so a client would wait until it is too late."""

    async def work() -> None:
        async with relaying(read_timeout=60) as (relay, ask):
            relay.hold()
            assert await ask(b"\x16\x03\x01\x02\x00") == b""

    run(work())


def test_how_a_client_came_is_passed_on() -> None:
    """In the words that stand there, unless a proxy that is believed has said it."""
    plain = b"GET / HTTP/1.1\r\n%b\r\n"
    said = passed_on(plain % b"", "10.0.0.1", PROXIES, is_tls=True)
    assert b"X-Forwarded-Proto: https\r\n" in said
    said = passed_on(plain % b"Forwarded: for=1.2.3.4\r\n", "127.0.0.1", PROXIES, is_tls=True)
    assert b"Forwarded: for=127.0.0.1;proto=https\r\n" in said
    given = plain % b"X-Forwarded-Proto: http\r\n"
    assert b"https" not in passed_on(given, "127.0.0.1", PROXIES, is_tls=True)
    assert b"Proto: https" in passed_on(given, "10.0.0.1", PROXIES, is_tls=True)


def test_a_long_head_is_refused() -> None:
    """By the limit of the workers, and by their status."""

    async def work() -> None:
        async with relaying(max_header=1024) as (relay, ask):
            relay.hold()
            assert (await ask(GET % (b"/" * 2000))).startswith(b"HTTP/1.1 431 ")

    run(work())


@contextlib.asynccontextmanager
async def answering(size: int) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Answer with so many bytes and end; give the port, and what tells that it has ended."""
    has_ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(bytes(size))
            writer.close()
            await writer.wait_closed()
        has_ended.set()

    async with await asyncio.start_server(talk, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1], has_ended


def test_a_slow_client_gets_all_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server has sent is not cut by its end, however late it is taken."""
    monkeypatch.setattr(relays, "_END_WITHIN", 0.0)

    async def work() -> None:
        async with relaying() as (relay, _), answering(40_000) as (port, has_ended):
            relay.pass_to("127.0.0.1", port)
            [listener] = relay._listeners
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect(listener.getsockname())
                client.sendall(GET % b"/")
                client.setblocking(False)
                await has_ended.wait()
                for _ in range(100):
                    await asyncio.sleep(0)
                got = 0
                while data := await asyncio.get_running_loop().sock_recv(client, 1000):
                    got += len(data)
                assert got == 40_000

    run(work())


def test_a_client_that_takes_nothing_is_cut() -> None:
    """It would have one of the places for ever."""

    async def work() -> None:
        async with (
            relaying(write_timeout=0.05) as (relay, _),
            answering(8 * 1024 * 1024) as (port, _),
        ):
            relay.pass_to("127.0.0.1", port)
            with socket.create_connection(relay._listeners[0].getsockname()) as client:
                client.sendall(GET % b"/")
                await held(relay, 1)
                while relay._tasks:  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0)

    run(work())
