"""The ASGI worker's server: limits, slow clients, health, and a drain that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from support import until, until_forgotten
from support.prediction_apps import app_of

from runner.config import Limits
from runner.http.access_log import AccessLog
from runner.http.app_protocol import AppProtocol
from runner.http.example_request import Example
from runner.http.server import AsgiServer

Serve = Callable[..., "Served"]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer the length of the body; ``/error`` never well."""
    if scope["type"] == "lifespan":
        scope["state"]["greeting"] = "hello"
        await answer_lifespan(receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message["more_body"]
    if scope["path"] == "/error":
        raise ValueError("secret")
    if scope["path"] == "/events":
        await stream(receive, send)
        return
    if scope["path"] == "/large":
        await respond(send, b"x" * 50_000_000)
        return
    await respond(send, json.dumps([len(body), scope["state"]["greeting"]]).encode())


async def answer_lifespan(receive: Any, send: Any) -> None:
    for phase in ("startup", "shutdown"):
        assert (await receive())["type"] == f"lifespan.{phase}"
        await send({"type": f"lifespan.{phase}.complete"})


async def stream(receive: Any, send: Any) -> None:
    """Send events until the client goes, and return without an end."""
    gone = asyncio.ensure_future(receive())
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while not gone.done():
        await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
        await asyncio.wait([gone], timeout=0.02)
    assert gone.result() == {"type": "http.disconnect"}


async def respond(send: Any, content: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


class Gated:
    """Answer as `app` does, ``/slow`` when the test lets it."""

    def __init__(self) -> None:
        self.open = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") == "/slow":
            await asyncio.to_thread(self.open.wait, 10)
        await app(scope, receive, send)


class Served:
    """A server in a thread, on a listener of its own."""

    def __init__(self, served: Any = app, log: AccessLog | None = None, **limits: Any) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.server = AsgiServer(served, Limits(**{"linger": 0.2, **limits}), log)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.server.run, args=(self.ready.set,), daemon=True)
        self.thread.start()
        assert self.ready.wait(10)
        self.server.accept(self.listener)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def ask(self, path: str = "/", body: bytes | None = b"abc", method: str = "POST") -> Any:
        connection = self.connect()
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def raw(self, *parts: bytes) -> bytes:
        """Send bytes as they are; give all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            for part in parts:
                client.sendall(part)
            return all_of(client)

    def end(self) -> None:
        self.server.drain()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[Served] = []

    def start(*given: Any, **limits: Any) -> Served:
        started.append(Served(*given, **limits))
        return started[-1]

    yield start
    for served in started:
        served.end()


def all_of(client: socket.socket) -> bytes:
    """Read until the server closes."""
    return b"".join(iter(lambda: client.recv(65536), b""))


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: x", *lines, b"", b""])


def test_an_app_is_served_with_its_lifespan(serve: Serve) -> None:
    """What the app set up at its start is there for each request."""
    status, headers, content = serve().ask()
    assert (status, json.loads(content)) == (200, [3, "hello"])
    assert headers["date"]


def test_an_app_without_lifespan_works(serve: Serve) -> None:
    """An app that knows only http is an app."""

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await respond(send, b"ok")

    assert serve(bare).ask()[2] == b"ok"


def test_an_error_is_a_500_without_its_text(serve: Serve) -> None:
    """The client learns nothing of the inside, and the server goes on."""
    served = serve()
    status, _, content = served.ask("/error")
    assert status == 500
    assert b"secret" not in content
    assert served.ask()[0] == 200


def test_health_is_answered_before_the_app(serve: Serve) -> None:
    """Alive and ready, as JSON; other methods are the app's."""
    served = serve()
    assert served.ask("/healthz", None, "GET")[2] == b'{"status": "alive"}'
    assert served.ask("/readyz", None, "GET")[2] == b'{"status": "ready"}'
    assert json.loads(served.ask("/healthz")[2]) == [3, "hello"]


def test_an_empty_health_path_belongs_to_the_app(serve: Serve) -> None:
    """An author whose app has a /healthz of its own keeps it."""
    served = serve(health_path="")
    assert json.loads(served.ask("/healthz", None, "GET")[2]) == [0, "hello"]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_large_body_is_413(serve: Serve, is_chunked: bool) -> None:
    """Announced or not, a body beyond the bound is refused and the answer can be read."""
    served = serve(max_body=1000)
    assert served.ask(body=b"x" * 1000)[0] == 200
    body: Any = iter([b"x" * 700] * 2000) if is_chunked else b"x" * 1_400_000
    try:
        assert served.ask(body=body)[0] == 413
    except (BrokenPipeError, ConnectionResetError):  # http.client gives up reading while it sends
        assert is_chunked
    assert served.ask()[0] == 200


@pytest.mark.parametrize("in_parts", [False, True])
def test_large_headers_are_431(serve: Serve, in_parts: bool) -> None:
    """Whole or in pieces that never end."""
    served = serve(max_header=1000)
    fields = [b"X-%d: %s" % (number, b"y" * 100) for number in range(20)]
    text = head(*fields)
    parts = [text[:900], text[900:1800]] if in_parts else [text]
    assert served.raw(*parts).startswith(b"HTTP/1.1 431 ")
    assert served.ask()[0] == 200


@pytest.mark.parametrize("text", [b"POST / HTTP/1.1\r\nX: ", head(b"Content-Length: 9999")])
def test_a_slow_request_is_cut(serve: Serve, text: bytes) -> None:
    """A client that stops in the middle, or drips, does not hold its place for ever."""
    served = serve(read_timeout=0.3)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(text)
        answer = drip(client)
    assert answer.startswith(b"HTTP/1.1 408 ")


def drip(client: socket.socket) -> bytes:
    """Send a byte at a time until the server answers."""
    client.settimeout(0.05)
    for _ in range(100):
        try:
            return client.recv(65536)
        except TimeoutError:
            client.sendall(b"x")
    raise AssertionError("never answered")


def test_a_silent_connection_is_closed(serve: Serve) -> None:
    """Nothing was asked, so nothing is answered."""
    assert serve(read_timeout=0.2).raw() == b""


def test_an_idle_connection_is_closed(serve: Serve) -> None:
    """After an answer, a connection is kept for a while only."""
    served = serve(keep_alive=0.2)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(head(b"Content-Length: 0"))
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert client.recv(65536) == b""


def test_a_client_that_does_not_read_is_cut(serve: Serve) -> None:
    """An answer that makes no progress ends the connection."""
    served = serve(write_timeout=0.2)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(b"POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert client.recv(1)
        until(lambda: not served.server.state.connections, 10)


def test_too_many_at_once_are_503(serve: Serve) -> None:
    """Beyond the bound the answer is to come back later; health is still answered."""
    gated = Gated()
    served = serve(gated, max_concurrency=1)
    slow = threading.Thread(target=served.ask, args=("/slow",))
    slow.start()
    until(lambda: served.server.state.tasks, 5)
    status, headers, _ = served.ask()
    assert (status, headers["Retry-After"]) == (503, "1")
    assert served.ask("/healthz", None, "GET")[0] == 200
    gated.open.set()
    slow.join()
    assert served.ask()[0] == 200


@pytest.mark.parametrize(
    "text",
    [
        b"\x00\x01\r\n\r\n",
        head(b"Content-Length: x"),
        head(b"Content-Length: -1"),
        head(b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n",
        head(b"Content-Length: 3", b"Content-Length: 4") + b"abcd",
    ],
)
def test_what_is_no_http_is_400(serve: Serve, text: bytes) -> None:
    """Nonsense and smuggling are refused in JSON, and the connection ends."""
    answer = serve().raw(text)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"status": 400, "detail": "' in answer


def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    """Two at once on one connection."""
    first, second = (
        head(b"Content-Length: 1") + b"a",
        head(b"Content-Length: 2", b"Connection: close") + b"ab",
    )
    answer = serve().raw(first + second)
    assert answer.index(b'[1, "hello"]') < answer.index(b'[2, "hello"]')


def test_a_refused_request_ends_its_pipeline(serve: Serve) -> None:
    """What follows a refused request on its connection is not executed."""
    served = serve(max_body=10)
    answer = served.raw(head(b"Content-Length: 11") + b"x" * 11 + head(b"Content-Length: 1") + b"a")
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_drain_answers_what_is_in_flight(serve: Serve) -> None:
    """The answer comes, and says that the connection ends, long before the linger is over."""
    gated = Gated()
    served = serve(gated, linger=1000)
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(served.ask("/slow")))
    slow.start()
    until(lambda: served.server.state.tasks, 5)
    (connection,) = served.server.state.connections
    served.server.drain()
    until(lambda: not connection.exchange.keep_alive, 5)
    gated.open.set()
    served.end()
    slow.join()
    assert answers[0][0] == 200
    assert answers[0][1]["Connection"] == "close"


def test_a_drain_answers_kept_connections_once_more(serve: Serve) -> None:
    """A client that does not know yet gets its answer, and ``Connection: close`` with it."""
    served = serve(linger=5)
    connection = served.connect()
    connection.request("POST", "/", b"a")
    assert connection.getresponse().read()
    served.server.drain()
    until(lambda: served.server.is_draining, 5)
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (503, "close")
    answer.read()
    connection.close()


def test_a_drain_accepts_nobody_new(serve: Serve) -> None:
    """The listener is closed: new connections are another process's."""
    served = serve(linger=2)
    kept = served.connect()
    kept.request("POST", "/", b"a")
    kept.getresponse().read()
    served.server.drain()
    until(lambda: served.server.is_draining, 5)
    with pytest.raises(OSError, match=r"refused|reset"):
        until(lambda: served.ask() and False, 5)
    kept.close()


def test_an_app_of_ours_learns_of_the_drain(serve: Serve) -> None:
    """So it can say that it is not ready, on a path of its own."""

    class Own(AppProtocol):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await app(scope, receive, send)

    own = Own()
    served = serve(own)
    assert not own.is_draining
    served.server.drain()
    until(lambda: own.is_draining, 5)


def test_a_drain_without_clients_is_quick(serve: Serve) -> None:
    """Nobody is waited for who is not there."""
    served = serve(linger=1000)
    served.end()  # within its own deadline


def test_a_request_that_never_ends_does_not_stop_a_drain(serve: Serve) -> None:
    """After the deadline it is cut."""
    served = serve(drain_timeout=0.2)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(head(b"Content-Length: 9"))
        until(lambda: served.server.state.tasks, 5)
        served.end()


def test_an_example_is_answered_before_ready() -> None:
    """An app that fails its example never becomes ready; the reason says what it answered."""
    ready: list[bool] = []
    good = AsgiServer(app, Limits(), None, [Example(body=b"abc")])
    threading.Thread(target=good.run, args=(lambda: ready.append(True),), daemon=True).start()
    until(lambda: ready, 5)
    good.drain()

    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 422, "headers": []})
        await send({"type": "http.response.body", "body": b"no such field"})

    bad = AsgiServer(refuses, Limits(), None, [Example(body=b"abc")])
    with pytest.raises(RuntimeError, match="answered with 422: no such field"):
        bad.run(lambda: ready.append(False))
    assert ready == [True]


