"""The one thread that calls a WSGI app accepts connections while it has nothing to do."""

from __future__ import annotations

import contextlib
import contextvars
import errno
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Service, until, write_notebook
from support.answers import Client, is_refused
from support.load import Load, answer
from support.served_wsgi import PATIENCE, Served

from runner.http import lent_connection, thread_acceptor
from runner.http.client_link import NEVER
from runner.http.wsgi_connection import WsgiConnection

HEAD = "{} HTTP/1.1\r\nHost: a\r\n{}\r\n"
PIECE = b"x" * 12_000
SET_BY_APP = contextvars.ContextVar("SET_BY_APP", default="")
SIZES = {"/middle": 12_000, "/large": 48_000, "/pieces": 2_400_000}


class App:
    """Say what was asked, and wait in `/wait` until it may go on."""

    def __init__(self) -> None:
        self.goes_on, self.seen = threading.Semaphore(0), list[str]()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        self.seen.append(path)
        SET_BY_APP.set(path)
        if path == "/wait":
            assert self.goes_on.acquire(timeout=PATIENCE)
        body = environ["wsgi.input"].read()
        if path == "/paused":
            start_response("200 OK", [])
            return self.paused()
        if path in SIZES:
            start_response("200 OK", [])
            pieces = [PIECE] * (SIZES[path] // len(PIECE))
            return iter(pieces) if path == "/pieces" else pieces
        start_response("200 OK", [("X-Thread", threading.current_thread().name)])
        return [json.dumps([path, body.decode()]).encode()]

    def paused(self) -> Iterator[bytes]:
        yield PIECE
        assert self.goes_on.acquire(timeout=PATIENCE)
        yield PIECE


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[WsgiConnection]:
    """Those connections that the loop has come to know."""
    known: list[WsgiConnection] = []
    made = WsgiConnection.connection_made

    def connection_made(self: WsgiConnection, transport: Any) -> None:
        known.append(self)
        made(self, transport)

    monkeypatch.setattr(WsgiConnection, "connection_made", connection_made)
    return known


@pytest.fixture
def serve(app: App) -> Iterator[Callable[..., Served]]:
    """Serve by one thread, which accepts by the time that it is asked."""
    started: list[Served] = []

    def start(**limits: Any) -> Served:
        served = Served(app, most_threads=1, **limits)
        started.append(served)
        until(lambda: has_listener(served))
        return served

    yield start
    for _ in range(9):
        app.goes_on.release()
    for served in started:
        served.server.drain()
        served.thread.join(PATIENCE)
        assert not served.thread.is_alive()


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve()


def has_listener(served: Served) -> bool:
    """Tell whether the thread accepts, and waits for somebody."""
    acceptor = served.server._lent_to
    return acceptor is not None and acceptor._is_lent and not acceptor._busy_since


def let_thread_accept(served: Served) -> None:
    """Have it accept again, which begins when somebody has connected and nothing is in hand."""
    until(lambda: has_listener(served) or served.ask(path="/healthz")[0] != 200)


def connected(served: Served, buffer: int = 0) -> Client:
    return Client(served.address[1], buffer)


def answer_of(client: Client) -> tuple[int, bytes]:
    answer = client.receive()
    return answer.status, answer.content  # type: ignore[attr-defined]


def asked(client: Client, path: str, *fields: str, body: bytes = b"") -> tuple[int, bytes]:
    answer = client.ask(path, *fields, method="POST" if body else "GET", body=body)
    return answer.status, answer.content  # type: ignore[attr-defined]


def said(path: str, body: str = "") -> tuple[int, bytes]:
    return 200, json.dumps([path, body]).encode()


@pytest.mark.parametrize("fields", [(), ("Connection: close",)])
def test_a_new_connection_is_the_threads_from_its_begin_to_its_end(
    serve: Callable[..., Served],
    known: list[WsgiConnection],
    fields: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop learns of none that ends behind its answers; each is counted."""
    monkeypatch.setattr(thread_acceptor, "_MOMENT", PATIENCE)  # whatever else the machine does
    monkeypatch.setattr(lent_connection, "_MOMENT", 1000 * PATIENCE)
    served = serve(max_concurrency=1)
    for number in range(20):
        until(lambda: has_listener(served))
        with connected(served) as client:
            assert asked(client, f"/{number}", *fields) == said(f"/{number}")
            if fields:
                assert client.is_ended()
    until(lambda: served.server.requests == 20)
    assert known == []


def test_a_kept_connection_goes_to_the_loop_when_it_waits(
    served: Served, known: list[WsgiConnection]
) -> None:
    """It holds up nobody, and its next request is answered as any."""
    with connected(served) as kept:
        assert asked(kept, "/1") == said("/1")
        until(lambda: len(known) == 1)
        assert served.ask(path="/other")[0] == 200
        assert asked(kept, "/2", "Content-Length: 2", body=b"ab") == said("/2", "ab")


def test_a_silent_connection_holds_up_nobody(
    serve: Callable[..., Served], known: list[WsgiConnection]
) -> None:
    """The loop has it then, with its deadline."""
    served = serve(read_timeout=0.5, keep_alive=2 * PATIENCE)
    with connected(served) as silent:
        until(lambda: len(known) == 1)
        assert served.ask(path="/other")[0] == 200
        assert silent.is_ended()


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /a HT", b"TP/1.1\r\nHost: a\r\n\r\n"],
        [b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\na", b"bc", b"d"],
        [
            b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1\r\na\r\n0\r\n\r\n",
        ],
        [b"\r\nGET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"],
        [b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"],
    ],
    ids=["half a head", "a body in pieces", "chunks", "old", "health"],
)
def test_what_is_not_for_a_thread_is_answered_by_the_loop(
    served: Served, known: list[WsgiConnection], pieces: list[bytes]
) -> None:
    """With all that the thread has read of it; what follows on the connection, too."""
    with connected(served) as client:
        for piece in pieces:
            client.send(piece)
            time.sleep(0.01)  # so that they are not read at once
        assert answer_of(client)[0] == 200
        until(lambda: len(known) == 1)
        assert asked(client, "/b") == said("/b")


def test_requests_that_come_at_once_are_answered_in_their_order(served: Served) -> None:
    """The first by the thread, and what stands behind it by whoever comes to it."""
    with connected(served) as client:
        client.send(b"".join(HEAD.format(f"GET /{n}", "").encode() for n in range(5)))
        assert [answer_of(client) for _ in range(5)] == [said(f"/{n}") for n in range(5)]


@pytest.mark.parametrize("path", SIZES)
@pytest.mark.parametrize("fields", [(), ("Connection: close",)])
def test_an_answer_that_does_not_fit_arrives_whole(
    served: Served, path: str, fields: tuple[str, ...]
) -> None:
    """Of one that comes in pieces, too, and for a client that is slow to read."""
    served.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with connected(served, 4096) as client:
        status, body = asked(client, path, *fields)
        assert (status, len(body)) == (200, SIZES[path])
        if fields:
            assert client.is_ended()
        else:
            assert asked(client, "/b") == said("/b")


def test_who_sends_on_behind_its_last_request_gets_the_answer(served: Served) -> None:
    """To close would reset what is under way."""
    with connected(served, 4096) as client:
        client.send(HEAD.format("GET /large", "Connection: close\r\n").encode())
        until(lambda: served.server.requests == 1)
        for _ in range(3):
            client.send(b"more")
            time.sleep(0.01)
        assert len(answer_of(client)[1]) == SIZES["/large"]


def test_what_the_app_sets_in_its_context_is_not_there_for_what_follows(
    served: Served, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop reads the connection in its own context, whoever has handed it over."""
    found: list[str] = []
    read = WsgiConnection.data_received

    def data_received(self: WsgiConnection, data: bytes) -> None:
        found.append(SET_BY_APP.get())
        read(self, data)

    monkeypatch.setattr(WsgiConnection, "data_received", data_received)
    with connected(served) as client:
        for _ in range(2):
            assert len(asked(client, "/pieces")[1]) == SIZES["/pieces"]
        assert asked(client, "/b") == said("/b")
    assert set(found) == {""}


def test_an_app_that_takes_long_holds_up_no_health_and_no_count(
    serve: Callable[..., Served], app: App
) -> None:
    """The loop accepts and knows of the request in a moment, so that its bounds hold."""
    served = serve(max_concurrency=1)
    with connected(served) as client:
        client.send(HEAD.format("GET /wait", "").encode())
        until(lambda: app.seen == ["/wait"])
        assert served.ask(path="/healthz")[0] == 200
        until(lambda: served.server.state.in_flight == 1)
        assert served.ask(path="/more")[0] == 503
        app.goes_on.release()
        assert answer_of(client) == said("/wait")
        assert asked(client, "/b") == said("/b")
    let_thread_accept(served)
    assert served.server.state.in_flight == 0


def test_what_the_loop_does_not_know_of_yet_is_counted_too(
    serve: Callable[..., Served],
    app: App,
    known: list[WsgiConnection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who asks on a kept connection meanwhile is refused, if there may be no second request."""
    monkeypatch.setattr(thread_acceptor, "_MOMENT", PATIENCE)
    served = serve(max_concurrency=1)
    with connected(served) as kept:
        assert asked(kept, "/a") == said("/a")
        until(lambda: len(known) == 1)
        client = connected(served)
        client.send(HEAD.format("GET /wait", "Connection: close\r\n").encode())
        until(lambda: app.seen == ["/a", "/wait"])
        assert asked(kept, "/b")[0] == 503
        app.goes_on.release()
        assert answer_of(client) == said("/wait")
        client.close()
        assert len(known) == 1


def test_what_the_thread_has_in_hand_is_answered_in_a_drain(served: Served, app: App) -> None:
    """So is who has connected by then; the listener is closed, and both are told of the end."""
    with connected(served) as first, connected(served) as second:
        first.send(HEAD.format("GET /wait", "").encode())
        until(lambda: app.seen == ["/wait"])
        second.send(HEAD.format("GET /second", "").encode())
        served.server.drain()
        until(lambda: len(served.server.state.connections) == 2)
        app.goes_on.release()
        for client, path in ((first, "/wait"), (second, "/second")):
            assert answer_of(client) == said(path)
            assert client.is_ended()
    served.thread.join(PATIENCE)
    assert not served.thread.is_alive()
    assert is_refused(served.address[1])


def test_what_outlasts_a_drain_is_cut(serve: Callable[..., Served], app: App) -> None:
    """Though the thread still has it: the client need not wait for the app."""
    served = serve(drain_timeout=0.2)
    with connected(served) as client:
        client.send(HEAD.format("GET /wait", "").encode())
        until(lambda: app.seen == ["/wait"])
        served.server.drain()
        assert client.is_ended()


def test_what_is_handed_over_in_pieces_has_no_deadline_of_ours(
    served: Served, app: App, known: list[WsgiConnection]
) -> None:
    """The app may take as long as it likes between two of them."""
    with connected(served) as client:
        client.send(HEAD.format("GET /paused", "").encode())
        until(lambda: client.sock.recv(9, socket.MSG_PEEK))
        assert [each.deadline for each in known] == [NEVER]
        app.goes_on.release()
        assert answer_of(client) == (200, 2 * PIECE)


def test_what_is_answered_is_not_refused(served: Served, app: App) -> None:
    """The loop takes it over, though there is no room any more."""
    with connected(served) as client:
        client.send(HEAD.format("GET /wait", "").encode())
        until(lambda: served.server.state.in_flight == 1)
        served.server.state.bound.most = 0
        app.goes_on.release()
        assert answer_of(client) == said("/wait")
        assert asked(client, "/b") == said("/b")


def is_free(address: tuple[str, int]) -> bool:
    """Tell whether nobody listens there, without a connection that would wake who does."""
    try:
        socket.create_server(address).close()
    except OSError:
        return False
    return True


def test_a_thread_that_waits_keeps_no_listener(serve: Callable[..., Served]) -> None:
    """It is closed at once when the server drains, though nobody comes any more."""
    served = serve(linger=PATIENCE)
    with connected(served) as kept:
        assert asked(kept, "/a") == said("/a")
        let_thread_accept(served)
        served.server.drain()
        until(lambda: is_free(served.address))
        assert served.thread.is_alive()


def test_connections_of_the_thread_are_bounded_as_all(serve: Callable[..., Served]) -> None:
    """Those that were kept behind an answer make room for others."""
    served = serve(max_connections=5)
    with contextlib.ExitStack() as opened:
        clients = [opened.enter_context(connected(served)) for _ in range(30)]
        for number, client in enumerate(clients[:4] + clients[10:]):
            with contextlib.suppress(ConnectionError):
                assert asked(client, f"/{number}")[0] in {200, 503}
            assert len(served.server.state.connections) <= 6
        until(lambda: len(served.server.state.connections) <= 5)


def test_one_beyond_the_bound_is_refused_and_ended(serve: Callable[..., Served]) -> None:
    """The thread accepts nobody for whom there is no room; the loop says why."""
    served = serve(max_connections=1, keep_alive=2 * PATIENCE)
    with connected(served) as begun:
        begun.send(b"GET / HT")
        until(lambda: len(served.server.state.connections) == 1)
        with connected(served) as client:
            assert answer_of(client)[0] == 503
            assert client.is_ended()


def test_without_files_the_loop_accepts(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows how to make room; the thread goes on when all is calm."""
    acceptor, tried = served.server._lent_to, list[int]()
    listener = acceptor._listener

    class Scarce:
        def accept(self) -> Any:
            tried.append(1)
            raise OSError(errno.EMFILE, "too many")

        def __getattr__(self, name: str) -> Any:
            return getattr(listener, name)

    monkeypatch.setattr(acceptor, "_listener", Scarce())
    assert served.ask(path="/a")[0] == 200
    assert tried == [1]
    monkeypatch.undo()
    let_thread_accept(served)
    assert served.ask(path="/b")[0] == 200


def test_nobody_gets_what_another_has_asked_for(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever accepts and reads, as often as that changes: in time, whole, and in order."""
    monkeypatch.setattr(thread_acceptor, "_MOMENT", 0.0005)
    monkeypatch.setattr(thread_acceptor, "_CALM", 0.0005)
    served, failures, over = serve(), list[str](), time.monotonic() + 4

    def be_client(number: int) -> None:
        dice, count = random.Random(number), 0
        while time.monotonic() < over:
            with connected(served) as client:
                for _ in range(dice.choice((1, 1, 2, 5))):
                    count += 1
                    fault = one_exchange(client, dice, f"{number}-{count}")
                    if fault:
                        failures.append(fault)
                        return
                    time.sleep(dice.choice((0, 0, 0.001, 0.004)))

    threads = [threading.Thread(target=be_client, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failures == []
    until(lambda: served.server.state.in_flight == 0)


def one_exchange(client: Client, dice: random.Random, name: str) -> str:
    """Ask in one of many ways; say what was wrong with the answer."""
    body = name.encode() * dice.choice((1, 50))
    sized = HEAD.format(f"POST /{name}", f"Content-Length: {len(body)}\r\n").encode()
    chunked = HEAD.format(f"POST /{name}", "Transfer-Encoding: chunked\r\n").encode()
    kind = dice.choice(("whole", "whole", "pieces", "chunked", "two"))
    expected = [said(f"/{name}", body.decode())]
    if kind == "whole":
        client.send(sized + body)
    elif kind == "pieces":
        for piece in (sized[:9], sized[9:], body[:2], body[2:]):
            client.send(piece)
            time.sleep(dice.choice((0, 0.001)))
    elif kind == "chunked":
        client.send(chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    else:
        client.send(sized + body + sized + body)
        expected *= 2
    got = [answer_of(client) for _ in expected]
    return "" if got == expected else f"{kind} {name}: {got}"


WSGI = """
from wsgiref.simple_server import make_server

def app(environ, start_response):
    start_response("200 OK", [])
    return [b"version %d"]

make_server("127.0.0.1", 1, app).serve_forever()
"""


def test_swaps_and_a_stop_lose_no_new_connection(
    tmp_path: Path, start: type[Service], port: int
) -> None:
    """Of those that one run's thread accepts, and the next one's."""

    def save(version: int) -> None:
        write_notebook(tmp_path / "new", WSGI % version).rename(tmp_path / "a.ipynb")

    save(0)
    words = ("--port", str(port), "--reload", "--linger", "0.5")
    service = start("serve", "a.ipynb", *words, cwd=tmp_path)
    until(lambda: answer(port) == "version 0", 60)
    for clients in (1, 3):
        with Load(port, clients) as load:
            for version in (1, 2, 3):
                save(version + 10 * clients)
                until(lambda said=f"version {version + 10 * clients}": answer(port) == said, 60)
        assert len(load.answers) > 50
        assert "" not in load.answers, service.said()
