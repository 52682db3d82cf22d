"""WebSockets of an ASGI app, spoken to by another implementation's client."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import until
from support.recorded import KeepingLog
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.server import ServerProtocol
from websockets.sync.client import ClientConnection, connect

from runner.config import Limits
from runner.http import websocket
from runner.http.server import AsgiServer
from runner.http.wsgi_adapter import WsgiAdapter

PATIENCE = 10


class App:
    """Echo messages, and remember what was received; paths ask for what is special."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.scopes: list[dict[str, Any]] = []
        self.gate = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            if scope["path"] == "/slow":
                await self.gate.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"http"})
        elif scope["type"] == "websocket":
            await self._speak(scope, receive, send)
        else:
            raise ValueError("no lifespan")

    async def _speak(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        if scope["path"] == "/refused":
            await send({"type": "websocket.close"})
            return
        if scope["path"] in ("/denied", "/odd"):
            await send(
                {"type": "websocket.http.response.start", "status": 401, "headers": [(b"a", b"b")]}
            )
            body: Any = b"who?" if scope["path"] == "/denied" else "secret, and no bytes"
            await send({"type": "websocket.http.response.body", "body": body})
            return
        if scope["path"] == "/error":
            raise ValueError("secret")
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": (scope["subprotocols"] or [None])[-1],
                "headers": [(b"x-name", b"value")],
            }
        )
        while (message := await receive())["type"] == "websocket.receive":
            self.received.append(message)
            if message.get("text") == "raise":
                raise ValueError("secret")
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4001, "reason": "as you say"})
                continue
            await send({**message, "type": "websocket.send"})
        self.received.append(message)


class Served:
    """A server in a thread, on a listener of its own."""

    def __init__(self, app: Any, **limits: Any) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.server = AsgiServer(app, Limits(**{"linger": 0.2, "drain_timeout": 5, **limits}))
        ready = threading.Event()
        self.thread = threading.Thread(target=self.server.run, args=(ready.set,), daemon=True)
        self.thread.start()
        assert ready.wait(PATIENCE)
        self.server.accept(self.listener)

    def connect(self, path: str = "/", **options: Any) -> ClientConnection:
        url = f"ws://127.0.0.1:{self.address[1]}{path}"
        return connect(url, open_timeout=PATIENCE, proxy=None, **options)

    def end(self) -> None:
        self.server.drain()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def serve(app: App) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(other: Any = app, **limits: Any) -> Served:
        started.append(Served(other, **limits))
        return started[-1]

    yield start
    for served in started:
        served.end()


def test_messages_go_both_ways(serve: Callable[..., Served], app: App) -> None:
    """Text stays text, bytes stay bytes, in fragments or whole, compressed or not."""
    with serve().connect("/a?b=c") as client:
        for sent in ("text", b"\x00\xff", "", "x" * 200_000):
            client.send(sent)
            assert client.recv(PATIENCE) == sent
        client.send(iter(["in ", "two"]))
        assert client.recv(PATIENCE) == "in two"
        assert client.response is not None
        assert client.response.headers["x-name"] == "value"
        assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
    scope = app.scopes[-1]
    assert (scope["path"], scope["query_string"], scope["scheme"]) == ("/a", b"b=c", "ws")
    until(lambda: app.received[-1]["type"] == "websocket.disconnect")
    assert app.received[-1]["code"] == 1000


def test_a_subprotocol_is_chosen_by_the_app(serve: Callable[..., Served], app: App) -> None:
    """It sees all that are offered."""
    with serve().connect(subprotocols=["one", "two"]) as client:
        assert client.subprotocol == "two"
    assert app.scopes[-1]["subprotocols"] == ["one", "two"]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/refused", 403, b"refused"),
        ("/denied", 401, b"who?"),
        ("/error", 500, b"internal error"),
        ("/odd", 500, b"internal error"),
    ],
)
def test_a_refusal_is_an_answer(
    serve: Callable[..., Served], path: str, status: int, said: bytes
) -> None:
    """403 unless the app gives another, and 500 when it fails; never a word of the inside."""
    with pytest.raises(InvalidStatus) as refused:
        serve().connect(path)
    assert refused.value.response.status_code == status
    assert said in refused.value.response.body
    assert b"secret" not in refused.value.response.body


@pytest.mark.parametrize(("said", "code"), [("close", 4001), ("raise", 1011)])
def test_the_app_ends_it(serve: Callable[..., Served], said: str, code: int) -> None:
    """By the code that it gives, or by 1011 when it fails."""
    with serve().connect() as client:
        client.send(said)
        with pytest.raises(ConnectionClosed):
            client.recv(PATIENCE)
        assert client.close_code == code


def test_a_message_has_a_bound(serve: Callable[..., Served]) -> None:
    """It is that of a body; compressed bytes count as what they become."""
    with serve(max_body=1000).connect(max_size=None) as client:
        client.send("x" * 1001)
        with pytest.raises(ConnectionClosed):
            client.recv(PATIENCE)
        assert client.close_code == 1009


def test_what_is_no_handshake_is_400(serve: Callable[..., Served], app: App) -> None:
    """The app does not hear of it."""
    served = serve()
    with socket.create_connection(served.address, timeout=PATIENCE) as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert client.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert [scope["type"] for scope in app.scopes] == ["lifespan"]


def test_it_is_taken_up_only_for_an_app_that_knows_it(serve: Callable[..., Served]) -> None:
    """For a WSGI app the request is an ordinary one."""

    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"ordinary"]

    with pytest.raises(InvalidStatus) as refused:
        serve(WsgiAdapter(wsgi, 1)).connect()
    assert refused.value.response.status_code == 200
    assert refused.value.response.body == b"ordinary"


