"""WSGI apps on the one HTTP stack, over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest
from support import HEAVY, loaded_by, until
from support.answers import Client, is_refused
from support.recorded import KeepingLog

from runner.config import Limits
from runner.http import connection, exchange_link
from runner.http.server import AsgiServer
from runner.http.wsgi_adapter import WsgiAdapter

PATIENCE = 30.0


def said(response: Any) -> Any:
    return response.status, json.loads(response.content)


class Records(list[dict[str, Any]]):
    """An access log that keeps what it is told."""

    def add(self, **record: Any) -> None:
        self.append(record)


class Running:
    """A server in a thread."""

    def __init__(self, app: Any, **limits: Any) -> None:
        self.records = Records()
        self.ready = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        bounds = Limits(**limits)
        adapter = WsgiAdapter(app, bounds.max_concurrency)
        self.server = AsgiServer(adapter, bounds, self.records)  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self.server.run, args=(self.ready.set,), daemon=True)
        self.clients: list[Client] = []

    def client(self) -> Client:
        self.clients.append(Client(self.port))
        return self.clients[-1]

    def has_ended(self, seconds: float = PATIENCE) -> bool:
        self.thread.join(seconds)
        return not self.thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """Start servers, and see that each ends."""
    started: list[Running] = []

    def start(app: Any = None, **limits: Any) -> Running:
        running = Running(app or echo, **limits)
        started.append(running)
        running.thread.start()
        assert running.ready.wait(PATIENCE)
        running.server.accept(running.listener)
        return running

    yield start
    for running in started:
        for client in running.clients:
            client.close()
        running.server.drain()
        assert running.has_ended()


def echo(environ: Any, start_response: Any) -> list[bytes]:
    """Answer what arrived."""
    names = ("REQUEST_METHOD", "PATH_INFO", "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_ADDR")
    facts = {name: environ.get(name) for name in names}
    length = environ.get("CONTENT_LENGTH")
    facts["body"] = environ["wsgi.input"].read(int(length)).decode() if length else ""
    facts["thread"] = threading.current_thread().name
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(facts).encode()]


class Gate:
    """An app whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.inside = threading.Semaphore(0)
        self.open = threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.inside.release()
        assert self.open.wait(PATIENCE)
        return echo(environ, start_response)

    def wait_for_one(self) -> None:
        assert self.inside.acquire(timeout=PATIENCE)


def test_a_valid_app_is_served_validly(serve: Callable[..., Running]) -> None:
    """Wsgiref's validator finds no fault with the server, with a body and without."""
    running = serve(validator(echo))
    client = running.client()
    first = client.ask("/a", "Content-Type: t/p", "Content-Length: 3", method="POST", body=b"abc")
    second = client.ask("/b")
    assert first.status == second.status == 200
    facts = json.loads(first.content)  # type: ignore[attr-defined]
    assert facts["body"] == "abc"
    assert (facts["CONTENT_TYPE"], facts["REMOTE_ADDR"]) == ("t/p", "127.0.0.1")


def test_a_connection_takes_many_requests(serve: Callable[..., Running]) -> None:
    """HTTP/1.1 keeps the connection, and ends it when the client says close."""
    running = serve()
    client = running.client()
    assert [client.ask().status for _ in range(5)] == [200] * 5
    assert client.ask("/", "Connection: close").headers["Connection"] == "close"
    assert client.is_ended()


def test_a_connection_is_kept_while_other_clients_come(serve: Callable[..., Running]) -> None:
    """An idle connection, back at the selector, is still good for a request."""
    running = serve(max_concurrency=2)
    clients = [running.client() for _ in range(4)]
    for _ in range(3):
        assert [client.ask().status for client in clients] == [200] * 4