@pytest.mark.parametrize("is_broken_off", [False, True])
@pytest.mark.parametrize("asks", [False, True])
def test_a_connection_that_ended_is_forgotten_at_once(
    serve: Serve, *, asks: bool, is_broken_off: bool
) -> None:
    """Not only when the collector comes by: a worker would grow with each wave of clients."""
    served = serve()
    client = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    until(lambda: len(served.server.state.connections) == 1, 5)
    if asks:
        client.sendall(head(b"Content-Length: 1") + b"a")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    until_forgotten(served.server, client, is_broken_off=is_broken_off)


def test_the_access_log_has_a_line_for_each_request(serve: Serve) -> None:
    """Client, method, path, status, time, id; control characters cannot forge a line."""
    read, write = os.pipe()
    log = AccessLog(write)
    served = serve(app, log)
    served.ask("/a%0Ab?x=1")
    served.ask("/error")
    served.end()  # a request is logged behind its answer
    log.close()
    lines = os.read(read, 65536).decode().splitlines()
    os.close(read)
    os.close(write)
    assert [line.split(maxsplit=1)[1].rsplit(" ", 3)[0] for line in lines] == [
        "INFO    127.0.0.1 POST /a\\nb 200",
        "ERROR   127.0.0.1 POST /error 500",
    ]