@pytest.mark.parametrize("is_broken_off", [False, True])
def test_the_request_log_has_what_both_said(
    serve: Callable[..., Served], *, is_broken_off: bool
) -> None:
    """From the handshake to its end, whoever ends it."""
    served = serve()
    served.server.request_log = log = KeepingLog()
    with served.connect("/a?b=1") as client:
        for said in ("one", b"two"):
            client.send(said)
            assert client.recv() == said
        if is_broken_off:
            client.socket.shutdown(socket.SHUT_RDWR)
    (found,) = until(lambda: log.recorded)
    assert (found.facts["path"], found.status, found.kept.query) == ("/a", 101, b"b=1")
    assert (found.kept.body, found.kept.answer) == (b"one\ntwo\n", b"one\ntwo\n")
    assert found.kept.is_cut is is_broken_off


def test_the_request_log_has_a_failure_that_nobody_had_drawn(serve: Callable[..., Served]) -> None:
    """But nothing of what was said, and none of those that have ended well."""
    served = serve()
    served.server.request_log = log = KeepingLog(rate=0.0)
    for said in ("close", "raise"):
        with served.connect("/a?b=1") as client:
            client.send(said)
            with pytest.raises(ConnectionClosed):
                client.recv()
    (found,) = until(lambda: log.recorded)
    assert (found.status, found.kept.query, found.kept.has_failed) == (101, b"b=1", True)
    assert (found.kept.body, found.kept.answer, found.kept.is_cut) == (b"", None, True)


@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        ("/refused", 403, b"refused"),
        ("/denied", 401, b"who?"),
        ("/error", 500, b"failure"),
        ("/odd", 500, b"failure"),
    ],
)
def test_the_request_log_has_a_refusal(
    serve: Callable[..., Served], path: str, status: int, answer: bytes
) -> None:
    """As any other answer."""
    served = serve()
    served.server.request_log = log = KeepingLog()
    with pytest.raises(InvalidStatus):
        served.connect(path)
    (found,) = until(lambda: log.recorded)
    assert found.status == status
    assert answer in (found.kept.answer or b"")


def test_it_counts_as_a_request_in_flight(serve: Callable[..., Served]) -> None:
    """Beyond the bound 503, as for any other."""
    served = serve(max_concurrency=1)
    with served.connect(), pytest.raises(InvalidStatus) as refused:
        served.connect()
    assert refused.value.response.status_code == 503
    until(lambda: not served.server.state.in_flight)


@pytest.mark.parametrize(("is_replaced", "code"), [(True, 1012), (False, 1001)])
def test_a_drain_closes_it_and_loses_no_request(
    serve: Callable[..., Served], app: App, *, is_replaced: bool, code: int
) -> None:
    """The app is told by which code, and a request in flight beside it is answered."""
    served = serve()
    with (
        served.connect() as client,
        socket.create_connection(served.address, timeout=PATIENCE) as other,
    ):
        other.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: served.server.state.in_flight == 2)
        served.server.drain(is_replaced=is_replaced)
        with pytest.raises(ConnectionClosed):
            client.recv(PATIENCE)
        assert client.close_code == code
        assert app.received[-1]["code"] == code
        loop = served.server._loop
        assert loop is not None
        loop.call_soon_threadsafe(app.gate.set)
        assert other.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_is_gone_is_noticed(serve: Callable[..., Served], app: App) -> None:
    """Without a word of its own it is 1006."""
    client = serve().connect()
    client.socket.close()
    until(lambda: app.received)
    assert app.received[-1]["code"] == 1006


def test_a_silent_client_is_pinged_and_stays(
    serve: Callable[..., Served], app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pong says that it is there, again and again, for longer than it may be silent."""
    pings: list[bytes] = []
    monkeypatch.setattr(ServerProtocol, "send_ping", _noting(ServerProtocol.send_ping, pings))
    with serve(ws_ping_interval=0.05, ws_ping_timeout=1.0).connect() as client:
        until(lambda: len(pings) > 30)
        client.send("still here")
        assert client.recv(PATIENCE) == "still here"


def test_a_client_that_answers_no_ping_is_gone(
    serve: Callable[..., Served], app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app hears of it, and nothing is left of the connection."""
    monkeypatch.setattr(websocket, "_CLOSE_WITHIN", 0.1)
    served = serve(ws_ping_interval=0.1, ws_ping_timeout=0.1)
    with deaf(served):
        until(lambda: app.received)
        assert app.received == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]
        until(lambda: not served.server.state.connections)


def test_whom_the_app_does_not_read_need_not_answer_pings(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pong waits behind what the app has not taken."""
    pings: list[bytes] = []
    monkeypatch.setattr(ServerProtocol, "send_ping", _noting(ServerProtocol.send_ping, pings))
    gate = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.to_thread(gate.wait, PATIENCE)
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": str(len(message["text"]))})

    with serve(app, ws_ping_interval=0.05, ws_ping_timeout=0.05).connect() as client:
        for _ in range(3):
            client.send("x" * 100_000)
        until(lambda: len(pings) > 4)
        gate.set()
        assert [client.recv(PATIENCE) for _ in range(3)] == ["100000"] * 3


def _noting(call: Callable[..., Any], noted: list[bytes]) -> Callable[..., Any]:
    def noting(self: Any, data: bytes) -> None:
        noted.append(data)
        call(self, data)

    return noting


@contextlib.contextmanager
def deaf(served: Served) -> Iterator[socket.socket]:
    """Shake hands, and never read or say anything again."""
    with socket.create_connection(served.address, PATIENCE) as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        yield client
