"""The fast route obeys HTTP as the ordinary one does: nobody can tell which of them answered."""

from __future__ import annotations

import array
import contextlib
import fcntl
import http.client
import json
import re
import select
import socket
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from support import break_off, until, until_forgotten

from runner.config import Limits
from runner.http import connection, exchange_link
from runner.http.access_log import AccessLog
from runner.http.server import AsgiServer
from runner.predict import result_encoding
from runner.predict.app import PredictApp
from runner.predict.endpoints import Endpoint
from runner.predict.fast_route import FastRoute
from runner.predict.problem_error import ProblemError
from runner.predict.schema import RowSchema
from runner.traffic.counters import total_of

BODY = b'{"a": 1.0, "b": 2.0}'
LIMITS = {"linger": 0.2, "read_timeout": 0.4, "max_header": 2000, "max_body": 100_000}


class Model:
    """Add two numbers; 13 is bad luck, 14 no JSON, and a gate can make it wait.

    15 is a problem whose header was changed into two after it was made, 16 gives much, and 17 much
    that is no JSON.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.sizes: list[int] = []

    def __call__(self, rows: Sequence[Any]) -> Sequence[Any]:
        assert self.gate.wait(20)
        self.sizes.append(len(rows))
        if any(row[0] == 13 for row in rows):
            raise ValueError("bad luck")
        if any(row[0] == 15 for row in rows):
            problem = ProblemError(422, "no such city")
            problem.headers = ((b"x-city", b"a\r\nSet-Cookie: b=c"),)
            raise problem
        others = {14: object(), 16: [*range(20_000)], 17: [object()] * 20_000}
        return [others.get(a, a + b) for a, b in rows]


class Served:
    """A predicting worker in a thread."""

    def __init__(
        self, *, uses_fast_route: bool, log: AccessLog | None = None, **limits: Any
    ) -> None:
        self.model = Model()
        self.writers: list[threading.Thread] = []
        endpoint = Endpoint(
            name="sum",
            path="/",
            schema=RowSchema({"a": float, "b": float}),
            predict=self.model,
            encode=self.encode,
        )
        self.limits = Limits(**{**LIMITS, **limits})
        self.app = PredictApp([endpoint], self.limits, uses_fast_route=uses_fast_route)
        self.server = AsgiServer(self.app, self.limits, log)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = self.listener.getsockname()
        ready = threading.Event()
        self.thread = threading.Thread(target=self.server.run, args=(ready.set,), daemon=True)
        self.thread.start()
        assert ready.wait(10)
        self.server.accept(self.listener)

    def encode(self, result: Any) -> bytes:
        self.writers.append(threading.current_thread())
        return result_encoding.encode_json({"sum": result})

    @property
    def route(self) -> FastRoute:
        assert self.app.fast_route is not None
        return self.app.fast_route

    def connect(self) -> socket.socket:
        client = socket.create_connection(self.address, timeout=10)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def talk(self, parts: Sequence[bytes | None]) -> bytes:
        """Send parts, each after the one before was read, and give all until the end.

        None ends our half.
        """
        with self.connect() as client:
            for part in parts:
                with contextlib.suppress(ConnectionError):
                    if part is None:
                        client.shutdown(socket.SHUT_WR)
                    else:
                        client.sendall(part)
                        self.wait_read(client)
            return received(client)

    def wait_read(self, client: socket.socket) -> None:
        """Wait until nothing is on its way to the server, and nothing waits there."""
        ours = client.getsockname()

        def is_read() -> bool:
            if _count(client, termios.TIOCOUTQ):
                return False
            for each in list(self.server.state.connections):
                if each.client == ours[:2]:
                    with contextlib.suppress(OSError):
                        return not _count(each.transport.get_extra_info("socket"), termios.FIONREAD)
            return not any(each.client is None for each in list(self.server.state.connections))

        until(is_read, 5)

    def end(self) -> None:
        self.model.gate.set()
        self.server.drain()
        self.thread.join(10)
        assert not self.thread.is_alive()


def _count(of: Any, what: int) -> int:
    counted = array.array("i", [0])
    fcntl.ioctl(of.fileno(), what, counted)
    return counted[0]


def received(client: socket.socket) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while block := client.recv(65536):
            found += block
    return found


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Served, Served]]:
    """A worker with the fast route, and one without, on a machine that may be busy."""
    both = Served(uses_fast_route=True), Served(uses_fast_route=False)
    with pytest.MonkeyPatch.context() as patch:
        for module in (connection, exchange_link):
            patch.setattr(module, "HALF_CLOSED", 5.0)
        yield both
    for served in both:
        served.end()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(*, uses_fast_route: bool = True, **settings: Any) -> Served:
        started.append(Served(uses_fast_route=uses_fast_route, **settings))
        return started[-1]

    yield start
    for served in started:
        served.end()


def head(*lines: bytes, start: bytes = b"POST / HTTP/1.1", length: int | None = None) -> bytes:
    given = [start, b"Host: x", *lines]
    if length is not None:
        given.append(b"Content-Length: %d" % length)
    return b"\r\n".join([*given, b"", b""])


JSON = b"Content-Type: application/json"


def request(body: bytes = BODY, *lines: bytes, start: bytes = b"POST / HTTP/1.1") -> bytes:
    return head(JSON, *lines, start=start, length=len(body)) + body


def pieces(whole: bytes, size: int) -> list[bytes]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]


END = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
PLAIN = request()
CHUNKED = head(JSON, b"Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
LARGE = json.dumps({"a": 1, "b": 2}).encode().ljust(90_000)

# By name: what is sent, in pieces that are read one by one. Where the connection ought to go on,
# the last of them is a request that ends it.
TRACED = b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

CASES: dict[str, list[bytes | None]] = {
    "plain": [PLAIN, END],
    "head and body apart": [head(JSON, length=len(BODY)), BODY, END],
    "in small pieces": [*pieces(PLAIN, 7), END],
    "body in pieces": [PLAIN[:-10], PLAIN[-10:-3], PLAIN[-3:], END],
    "with the next in one piece": [PLAIN + END],
    "one after another": [PLAIN, request(b'{"a":2,"b":2}'), PLAIN, END],
    "pipelined": [PLAIN + request(b'{"a":5,"b":2}') + PLAIN + END],
    "pipelined, cut in a body": [PLAIN + PLAIN[:-5], PLAIN[-5:], END],
    "pipelined, cut in a head": [PLAIN + PLAIN[:20], PLAIN[20:] + END],
    "pipelined with others": [PLAIN + head(start=b"GET / HTTP/1.1") + PLAIN + END],
    "pipelined with a bad body": [request(b"{") + PLAIN + request(b"[]") + END],
    "pipelined with no HTTP": [PLAIN + b"garbage\r\n\r\n"],
    "a byte too much": [PLAIN + b"x", None],
    "empty lines around": [b"\r\n" + PLAIN + b"\r\n\r\n" + PLAIN, END],
    "only empty lines, then a body": [PLAIN, b"\r\n\r\n" + BODY],
    "chunked": [CHUNKED, END],
    "chunked in pieces": [*pieces(CHUNKED, 9), END],
    "chunked with an extension": [CHUNKED.replace(b"14\r\n", b"14;a=b\r\n"), END],
    "chunked with a trailer": [CHUNKED.replace(b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n"), END],
    "chunked then plain": [CHUNKED + PLAIN, PLAIN, END],
    "chunked wrongly": [CHUNKED.replace(b"14\r\n", b"zz\r\n")],
    "expects 100": [head(JSON, b"Expect: 100-continue", length=len(BODY)), BODY, END],
    "expects 100, sends at once": [request(BODY, b"Expect: 100-continue"), END],
    "expects something else": [request(BODY, b"Expect: wonders"), END],
    "HEAD": [request(b"{}", start=b"HEAD / HTTP/1.1"), END],
    "GET": [head(start=b"GET / HTTP/1.1"), END],
    "PUT": [request(start=b"PUT / HTTP/1.1"), END],
    "OPTIONS": [head(start=b"OPTIONS / HTTP/1.1"), END],
    "lower-case method": [request(start=b"post / HTTP/1.1"), None],
    "HTTP/1.0": [request(start=b"POST / HTTP/1.0"), None],
    "HTTP/1.0 kept alive": [
        request(BODY, b"Connection: keep-alive", start=b"POST / HTTP/1.0"),
        END,
    ],
    "HTTP/2.0": [request(start=b"POST / HTTP/2.0"), None],
    "no version": [b"POST /\r\n\r\n", None],
    "close": [request(BODY, b"Connection: close")],
    "close, then more": [request(BODY, b"Connection: close") + PLAIN],
    "keep-alive": [request(BODY, b"Connection: Keep-Alive"), END],
    "headers too large": [request(BODY, b"X: " + b"y" * 3000)],
    "headers too large, in pieces": pieces(request(BODY, b"X: " + b"y" * 3000), 1500)[:2],
    "body announced too large": [head(JSON, length=100_001)],
    "body too large in chunks": [
        head(JSON, b"Transfer-Encoding: chunked") + b"186a1\r\n" + b"x" * 100_001
    ],
    "body large": [request(LARGE), END],
    "length and chunks": [head(JSON, b"Transfer-Encoding: chunked", length=5) + b"0\r\n\r\n"],
    "chunks and length": [
        head(JSON, b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n"
    ],
    "two lengths": [head(JSON, b"Content-Length: 5", length=len(BODY)) + BODY],
    "twice the same length": [head(JSON, b"Content-Length: 20", length=20) + BODY, None],
    "length negative": [head(JSON, b"Content-Length: -1") + BODY],
    "length with a plus": [head(JSON, b"Content-Length: +20") + BODY],
    "length no number": [head(JSON, b"Content-Length: 1_0") + BODY],
    "length empty": [head(JSON, b"Content-Length: ") + BODY],
    "length with zeros": [head(JSON, b"Content-Length: 0020") + BODY, END],
    "length with spaces": [head(JSON, b"Content-Length:   20  ") + BODY, END],
    "no length": [head(JSON), END],
    "length 0": [head(JSON, length=0), END],
    "gzip in transfer": [head(JSON, b"Transfer-Encoding: gzip") + BODY],
    "chunked twice": [head(JSON, b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n"],
    "lines end with LF": [PLAIN.replace(b"\r\n", b"\n"), None],
    "head ends with LF": [PLAIN.replace(b"\r\n\r\n", b"\n\n"), None],
    "folded header": [request(BODY, b"X: y\r\n z"), None],
    "space before colon": [request(BODY, b"X : y"), None],
    "NUL in a header": [request(BODY, b"X: \0"), None],
    "header without colon": [request(BODY, b"nonsense"), None],
    "no Host": [PLAIN.replace(b"Host: x\r\n", b""), END],
    "two Hosts": [request(BODY, b"Host: y"), END],
    "names in capitals": [PLAIN.replace(b"Content-Type", b"CONTENT-TYPE"), END],
    "query": [request(start=b"POST /?a=b HTTP/1.1"), END],
    "fragment": [request(start=b"POST /#a HTTP/1.1"), END],
    "whole URL": [request(start=b"POST http://x/ HTTP/1.1"), END],
    "percent-encoded": [request(start=b"POST /%2e HTTP/1.1"), END],
    "two slashes": [request(start=b"POST // HTTP/1.1"), None],
    "no such path": [request(start=b"POST /nothing HTTP/1.1"), END],
    "no content type": [head(length=len(BODY)) + BODY, END],
    "charset": [PLAIN.replace(b"/json", b"/json; charset=utf-8"), END],
    "charset unknown": [PLAIN.replace(b"/json", b"/json; charset=latin-1"), END],
    "type in capitals": [PLAIN.replace(b"application/json", b"APPLICATION/JSON"), END],
    "type text": [PLAIN.replace(b"application/json", b"text/plain"), END],
    "type +json": [PLAIN.replace(b"application/json", b"application/ld+json"), END],
    "type lines": [PLAIN.replace(b"application/json", b"application/x-ndjson"), END],
    "two types": [request(BODY, b"Content-Type: text/plain"), END],
    "content encoding": [request(BODY, b"Content-Encoding: gzip"), END],
    "accepts JSON": [request(BODY, b"Accept: application/json"), END],
    "accepts anything": [request(BODY, b"Accept: */*"), END],
    "accepts only HTML": [request(BODY, b"Accept: text/html"), END],
    "accepts no JSON": [request(BODY, b"Accept: application/json;q=0, */*"), END],
    "accepts as axios does": [request(BODY, b"Accept: application/json, text/plain, */*"), END],
    "accepts twice": [request(BODY, b"Accept: text/html", b"Accept: */*"), END],
    "no JSON": [request(b"{"), END],
    "JSON of another shape": [request(b"[1, 2]"), END],
    "unknown field": [request(b'{"a":1,"b":2,"c":3}'), END],
    "NaN": [request(b'{"a":NaN,"b":2}'), END],
    "no UTF-8": [request(b'{"a":1,"\xff":2}'), END],
    "predict raises": [request(b'{"a":13,"b":2}'), PLAIN, END],
    "the result is no JSON": [request(b'{"a":14,"b":2}'), PLAIN, END],
    "a large result": [request(b'{"a":16,"b":2}'), PLAIN, END],
    "a large result between others": [PLAIN + request(b'{"a":16,"b":2}') + PLAIN + END],
    "a large result that is no JSON": [request(b'{"a":17,"b":2}'), PLAIN, END],
    "a header that would be two": [request(b'{"a":15,"b":2}'), PLAIN, END],
    "h2c upgrade": [
        request(
            BODY, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: A"
        ),
        None,
    ],
    "websocket upgrade": [
        head(
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            start=b"GET / HTTP/1.1",
        ),
        None,
    ],
    "time enough": [request(BODY, b"X-Request-Timeout-Ms: 5000"), END],
    "time nonsense": [request(BODY, b"X-Request-Timeout-Ms: soon"), END],
    "no time at all": [request(BODY, b"X-Request-Timeout-Ms: 0"), END],
    "Envoy's time": [request(BODY, b"X-Envoy-Expected-Rq-Timeout-Ms: 5000"), END],
    "traced": [request(BODY, TRACED), PLAIN, request(b"{", TRACED), END],
    "traced, then the end": [request(BODY, TRACED, b"Connection: close")],
    "traced twice": [request(BODY, TRACED, TRACED), END],
    "traced by what is invalid": [request(BODY, TRACED.upper()), END],
    "forwarded": [request(BODY, b"X-Forwarded-For: 1.2.3.4", b"X-Request-Id: 7"), END],
    "health between": [PLAIN, head(start=b"GET /readyz HTTP/1.1"), PLAIN, END],
    "slow head": [PLAIN[:30]],
    "slow body": [PLAIN[:-5]],
    "slow body, head apart": [head(JSON, length=len(BODY))],
    "slow second": [PLAIN, PLAIN[:-5]],
    "slow second head": [PLAIN, PLAIN[:30]],
    "ends its half": [PLAIN, None],
    "ends its half with the request": [PLAIN + PLAIN, None],
    "ends its half in the body": [PLAIN[:-5], None],
    "ends its half in the head": [PLAIN[:30], None],
    "ends its half at once": [None],
}


def normal(said: bytes) -> bytes:
    """Take out of answers what differs each time: the date, durations, the id of a failure."""
    said = re.sub(rb"\b[0-9a-f]{12}\b", b"ID", said)
    said = re.sub(rb"(?m)^date: .*\r$", b"date: D\r", said)
    return re.sub(rb"dur=\d+\.\d+", b"dur=T", said)


@pytest.mark.parametrize("name", CASES)
def test_both_routes_give_the_same_answers(pair: tuple[Served, Served], name: str) -> None:
    """Byte by byte, but for times and ids."""
    fast, ordinary = pair
    expected = normal(ordinary.talk(CASES[name]))
    assert normal(fast.talk(CASES[name])) == expected


def test_the_cases_say_what_they_mean(pair: tuple[Served, Served]) -> None:
    """The comparison would be empty if all were refused, or none."""
    ordinary = pair[1]

    def statuses(name: str) -> list[int]:
        found = re.findall(rb"HTTP/1.1 (\d+) ", ordinary.talk(CASES[name]))
        return [int(status) for status in found]

    assert b"\r\n" + TRACED + b"\r\n" in ordinary.talk(CASES["traced"])
    assert b"traceparent" not in ordinary.talk(CASES["traced twice"])
    assert statuses("plain") == [200, 200]
    assert statuses("pipelined") == [200, 200, 200, 200]
    assert statuses("chunked") == [200, 200]
    assert statuses("expects 100") == [100, 200, 200]
    assert statuses("length and chunks") == [400]
    assert statuses("headers too large") == [431]
    assert statuses("body announced too large") == [413]
    assert statuses("slow body") == [408]
    assert statuses("PUT") == [405, 200]
    assert statuses("JSON of another shape") == [422, 200]
    assert statuses("predict raises") == [500, 200, 200]
    assert statuses("the result is no JSON") == [500, 200, 200]
    assert statuses("a large result") == [200, 200, 200]
    assert statuses("a large result that is no JSON") == [500, 200, 200]
    assert statuses("a header that would be two") == [500, 200, 200]
    assert statuses("time nonsense") == [400, 200]
    assert statuses("ends its half") == [200]
    assert statuses("ends its half in the body") == []


def test_a_large_result_is_written_in_a_thread(pair: tuple[Served, Served]) -> None:
    """On either way; a small one in the loop."""
    for served in pair:
        served.writers.clear()
        served.talk([request(b'{"a":16,"b":2}'), PLAIN, END])
        large, small = served.writers
        assert large is not served.thread
        assert small is served.thread


@pytest.fixture
def asgi_calls(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A worker, and the ASGI scopes that its app was called with."""
    scopes: list[Any] = []
    call = PredictApp.__call__

    async def noted(self: PredictApp, scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await call(self, scope, receive, send)

    monkeypatch.setattr(PredictApp, "__call__", noted)
    served = serve()
    scopes.clear()  # of the lifespan
    return served, scopes


@pytest.mark.parametrize(
    "name",
    [
        *("plain", "head and body apart", "in small pieces", "one after another"),
        *("body in pieces", "pipelined", "empty lines around", "length with spaces"),
        *("keep-alive", "charset", "accepts JSON", "time enough", "no JSON", "forwarded"),
    ],
)
def test_plain_requests_are_answered_on_the_fast_route(asgi_calls: Any, name: str) -> None:
    """The comparison would be empty if the fast route answered nothing."""
    served, scopes = asgi_calls
    served.talk(CASES[name])
    served.talk(CASES[name])
    assert scopes == []


@pytest.mark.parametrize(
    "name", ["chunked", "expects 100", "close", "query", "type +json", "accepts only HTML"]
)
def test_unusual_requests_go_to_the_app(asgi_calls: Any, name: str) -> None:
    """Whatever the fast route would have to think about is not its own."""
    served, scopes = asgi_calls
    served.talk(CASES[name])
    assert len(scopes) == 1


def test_no_head_needs_to_have_been_seen_before(asgi_calls: Any) -> None:
    """Each request of a client that traces has another one, and each is answered here."""
    served, scopes = asgi_calls
    with served.connect() as client:
        answered = client.makefile("rb")
        for number in range(20):
            client.sendall(request(BODY, b"X-Request-Id: %d" % number))
            while answered.readline().strip():
                pass
            assert answered.read(len(b'{"sum":3.0}')) == b'{"sum":3.0}'
    assert scopes == []


def ask(served: Served, wait: float = 10, **headers: str) -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection(*served.address, timeout=wait)
    try:
        connection.request("POST", "/", BODY, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def aside(act: Callable[[], Any]) -> Callable[[], Any]:
    """Run something in a thread; what this gives waits for its result."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(act()), daemon=True)
    thread.start()

    def wait() -> Any:
        thread.join(20)
        return results[0]

    return wait


def batcher(served: Served) -> Any:
    """Find who gathers the rows of the only endpoint."""
    return served.route.plain.batchers[b"/"]


def slow_down(served: Served) -> None:
    """Make the worker believe that calls are slow, so that they leave the loop free."""
    batcher(served)._mean_seconds = 1.0
    batcher(served).is_slow = True


def in_flight(served: Served) -> int:
    return served.server.state.in_flight


def test_others_see_what_a_slow_call_has_in_hand(serve: Callable[..., Served]) -> None:
    """While it lasts, and though nothing else is asked: each worker can tell the sum."""
    served = serve()
    slow_down(served)
    served.model.gate.clear()
    waiting = aside(lambda: ask(served))
    counters = served.app.counters
    names = [*counters._counters]
    until(lambda: total_of(counters._shared.memory, names)["sum"].in_flight == 1)
    served.model.gate.set()
    assert waiting()[0] == 200


def test_requests_that_wait_for_a_slow_call_share_the_next(serve: Callable[..., Served]) -> None:
    """And health is answered meanwhile."""
    served = serve()
    slow_down(served)
    served.model.gate.clear()
    waiting = [aside(lambda: ask(served)) for _ in range(5)]
    until(lambda: in_flight(served) == 5)
    with served.connect() as client:
        client.sendall(END)
        assert received(client).startswith(b"HTTP/1.1 200")
    served.model.gate.set()
    assert [wait()[0] for wait in waiting] == [200] * 5
    assert len(served.model.sizes) < 5
    assert sum(served.model.sizes) == 5


def test_a_client_that_has_gone_is_not_computed_for(serve: Callable[..., Served]) -> None:
    """Its place in the batch is free, and it is counted."""
    served = serve()
    slow_down(served)
    served.model.gate.clear()
    first = aside(lambda: ask(served))
    until(lambda: in_flight(served) == 1)
    with served.connect() as client:
        client.sendall(PLAIN)
        until(lambda: in_flight(served) == 2)
    until(lambda: in_flight(served) == 1)
    served.model.gate.set()
    assert first()[0] == 200
    assert served.model.sizes == [1]

    def numbers() -> tuple[int, int]:
        found = served.app.counters.total()["sum"]
        return found.gone, found.in_flight

    until(lambda: numbers() == (1, 0))  # an answer is counted when it has been written


@pytest.mark.parametrize("uses_fast_route", [True, False])
def test_a_deadline_is_kept_to(serve: Callable[..., Served], uses_fast_route: bool) -> None:
    """504 when the client's time is up, on either route."""
    served = serve(uses_fast_route=uses_fast_route)
    ask(served)
    batcher = served.app._dispatcher._batchers["sum"]
    batcher._mean_seconds, batcher.is_slow = 1.0, True
    served.model.gate.clear()
    status, headers, body = ask(served, **{"X-Request-Timeout-Ms": "30"})
    assert (status, headers["content-type"]) == (504, "application/problem+json")
    assert json.loads(body)["status"] == 504


@pytest.mark.parametrize("uses_fast_route", [True, False])
def test_too_many_are_refused(serve: Callable[..., Served], uses_fast_route: bool) -> None:
    """503 and Retry-After beyond the bound, on either route; the others are answered."""
    served = serve(uses_fast_route=uses_fast_route, max_waiting=2)
    ask(served)
    batcher = served.app._dispatcher._batchers["sum"]
    batcher._mean_seconds, batcher.is_slow = 1.0, True
    served.model.gate.clear()
    waiting = [aside(lambda: ask(served))]
    until(lambda: batcher._calls)
    waiting += [aside(lambda: ask(served)) for _ in range(2)]
    until(lambda: len(batcher._waiting) == 2)
    status, headers, _ = ask(served)
    assert (status, headers["retry-after"]) == (503, "1")
    served.model.gate.set()
    assert [wait()[0] for wait in waiting] == [200] * 3


def test_the_fast_route_counts_as_concurrency(serve: Callable[..., Served]) -> None:
    """Beyond ``max_concurrency`` 503, whichever route the others came by."""
    served = serve(max_concurrency=2)
    slow_down(served)
    served.model.gate.clear()
    waiting = [aside(lambda: ask(served)) for _ in range(2)]
    until(lambda: in_flight(served) == 2)
    status, headers, body = ask(served)
    assert (status, headers["retry-after"]) == (503, "1")
    assert b"too many requests" in body
    served.model.gate.set()
    assert [wait()[0] for wait in waiting] == [200] * 2


def test_who_was_refused_is_held_back(serve: Callable[..., Served]) -> None:
    """A client that asks again at once does not take the time of those who are served."""
    served = serve(max_waiting=1)
    slow_down(served)
    served.model.gate.clear()
    waiting = [aside(lambda: ask(served))]
    until(lambda: batcher(served)._calls)
    waiting += [aside(lambda: ask(served))]
    until(lambda: in_flight(served) == 2)
    with served.connect() as client:
        began = time.monotonic()
        client.sendall(PLAIN)
        assert client.recv(9999).startswith(b"HTTP/1.1 503")
        first = time.monotonic() - began
        client.sendall(PLAIN)
        assert client.recv(9999).startswith(b"HTTP/1.1 503")
        assert time.monotonic() - began - first > 0.2
    served.model.gate.set()
    for wait in waiting:
        wait()


def test_a_pipelined_request_waits_for_the_one_before(serve: Callable[..., Served]) -> None:
    """Answers keep their order though the second would be ready first."""
    served = serve()
    slow_down(served)
    served.model.gate.clear()
    with served.connect() as client:
        client.sendall(PLAIN)
        until(lambda: in_flight(served) == 1)
        client.sendall(END)
        served.wait_read(client)
        served.model.gate.set()
        statuses = re.findall(rb'"(sum|status)"', received(client))
    assert statuses == [b"sum", b"status"]


def until_told_to_close(served: Served) -> None:
    until(lambda: [each.exchange.keep_alive for each in served.server.state.connections] == [False])


def test_a_drain_answers_what_is_in_flight(serve: Callable[..., Served]) -> None:
    """It says that the connection ends, and ends it."""
    served = serve()
    slow_down(served)
    served.model.gate.clear()
    waiting = aside(lambda: ask(served))
    until(lambda: in_flight(served) == 1)
    served.server.drain()
    until_told_to_close(served)
    served.model.gate.set()
    status, headers, _ = waiting()
    assert (status, headers["connection"]) == (200, "close")


def test_a_drain_waits_for_a_body_that_has_begun(serve: Callable[..., Served]) -> None:
    """A request is lost neither between its head and its body."""
    served = serve(read_timeout=5)
    with served.connect() as client:
        client.sendall(PLAIN[:-5])
        until(lambda: in_flight(served) == 1)
        served.server.drain()
        until_told_to_close(served)
        client.sendall(PLAIN[-5:])
        said = received(client)
    assert said.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in said


def test_an_idle_connection_is_closed_in_time(serve: Callable[..., Served]) -> None:
    """One timer for many requests: not before the last of them is so long ago."""
    served = serve(keep_alive=1)
    with served.connect() as client:
        for _ in range(6):
            began = time.monotonic()
            client.sendall(PLAIN)
            assert client.recv(9999).startswith(b"HTTP/1.1 200")
            assert select.select([client], [], [], 0.2)[0] == []
        assert client.recv(1) == b""
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("count", [1, 2])
def test_a_reset_connection_is_forgotten(serve: Callable[..., Served], count: int) -> None:
    """Whatever was in flight, be it pipelined: nothing is left of it."""
    served = serve()
    slow_down(served)
    served.model.gate.clear()
    client = served.connect()
    client.sendall(PLAIN * count)
    until(lambda: in_flight(served) == 1)
    break_off(client)
    if count > 1:  # the server does not read on before it has answered
        served.model.gate.set()
    until(lambda: not served.server.state.connections)
    assert in_flight(served) == 0
    served.model.gate.set()
    assert ask(served)[0] == 200


@pytest.mark.parametrize("is_broken_off", [False, True])
def test_a_client_that_is_gone_is_forgotten_at_once(
    serve: Callable[..., Served], *, is_broken_off: bool
) -> None:
    """Not only when the collector comes by: a worker would grow with each wave of clients."""
    served = serve()
    client = served.connect()
    client.sendall(PLAIN)
    assert client.recv(65536).startswith(b"HTTP/1.1 200")
    until_forgotten(served.server, client, is_broken_off=is_broken_off)


def test_answers_are_counted_and_logged(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the ordinary route: once in the counters, one line in the access log."""
    lines: list[Any] = []
    log = AccessLog(2, is_json=False)
    monkeypatch.setattr(log, "add", lambda **facts: lines.append(facts))
    served = serve(log=log)
    served.talk([PLAIN, request(b"{}"), END])
    numbers = served.app.counters.total()["sum"]
    assert (numbers.answered[200], numbers.answered[422], numbers.in_flight) == (1, 1, 0)
    fast = [line for line in lines if line["path"] == "/"]
    assert [(line["method"], line["status"]) for line in fast] == [("POST", 200), ("POST", 422)]
    assert all(line["client"] == "127.0.0.1" and line["seconds"] >= 0 for line in fast)
    assert served.server.requests == 3


@pytest.mark.parametrize("uses_fast_route", [True, False])
def test_the_access_log_names_whom_a_proxy_names(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch, uses_fast_route: bool
) -> None:
    """The prefix in front of the path, and the scheme; whichever way the request takes."""
    monkeypatch.setenv("RUNNER_TRUSTED_PROXIES", "10.0.0.0/8")
    lines: list[Any] = []
    log = AccessLog(2, is_json=False)
    monkeypatch.setattr(log, "add", lambda **facts: lines.append(facts))
    words = (b"x-forwarded-for: 1.2.3.4, 10.0.0.7", b"X-Forwarded-Prefix: /m")
    words += (b"X-Forwarded-Proto: https", b"X-Forwarded-Port: 8443")
    served = serve(log=log, uses_fast_route=uses_fast_route)
    others = [request(BODY, b"Forwarded: for=2.2.2.2"), request(BODY, b"X-FORWARDED-FOR: 3.3.3.3")]
    served.talk([PLAIN, request(BODY, *words), *others, END])
    asked = [(line["client"], line["path"], line["scheme"]) for line in lines[:4]]
    assert asked == [
        ("127.0.0.1", "/", "http"),
        ("1.2.3.4", "/m/", "https"),
        ("2.2.2.2", "/", "http"),
        ("3.3.3.3", "/", "http"),
    ]


def test_the_run_is_named(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    """``x-run-id`` says which run has answered, and ``server-timing`` how long it took."""
    monkeypatch.setenv("RUNNER_RUN_ID", "run-7")
    _, headers, _ = ask(serve())
    assert headers["x-run-id"] == "run-7"
    assert re.fullmatch(r"queue;dur=[\d.]+, predict;dur=[\d.]+", headers["server-timing"])


def test_a_client_that_does_not_read_is_not_answered_without_end(
    serve: Callable[..., Served],
) -> None:
    """What it does not take is bounded, and it is cut off in time."""
    served = serve(write_timeout=0.3, read_timeout=5)
    served.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # else megabytes fit
    with served.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(5)
        with pytest.raises((ConnectionError, TimeoutError)):
            client.sendall(PLAIN * 200_000)
    until(lambda: not served.server.state.connections)
    assert in_flight(served) == 0


def test_the_log_of_a_failure_says_what_the_author_s_code_raised(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns nothing of it."""
    said = serve().talk([request(b'{"a":13,"b":2}'), END])
    assert b"bad luck" not in said
    assert "bad luck" in caplog.text