def test_pipelined_requests_are_answered_in_order(serve: Callable[..., Running]) -> None:
    """What was sent ahead is not lost, health checks among it."""
    client = serve().client()
    paths = ["/1", "/healthz", "/2", "/3"]
    client.send(b"".join(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode() for path in paths))
    answers = [said(client.receive())[1] for _ in paths]
    assert [answer.get("PATH_INFO") for answer in answers] == ["/1", None, "/2", "/3"]


def test_head_has_no_body(serve: Callable[..., Running]) -> None:
    """The connection stays in step after a HEAD."""
    client = serve().client()
    assert int(client.ask(method="HEAD").headers["Content-Length"]) > 0
    assert client.ask().status == 200


def test_a_client_that_half_closes_is_answered(
    serve: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has said all may close its sending side at once, on a machine that may be busy."""
    for module in (connection, exchange_link):
        monkeypatch.setattr(module, "HALF_CLOSED", PATIENCE)
    client = serve().client()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    client.sock.shutdown(socket.SHUT_WR)
    assert client.receive().status == 200


def test_continue_is_said_before_the_body(serve: Callable[..., Running]) -> None:
    """A client that asks first is told to go on."""
    client = serve().client()
    head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    client.send(head.encode())
    expected = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert client.sock.recv(len(expected), socket.MSG_WAITALL) == expected
    client.send(b"ab")
    assert said(client.receive())[1]["body"] == "ab"


def test_a_large_body_is_refused_before_it_is_sent(serve: Callable[..., Running]) -> None:
    """A client that asks first is spared the upload."""
    lines = ("Expect: 100-continue", "Content-Length: 11")
    assert serve(max_body=10).client().ask("/", *lines, method="POST").status == 413


def test_chunks_are_decoded(serve: Callable[..., Running]) -> None:
    """The app finds the plain body, with its length."""
    client = serve().client()
    line = "Transfer-Encoding: chunked"
    for _ in range(2):
        answer = client.ask("/", line, method="POST", body=b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        assert said(answer)[1]["body"] == "abc"
        assert said(answer)[1]["CONTENT_LENGTH"] == "3"


def test_a_body_of_many_reads_arrives_whole(serve: Callable[..., Running]) -> None:
    """Megabytes go in and come out, in a connection that is kept."""
    client = serve().client()
    body = b"0123456789abcdef" * 250_000
    for _ in range(2):
        answer = client.ask("/", f"Content-Length: {len(body)}", method="POST", body=body)
        assert said(answer)[1]["body"] == body.decode()


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (400, b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n"),
        (
            400,
            (
                b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            ),
        ),
        (413, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n"),
        (431, b"GET /" + b"x" * 1001),
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (501, b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 1001 + b"\r\n\r\n"),
    ],
)
def test_refusals_are_problems_and_end_the_connection(
    serve: Callable[..., Running], status: int, data: bytes
) -> None:
    """Every error of ours is problem details; the app is not asked; the log has it."""
    running = serve(lambda environ, start_response: 1 / 0, max_body=1000, max_header=1000)
    client = running.client()
    client.send(data)
    answer = client.receive()
    assert said(answer)[0] == said(answer)[1]["status"] == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Connection"] == "close"
    assert client.is_ended()
    until(lambda: [record["status"] for record in running.records] == [status])
    assert running.server.requests == 0


def test_a_refusal_can_be_read_while_sending(serve: Callable[..., Running]) -> None:
    """A client that first sends all of its body, unwanted, still reads why."""
    client = serve(max_body=10).client()
    size = 30_000_000
    answer = client.ask("/", f"Content-Length: {size}", method="POST", body=b"x" * size)
    assert answer.status == 413


def drip(client: Client, data: bytes, seconds: float) -> None:
    """Send byte by byte, and then blanks, until the other side has enough."""
    end = time.monotonic() + seconds
    client.sock.settimeout(0.05)
    for byte in (*data, *b"x" * 100_000):
        if time.monotonic() > end:
            break
        with contextlib.suppress(TimeoutError):
            client.send(bytes([byte]))
            client.sock.recv(1, socket.MSG_PEEK)
            break
    client.sock.settimeout(PATIENCE)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: h\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ],
)
def test_a_dripping_client_is_cut(serve: Callable[..., Running], data: bytes) -> None:
    """The whole request has one deadline: single bytes do not put it off."""
    client = serve(read_timeout=0.5, keep_alive=PATIENCE).client()
    began = time.monotonic()
    drip(client, data, PATIENCE)
    assert client.receive().status == 408
    assert time.monotonic() - began >= 0.5
    assert client.is_ended()


def test_a_slow_second_request_is_cut_too(serve: Callable[..., Running]) -> None:
    """The deadline begins anew with each request of a connection."""
    client = serve(read_timeout=0.5, keep_alive=PATIENCE).client()
    assert client.ask().status == 200
    client.send(b"GET /")
    assert client.receive().status == 408


def test_slow_clients_cost_no_places(serve: Callable[..., Running]) -> None:
    """Idle and half-sent requests, any number, leave all places to whole ones."""
    running = serve(max_concurrency=1)
    for number in range(20):
        running.client().send(b"GET / HT" if number % 2 else b"")
    assert running.client().ask().status == 200


@pytest.mark.parametrize("is_used", [False, True])
def test_an_idle_connection_is_closed(serve: Callable[..., Running], is_used: bool) -> None:
    """After ``keep_alive`` seconds without a request it ends, without an answer."""
    client = serve(keep_alive=0.3, read_timeout=0.3).client()
    began = time.monotonic()
    if is_used:
        assert client.ask().status == 200
    assert client.is_ended()
    assert time.monotonic() - began >= 0.3


def test_empty_lines_do_not_keep_a_connection(serve: Callable[..., Running]) -> None:
    """They are ignored, so they are no sign of life."""
    client = serve(keep_alive=0.5, read_timeout=0.5).client()
    drip_end = time.monotonic() + PATIENCE
    client.sock.settimeout(0.05)
    while time.monotonic() < drip_end:
        with contextlib.suppress(TimeoutError):
            with contextlib.suppress(ConnectionError):  # closed as the line was on its way
                client.send(b"\r\n")
                assert client.sock.recv(1) == b""
            return
    pytest.fail("the connection was kept")


def test_who_takes_nothing_is_cut(serve: Callable[..., Running]) -> None:
    """After ``write_timeout`` without progress the app's thread is free again."""
    closed = threading.Event()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield b"x" * 1_000_000
        finally:
            closed.set()

    running = serve(app, write_timeout=0.3)
    running.client().send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert closed.wait(PATIENCE)


def test_a_slow_reader_gets_all(serve: Callable[..., Running]) -> None:
    """An answer larger than any buffer arrives whole, in one block and in many."""
    size = 20_000_000

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        blocks = [b"x" * (size // 10)] * 10
        return blocks if environ["PATH_INFO"] == "/list" else iter(blocks)

    client = serve(app).client()
    for path in ("/list", "/iterator", "/list"):
        assert len(client.ask(path).content) == size  # type: ignore[attr-defined]


def test_too_many_at_once_are_told_to_come_again(serve: Callable[..., Running]) -> None:
    """Beyond ``max_concurrency``: 503 at once; health is answered still; then there is room."""
    gate = Gate()
    running = serve(gate, max_concurrency=2)
    inside = [running.client() for _ in range(2)]
    for client in inside:
        client.send(b"GET /in HTTP/1.1\r\nHost: h\r\n\r\n")
        gate.wait_for_one()
    beyond = running.client()
    answer = beyond.ask()
    assert said(answer)[1]["detail"] == "too many requests at once"
    assert answer.headers["Retry-After"] == "1"
    assert said(running.client().ask("/healthz")) == (200, {"status": "alive"})
    assert said(running.client().ask("/readyz")) == (200, {"status": "ready"})
    gate.open.set()
    assert [client.receive().status for client in inside] == [200, 200]
    assert running.client().ask().status == 200


def test_one_place_is_enough_for_one_client(serve: Callable[..., Running]) -> None:
    """Who has its answer finds the place free, on a new connection too."""
    running = serve(max_concurrency=1)
    for _ in range(300):
        client = Client(running.port)
        try:
            assert client.ask().status == 200
        finally:
            client.close()


def test_requests_run_side_by_side(serve: Callable[..., Running]) -> None:
    """As many as the limit allows are in the app at the same time."""
    meeting = threading.Barrier(8)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        meeting.wait(PATIENCE)
        return echo(environ, start_response)

    running = serve(app, max_concurrency=8)
    clients = [running.client() for _ in range(8)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert [client.receive().status for client in clients] == [200] * 8


def test_an_error_of_the_app_is_not_the_end(
    serve: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    """500 without a reason for the client, one traceback for us, and on it goes."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/boom":
            raise ValueError("secret")
        return echo(environ, start_response)

    client = serve(app).client()
    assert said(client.ask("/boom"))[1]["detail"] == "internal error"
    assert client.ask().status == 200
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("runner.http.asgi_exchange", logging.ERROR)
    assert "secret" in caplog.text


def test_health_is_answered_before_the_app(serve: Callable[..., Running]) -> None:
    """GET and HEAD of the two paths are ours; POST is the app's."""
    running = serve()
    client = running.client()
    assert said(client.ask("/healthz?x=1")) == (200, {"status": "alive"})
    assert said(client.ask("/readyz")) == (200, {"status": "ready"})
    assert client.ask("/healthz", method="HEAD").status == 200
    assert said(client.ask("/healthz", method="POST"))[1]["PATH_INFO"] == "/healthz"


def test_health_checks_leave_nothing_behind(serve: Callable[..., Running]) -> None:
    """Probes come for ever, each on a connection of its own that it asks us to close."""
    running = serve(linger=PATIENCE * 10, drain_timeout=PATIENCE * 10)
    for _ in range(20):
        client = running.client()
        assert client.ask("/healthz", "Connection: close").status == 200
        assert client.is_ended()
        client.close()
    until(lambda: not running.server.state.connections)


def test_an_empty_health_path_belongs_to_the_app(serve: Callable[..., Running]) -> None:
    """Turned off, the path is like any other."""
    client = serve(health_path="", ready_path="/r").client()
    assert said(client.ask("/healthz"))[1]["PATH_INFO"] == "/healthz"
    assert said(client.ask("/r")) == (200, {"status": "ready"})


@pytest.mark.parametrize("is_pieces", [False, True])
def test_the_request_log_gets_each_exchange(
    serve: Callable[..., Running], *, is_pieces: bool
) -> None:
    """Whether a thread has written the answer, or the loop did it for a thread."""

    def app(environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"].read()
        start_response("502 Bad", [("Content-Type", "text/plain"), ("Set-Cookie", "t0p")])
        return (piece for piece in (b"got ", body)) if is_pieces else [b"got ", body]

    running = serve(app)
    running.server.request_log = log = KeepingLog(rate=0.0)
    client = running.client()
    lines = ("Content-Length: 1", "Content-Type: text/plain", "Authorization: t0p")
    for number in (b"1", b"2"):
        client.ask("/a%20b?c=1", *lines, method="POST", body=number)
    first, second = until(lambda: log.recorded if len(log.recorded) == 2 else None)
    assert (first.kept.body, first.kept.answer) == (b"1", b"got 1")
    assert (second.kept.body, second.kept.answer) == (b"2", b"got 2")
    assert first.kept.fields == [(b"content-type", b"text/plain")]
    assert first.kept.answer_fields == [(b"content-type", b"text/plain")]
    assert (first.kept.query, first.kept.is_cut) == (b"c=1", False)
    assert first.facts["seconds"] >= 0
    assert {key: first.facts[key] for key in ("method", "path", "status")} == {
        "method": "POST",
        "path": "/a b",
        "status": 502,
    }


def test_the_log_gets_one_record_per_answer(serve: Callable[..., Running]) -> None:
    """With what was asked, without the query, which may hold secrets."""
    running = serve()
    client = running.client()
    client.ask("/a%20b?secret")
    (record,) = until(lambda: running.records)
    assert record["seconds"] >= 0
    assert record == {
        "method": "GET",
        "path": "/a b",
        "status": 200,
        "seconds": record["seconds"],
        "client": "127.0.0.1",
        "scheme": "http",
        "key_name": "",
        "trace": record["trace"],
    }
    assert running.server.requests == 1


def test_without_threads_it_says_so(
    serve: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the system gives us no thread, the client may come again, and is served then."""
    running = serve(max_concurrency=2)
    with monkeypatch.context() as patch:
        scarce = RuntimeError("can't start new thread")
        patch.setattr(threading.Thread, "start", lambda thread: (_ for _ in ()).throw(scarce))
        assert running.client().ask().status == 503
    assert running.client().ask().status == 200


def test_nothing_is_accepted_before_it_is_allowed(serve: Callable[..., Running]) -> None:
    """A client that connects early waits, and is answered by the first who accepts."""
    running = serve()
    with socket.create_server(("127.0.0.1", 0)) as second:
        client = Client(second.getsockname()[1])
        running.clients.append(client)
        client.send(b"GET /early HTTP/1.1\r\nHost: h\r\n\r\n")
        running.server.accept(second.dup())
        assert said(client.receive())[1]["PATH_INFO"] == "/early"


def test_a_drain_of_an_idle_server_ends_it_at_once(serve: Callable[..., Running]) -> None:
    """With nobody connected there is nothing to wait for; the listener is closed."""
    running = serve(linger=PATIENCE * 10, drain_timeout=PATIENCE * 10)
    assert running.client().ask("/", "Connection: close").status == 200
    running.server.drain()
    running.server.drain()
    assert running.has_ended()
    assert is_refused(running.port)


def test_a_drain_before_the_start_ends_it(serve: Callable[..., Running]) -> None:
    """Whoever drains early is not forgotten."""
    server = AsgiServer(WsgiAdapter(echo, 1), Limits(linger=0.1))
    server.drain()
    server.run(lambda: None)
    assert server.is_draining


def test_a_drain_answers_what_is_in_flight(serve: Callable[..., Running]) -> None:
    """The request in the app is answered, with ``Connection: close``; then the server ends."""
    gate = Gate()
    running = serve(gate, linger=0.1, drain_timeout=PATIENCE)
    client = running.client()
    client.send(b"GET /in HTTP/1.1\r\nHost: h\r\n\r\n")
    gate.wait_for_one()
    running.server.drain()
    until(lambda: is_refused(running.port))
    until(lambda: not any(each.exchange.keep_alive for each in running.server.state.connections))
    gate.open.set()
    answer = client.receive()
    assert (answer.status, answer.headers["Connection"]) == (200, "close")
    assert client.is_ended()
    assert running.has_ended()


def test_a_drain_answers_kept_connections_for_a_while(serve: Callable[..., Running]) -> None:
    """A request that comes during the linger is answered; readiness says that we drain."""
    running = serve(linger=PATIENCE, drain_timeout=PATIENCE)
    used, fresh, probe = (running.client() for _ in range(3))
    assert used.ask().status == probe.ask().status == 200
    assert said(fresh.ask("/healthz"))[0] == 200
    running.server.drain()
    until(lambda: is_refused(running.port))
    for client in (used, fresh):
        answer = client.ask()
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        assert client.is_ended()
    assert running.thread.is_alive()
    assert said(probe.ask("/readyz")) == (503, {"status": "draining"})
    assert probe.is_ended()
    assert running.has_ended(PATIENCE / 2)


def test_the_linger_ends(serve: Callable[..., Running]) -> None:
    """Connections that stay idle are closed after ``linger`` seconds, not before."""
    running = serve(linger=0.5, keep_alive=PATIENCE * 10, drain_timeout=PATIENCE * 10)
    client = running.client()
    assert client.ask().status == 200
    idle_until = time.monotonic() + 0.6  # what counts is the drain, not the last answer
    until(lambda: time.monotonic() > idle_until)
    began = time.monotonic()
    running.server.drain()
    assert client.is_ended()
    assert time.monotonic() - began >= 0.5
    assert running.has_ended()


def test_a_drain_is_bounded(serve: Callable[..., Running]) -> None:
    """An app that does not end in ``drain_timeout`` seconds is left behind, its client cut."""
    gate = Gate()
    running = serve(gate, linger=0.1, drain_timeout=0.5)
    client = running.client()
    client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    gate.wait_for_one()
    began = time.monotonic()
    running.server.drain()
    assert running.has_ended()
    assert time.monotonic() - began >= 0.5
    assert client.is_ended()
    gate.open.set()


def test_no_request_is_lost_in_a_drain(serve: Callable[..., Running]) -> None:
    """Clients that keep asking, on kept connections, get every answer, then go elsewhere."""
    running = serve(linger=PATIENCE, drain_timeout=PATIENCE)
    failures: list[BaseException] = []
    answered = threading.Semaphore(0)

    def ask_on() -> None:
        try:
            client = Client(running.port)
            with contextlib.closing(client):
                while (answer := client.ask()).headers["Connection"] != "close":
                    assert answer.status == 200
                    answered.release()
                assert answer.status == 200
        except (OSError, http.client.HTTPException, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=ask_on) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(400):
        assert answered.acquire(timeout=PATIENCE)
    running.server.drain()
    for thread in threads:
        thread.join(PATIENCE)
    assert failures == []
    assert running.has_ended(PATIENCE / 2)


def test_threads_end_with_the_server(serve: Callable[..., Running]) -> None:
    """None is started before it is needed, none stays."""
    running = serve()
    before = set(threading.enumerate())
    assert running.client().ask().status == 200
    new = set(threading.enumerate()) - before
    (started,) = (thread for thread in new if thread.name == "wsgi")
    running.clients[0].close()
    running.server.drain()
    assert running.has_ended()
    until(lambda: not started.is_alive())


def test_a_server_made_before_a_fork_runs_in_the_child() -> None:
    """Several children may run what their parent made."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    code = (
        "import os, socket, signal\n"
        "from runner.http.server import AsgiServer; from runner.config import Limits\n"
        "from runner.http.wsgi_adapter import WsgiAdapter\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', []); return [str(os.getpid()).encode()]\n"
        f"listener = socket.socket(fileno={listener.fileno()})\n"
        "server = AsgiServer(WsgiAdapter(app, 4), Limits(linger=0.1))\n"
        "def ready(): server.accept(listener); os.write(1, b'up\\n')\n"
        "children = []\n"
        "for _ in range(2):\n"
        "    if not (pid := os.fork()):\n"
        "        signal.signal(signal.SIGTERM, lambda *_: server.drain())\n"
        "        server.run(ready); os._exit(7)\n"
        "    children.append(pid)\n"
        "listener.close(); input()\n"
        "for pid in children: os.kill(pid, signal.SIGTERM)\n"
        "print(*(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children))\n"
    )
    with (
        listener,
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            text=True,
        ) as parent,
    ):
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == ["up\n", "up\n"]
        with contextlib.closing(Client(port)) as client:
            pids = {client.ask().content for _ in range(3)}  # type: ignore[attr-defined]
        assert len(pids) == 1
        assert pids != {str(os.getpid()).encode()}
        assert parent.communicate("\n", timeout=PATIENCE)[0] == "7 7\n"


def test_the_import_is_light() -> None:
    """A worker loads no part of Jupyter or papermill for it."""
    assert loaded_by("import runner.http.wsgi_adapter") & HEAVY <= {"asyncio"}