def test_the_access_log_has_what_a_named_proxy_says(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client, and the prefix in front of the path; the health path stands below it."""
    monkeypatch.setenv("RUNNER_TRUSTED_PROXIES", "10.0.0.0/8")
    read, write = os.pipe()
    log = AccessLog(write)
    served = serve(app, log)
    lines = b"Host: h\r\nX-Forwarded-For: 1.2.3.4, 10.0.0.7\r\nX-Forwarded-Prefix: /m\r\n"
    end = b"Connection: close\r\n\r\n"
    assert b"alive" in served.raw(b"GET /healthz HTTP/1.1\r\n" + lines + end)
    assert b"alive" not in served.raw(b"GET /m/healthz HTTP/1.1\r\n" + lines + end)
    served.end()  # a request is logged behind its answer
    log.close()
    said = os.read(read, 65536).decode()
    os.close(read)
    os.close(write)
    assert said.count("1.2.3.4 GET /m/healthz 200") == 1
    assert said.count("1.2.3.4 GET /m/m/healthz 200") == 1


def test_a_drain_ends_a_stream_cleanly(serve: Serve) -> None:
    """After the linger the app is told, and what it has begun gets its last chunk."""
    served = serve(drain_timeout=30)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = client.recv(65536)
        served.server.drain()
        while block := client.recv(65536):
            answer += block
    assert answer.endswith(b"data: x\n\n\r\n0\r\n\r\n")


def test_a_client_that_does_not_read_what_it_pipelines_is_cut(serve: Serve) -> None:
    """It has the write timeout, however many answers it asked for."""
    served = serve(write_timeout=0.3, keep_alive=0.5)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.settimeout(0.2)
        with contextlib.suppress(OSError):
            client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 700)
        client.settimeout(10)
        assert client.recv(1)
        until(lambda: not served.server.state.connections, 10)


def test_empty_lines_do_not_prolong_a_connection(serve: Serve) -> None:
    """Nothing is begun by them, so the time of an idle connection goes on."""
    served = serve(keep_alive=0.3)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(head(b"Content-Length: 0"))
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        client.settimeout(0.05)
        for _ in range(200):
            try:
                assert client.recv(65536) == b""
                return
            except TimeoutError:
                client.sendall(b"\r\n")
            except ConnectionError:  # closed as the line was on its way
                return
    raise AssertionError("never closed")


def test_what_is_pipelined_is_not_read_without_end(serve: Serve) -> None:
    """What comes behind a request waits in the network, not in our memory."""
    served = serve(gated := Gated())
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        client.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" * 200_000)
        (connection,) = served.server.state.connections
        assert len(connection.unread) < 1_000_000
        assert served.server.state.in_flight == 1
    gated.open.set()


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_body_behind_an_upgrade_is_a_body(
    serve: Serve, upgrade: bytes, *, is_chunked: bool
) -> None:
    """Never the next request, however late it comes."""
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    framing = b"Content-Length: %d" % len(smuggled)
    body = smuggled
    if is_chunked:
        framing = b"Transfer-Encoding: chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(smuggled), smuggled)
    asked = [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + upgrade, b"HTTP2-Settings: A"]
    served = serve()
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(head(*asked, framing))
        until(lambda: served.server.state.in_flight, 5)
        client.sendall(body + head(b"Content-Length: 1", b"Connection: close") + b"a")
        answer = all_of(client)
    assert answer.count(b"HTTP/1.1 200 OK") == answer.count(b"HTTP/1.1") == 2
    assert b'[%d, "hello"]' % len(smuggled) in answer
    assert b"alive" not in answer


def test_the_jdk_s_client_gets_its_answer(serve: Serve) -> None:
    """It asks for h2c with each first request."""
    answer = serve().raw(
        b"GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings, close\r\nContent-Length: 0\r\n"
        b"Host: localhost\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
        b"Upgrade: h2c\r\nUser-Agent: Java-http-client/21\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (400, head(b"TE: gzip, chunked")),
        (501, head(b"Transfer-Encoding: gzip, chunked")),
        (400, head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
        (400, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (505, b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
        (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (414, b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 60_000)),
        (431, head(*[b"X-%d: y" % number for number in range(300)])),
        (501, b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ],
)
def test_what_is_unclear_is_refused(serve: Serve, status: int, text: bytes) -> None:
    """Whoever stands between may read it otherwise."""
    answer = serve().raw(text)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert len(answer) < 1_000


def test_a_header_that_would_split_an_answer_is_a_500(serve: Serve) -> None:
    """Nothing of it is sent, nor of what the app sends behind it."""

    async def splits(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"x-city", b"a\r\nSet-Cookie: b=c")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"done"})

    status, headers, content = serve(splits).ask()
    assert (status, headers["Set-Cookie"]) == (500, None)
    assert json.loads(content)["failure"]


def test_uploads_wait_for_room(serve: Serve) -> None:
    """Beyond the bound they are not read; health is answered, and all end."""
    served = serve(max_buffered=400_000, read_timeout=60)
    body = b"x" * 900_000
    answers: list[Any] = []
    clients = []
    for _ in range(6):  # each sends all but the end of its body
        client = socket.create_connection(("127.0.0.1", served.port), timeout=30)
        client.sendall(head(b"Connection: close", b"Content-Length: %d" % len(body)))
        sending = threading.Thread(target=client.sendall, args=(body[:-1],), daemon=True)
        sending.start()
        clients.append((client, sending))
    buffers = served.server.state.buffers
    until(lambda: buffers.held >= 400_000, 10)
    assert served.ask("/healthz", None, "GET")[0] == 200
    assert buffers.held < 400_000 + 900_000 + 6 * 262_144
    for client, sending in clients:
        sending.join(30)
        client.sendall(b"x")
        answers.append(all_of(client))
        client.close()
    assert all(b"[900000," in answer for answer in answers)
    until(lambda: buffers.held == 0, 5)


def test_idle_connections_make_room(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """At the bound the one that has been idle longest ends, and the log says so."""
    served = serve(max_connections=3)
    with contextlib.ExitStack() as opened:
        clients = []
        for count in range(1, 4):
            client = socket.create_connection(("127.0.0.1", served.port), timeout=10)
            clients.append(opened.enter_context(client))
            until(lambda count=count: len(served.server.state.connections) == count, 5)
            time.sleep(0.01)  # the loop tells times apart by milliseconds
        assert served.ask()[0] == 200
        assert clients[0].recv(1) == b""
        assert "3 connections are open" in caplog.text


def test_beyond_the_bound_who_comes_is_refused(serve: Serve) -> None:
    """If nobody is idle: those who are served go on."""
    served = serve(max_connections=1)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(head(b"Content-Length: 2") + b"a")
        until(lambda: served.server.state.in_flight, 5)
        assert served.raw().startswith(b"HTTP/1.1 503 ")
        client.sendall(b"b")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_the_app_does_not_read_is_dropped(serve: Serve) -> None:
    """The connection goes on behind it, however large it is."""

    async def hasty(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await respond(send, b"done")

    served = serve(hasty)
    connection = served.connect()
    for _ in range(2):
        connection.request("POST", "/", b"x" * 1_000_000)
        assert connection.getresponse().read() == b"done"
    connection.close()


def test_who_goes_amid_a_body_is_no_error_of_the_app(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Starlette raises what the author of the app did not catch: a client did it."""

    async def read(request: Request) -> Response:
        return Response(await request.body())

    caplog.set_level(logging.INFO, logger="runner")
    served = serve(Starlette(routes=[Route("/", read, methods=["POST"])]))
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        until(lambda: served.server.state.in_flight == 1)
    until(lambda: "did not come whole" in caplog.text)
    assert "ClientDisconnect" in caplog.text
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_what_an_app_raises_then_is_named_and_asked_for_nothing(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Its class is the author's: what that says of itself may fail, or take for ever."""

    class OwnError(Exception):
        def __repr__(self) -> str:
            raise RuntimeError("asked for its text")

    async def raising(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        while (await receive())["type"] != "http.disconnect":
            pass
        raise OwnError

    caplog.set_level(logging.INFO, logger="runner")
    served = serve(raising)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        until(lambda: served.server.state.in_flight == 1)
    until(lambda: "did not come whole, and the app raised OwnError" in caplog.text)


def test_a_stream_that_fails_is_logged_once(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """By who knows what failed; the server only cuts it off."""

    def failing(first: int) -> Iterator[int]:
        yield first
        raise ValueError("secret")

    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"
    said = serve(app_of(failing)).raw(head + b'{"first":1}')
    assert b"the log has it under" in said
    assert not said.endswith(b"0\r\n\r\n")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "secret" in caplog.text
