"""What PEP 3333 promises to a WSGI app and its client, over real sockets."""

from __future__ import annotations

import contextvars
import http.client
import io
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from support import until
from support.served_wsgi import Served

from runner.config import Limits
from runner.http.asgi_exchange import AsgiExchange
from runner.http.example_request import Example
from runner.http.server import AsgiServer
from runner.http.wsgi_adapter import WsgiAdapter
from runner.http.wsgi_call import ClientGoneError

OK = "200 OK"
PATIENCE = 30.0


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(app: Any, **settings: Any) -> Served:
        started.append(Served(app, **settings))
        return started[-1]

    yield start
    for served in started:
        served.server.drain()
        served.thread.join(PATIENCE)
        assert not served.thread.is_alive()


def app_of(blocks: Callable[[], Any], *headers: tuple[str, str], status: str = OK) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, list(headers))
        return blocks()

    return app


def test_a_list_has_its_length(serve: Callable[..., Served]) -> None:
    """What is all here is sent with its length, and not in chunks."""
    status, headers, body = serve(app_of(lambda: [b"ab", b"", b"c"])).ask()
    assert (status, headers["Content-Length"], body) == (200, "3", b"abc")
    assert headers["Transfer-Encoding"] is None


def test_each_piece_goes_out_before_the_next_is_asked_for(serve: Callable[..., Served]) -> None:
    """A client sees server-sent events one by one (PEP 3333)."""
    goes_on = threading.Semaphore(0)

    def events() -> Iterator[bytes]:
        for number in range(3):
            yield b"data: %d\n\n" % number
            yield b""
            assert goes_on.acquire(timeout=PATIENCE)

    connection = serve(app_of(events)).connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.headers["Transfer-Encoding"] == "chunked"
    for number in range(3):
        assert answer.readline() + answer.readline() == b"data: %d\n\n" % number
        goes_on.release()
    assert answer.read() == b""
    connection.close()


def test_written_pieces_go_out_at_once(serve: Callable[..., Served]) -> None:
    """So do those of the old ``write``, which come before the result."""
    goes_on = threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response(OK, [("Content-Length", "3")])
        write(b"ab")
        assert goes_on.wait(PATIENCE)
        return [b"c"]

    connection = serve(app).connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.read(2) == b"ab"
    goes_on.set()
    assert answer.read() == b"c"
    connection.close()


def test_http10_knows_no_chunks(serve: Callable[..., Served]) -> None:
    """A body of unknown length ends with the connection."""
    goes_on = threading.Event()

    def parts() -> Iterator[bytes]:
        yield b"ab"
        assert goes_on.wait(PATIENCE)
        yield b"c"

    address = serve(app_of(parts)).address
    with socket.create_connection(address, timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = b""
        while not answer.endswith(b"ab"):
            answer += client.recv(65536)
        goes_on.set()
        while block := client.recv(65536):
            answer += block
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == b"abc"
    assert b"transfer-encoding" not in head
    assert head.endswith(b"connection: close")


def test_http10_keeps_a_connection_that_it_asked_for(serve: Callable[..., Served]) -> None:
    """A body of a known length does not need the connection's end."""
    served = serve(app_of(lambda: [b"abc"]), keep_alive=0.2)
    answer = served.raw(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert answer.endswith(b"connection: keep-alive\r\n\r\nabc")


@pytest.mark.parametrize(
    ("status", "method", "given", "shown"),
    [
        (OK, "HEAD", [b"abc"], "3"),
        (OK, "HEAD", [], None),
        ("304 Not Modified", "GET", [b"abc"], None),
        ("204 No Content", "GET", [b"abc"], None),
    ],
)
@pytest.mark.parametrize("kind", [list, iter])
def test_some_answers_have_no_body(
    serve: Callable[..., Served], *, status: str, method: str, given: Any, shown: Any, kind: Any
) -> None:
    """HEAD, 204 and 304 send no body, whatever the app gives, and the connection stays."""
    connection = serve(app_of(lambda: kind(given), status=status)).connect()
    for _ in range(2):
        connection.request(method, "/")
        answer = connection.getresponse()
        assert answer.read() == b""
        assert answer.headers["Transfer-Encoding"] is None
        if kind is list:
            assert answer.headers["Content-Length"] == shown
    connection.close()


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_no_length_is_told_where_there_is_no_body(
    serve: Callable[..., Served], status: str
) -> None:
    """RFC 9110, 8.6."""
    headers = serve(app_of(list, ("Content-Length", "5"), status=status)).ask()[1]
    assert headers["Content-Length"] is None


def test_more_than_the_length_is_cut_off(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    """The next answer must not be misread; the log says what the app did."""
    connection = serve(app_of(lambda: iter([b"abc"]), ("Content-Length", "2"))).connect()
    for _ in range(2):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ab"
    connection.close()
    assert "beyond its Content-Length" in caplog.text


def test_less_than_the_length_is_no_answer(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    """Known before anything was sent it is a 500; afterwards only a cut can tell."""
    assert serve(app_of(lambda: [b"abc"], ("Content-Length", "5"))).ask()[0] == 500
    with pytest.raises(http.client.IncompleteRead):
        serve(app_of(lambda: iter([b"abc"]), ("Content-Length", "5"))).ask()
    assert caplog.text.count("Content-Length") >= 2


def test_a_file_is_sent_and_closed(serve: Callable[..., Served]) -> None:
    """By ``wsgi.file_wrapper``."""
    file = io.BytesIO(b"x" * 200_000)

    def app(environ: Any, start_response: Any) -> Any:
        start_response(OK, [])
        assert environ["wsgi.file_wrapper"] is FileWrapper
        return environ["wsgi.file_wrapper"](file)

    assert serve(app).ask()[2] == b"x" * 200_000
    until(lambda: file.closed)


def boom(environ: Any, start_response: Any) -> Any:
    raise ConnectionResetError("the database is gone, not the client: secret")


def leave(environ: Any, start_response: Any) -> Any:
    sys.exit("secret")


def twice(environ: Any, start_response: Any) -> Any:
    for _ in range(2):
        start_response(OK, [])


@pytest.mark.parametrize(
    "app",
    [
        boom,
        leave,
        twice,
        app_of(lambda: [b"ab", "secret"]),
        app_of(lambda: iter(["secret"])),
        lambda environ, start_response: [b"secret"],
        lambda environ, start_response: None,
        lambda environ, start_response: iter([]),
        app_of(lambda: [b""], ("X", "secret\r\nSet-Cookie: a")),
        app_of(lambda: [b""], ("X: secret", "a")),
        app_of(lambda: [b""], status="200 OK\r\nX: secret"),
        app_of(lambda: [b""], status="200OK secret"),
        app_of(lambda: [b""], ("X", "secret \u20ac")),
        app_of(lambda: [b""], ("Content-Length", "-1")),
        app_of(lambda: [b""], *[("Content-Length", "0")] * 2),
        app_of(lambda: [b""], ("Transfer-Encoding", "chunked")),
        app_of(lambda: [b""], ("Connection", "close")),
    ],
)
def test_a_failing_app_is_a_500_that_tells_nothing(
    serve: Callable[..., Served], app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns that it failed, the log learns why, once; the connection stays."""
    connection = serve(app).connect()
    for _ in range(2):
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert json.loads(answer.read())["detail"] == "internal error"
        assert answer.status == 500
        assert "secret" not in str(answer.headers)
    connection.close()
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_a_failure_in_mid_answer_cuts_it(serve: Callable[..., Served]) -> None:
    """An answer that has begun is not ended properly, so that the client can tell."""

    def blocks() -> Iterator[bytes]:
        yield b"ab"
        raise ValueError

    with pytest.raises(http.client.IncompleteRead):
        serve(app_of(blocks)).ask()


def test_exc_info_replaces_what_was_not_sent(serve: Callable[..., Served]) -> None:
    """An app may change its mind before the first byte, and not after it (PEP 3333)."""

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response(OK, [("X", "1")])
        if environ["PATH_INFO"] == "/late":
            write(b"ab")
        try:
            raise ValueError
        except ValueError:
            start_response("418 Teapot", [("Y", "2")], sys.exc_info())
        return [b"t"]

    served = serve(app)
    status, headers, _ = served.ask()
    assert (status, headers["X"], headers["Y"]) == (418, None, "2")
    with pytest.raises(http.client.IncompleteRead):
        served.ask(path="/late")


def test_an_app_learns_that_its_client_has_gone(serve: Callable[..., Served]) -> None:
    """Its result is closed, and ``write`` raises an ``OSError``."""
    ends: dict[str, threading.Event] = {"/yield": threading.Event(), "/write": threading.Event()}

    def forever(end: threading.Event) -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
        finally:
            end.set()

    def app(environ: Any, start_response: Any) -> Any:
        write, end = start_response(OK, []), ends[environ["PATH_INFO"]]
        if environ["PATH_INFO"] == "/yield":
            return forever(end)
        try:
            while True:
                write(b"x" * 1000)
        except OSError:
            end.set()
            raise

    served = serve(app)
    for path, end in ends.items():
        connection = served.connect()
        connection.request("GET", path)
        connection.getresponse().read(5000)
        connection.close()
        assert end.wait(PATIENCE)


def test_a_slow_reader_makes_the_app_wait(serve: Callable[..., Served]) -> None:
    """What lies between them is bounded, however much the app could give."""
    given: list[int] = []

    def blocks() -> Iterator[bytes]:
        for number in range(2000):
            given.append(number)
            yield b"x" * 50_000

    connection = serve(app_of(blocks)).connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.read(10) == b"x" * 10
    seen = -1
    while seen != len(given):  # until nothing moves any more
        seen = len(given)
        threading.Event().wait(0.3)
    assert seen < 1000
    assert len(answer.read()) == 2000 * 50_000 - 10
    connection.close()


def test_a_body_is_read_while_it_comes(serve: Callable[..., Served]) -> None:
    """Beyond 64 KiB the app reads what is there, and answers before all of it is sent."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response(OK, [])
        yield environ["wsgi.input"].read(10)
        yield environ["wsgi.input"].read(199_990)
        yield environ["wsgi.input"].read()

    served = serve(app)
    with socket.create_connection(served.address, timeout=PATIENCE) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n")
        client.sendall(b"x" * 100_000)
        answer = client.recv(65536)
        while not answer.endswith(b"a\r\nxxxxxxxxxx\r\n"):
            answer += client.recv(65536)
        client.sendall(b"y" * 100_000)
        while not answer.endswith(b"\r\n0\r\n\r\n"):
            answer += client.recv(65536)
    assert answer.count(b"y") == 100_000


@pytest.mark.parametrize("size", [1000, 200_000])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_input_is_a_file(serve: Callable[..., Served], size: int, *, is_chunked: bool) -> None:
    """Lines, blocks and iteration, to the body's end and not beyond it."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        source = environ["wsgi.input"]
        first, part, second = source.readline(), source.read(3), source.readline(2)
        rest = list(source)
        assert source.read() == source.read(1) == source.readline() == b""
        start_response(OK, [])
        facts = [first.decode(), part.decode(), second.decode(), len(rest)]
        return [json.dumps([*facts, environ.get("CONTENT_LENGTH")]).encode()]

    body = b"one\n" + b"sixsix\n" + b"x\n" * (size // 2)
    given: Any = iter([body[:9], body[9:]]) if is_chunked else body
    shown = json.loads(serve(app).ask("POST", "/", given)[2])
    length = None if is_chunked and size > 65_536 else str(len(body))
    assert shown == ["one\n", "six", "si", size // 2 + 1, length]


def test_a_client_that_leaves_its_body_unsent_ends_the_reading(
    serve: Callable[..., Served],
) -> None:
    """The app's thread does not wait for ever."""
    errors: list[type] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        try:
            return [environ["wsgi.input"].read()]
        except OSError as error:
            errors.append(type(error))
            raise

    served = serve(app, read_timeout=0.5)
    for is_patient in (False, True):
        with socket.create_connection(served.address, timeout=PATIENCE) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n")
            client.sendall(b"x" * 100_000)
            if is_patient:
                assert client.recv(12) == b"HTTP/1.1 408"
        until(lambda: len(errors) == 1 + is_patient)  # noqa: B023 - called here only
    assert errors == [ClientGoneError, ClientGoneError]


def environ_seen(serve: Callable[..., Served], request: bytes, **settings: Any) -> dict[str, Any]:
    """What the environ of a request was."""
    seen: dict[str, Any] = {}

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response(OK, [])
        return [b""]

    serve(app, **settings).raw(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
    return seen


def test_the_environ_is_cgi(serve: Callable[..., Served]) -> None:
    """Paths are decoded as PEP 3333 says, addresses are there, underscores cannot spoof."""
    lines = b"X-A: 1\r\nX_A: 2\r\nX-A: 3\r\nCookie: a\r\nCookie: b\r\nContent-Type: t/p\r\n"
    seen = environ_seen(
        serve,
        b"POST /a%20%C3%A9?q=%20 HTTP/1.1\r\nHost: h\r\n"
        + lines
        + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    assert seen.pop("REMOTE_PORT").isdecimal()
    assert seen.pop("SERVER_PORT").isdecimal()
    assert {name: value for name, value in seen.items() if name.isupper()} == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a é".encode().decode("latin-1"),
        "QUERY_STRING": "q=%20",
        "REQUEST_URI": "/a%20%C3%A9?q=%20",
        "CONTENT_TYPE": "t/p",
        "CONTENT_LENGTH": "3",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "h",
        "HTTP_CONNECTION": "close",
        "HTTP_COOKIE": "a; b",
        "HTTP_X_A": "1,3",
    }
    assert seen["wsgi.version"] == (1, 0)
    assert seen["wsgi.url_scheme"] == "http"
    flags = ("wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once", "wsgi.input_terminated")
    assert [seen[name] for name in flags] == [True, True, False, True]


def test_what_the_client_left_out_stays_out(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No body: no CONTENT_LENGTH; no media type: an empty one; nor the process's environment."""
    monkeypatch.setenv("HTTPS", "on")
    seen = environ_seen(serve, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert seen["CONTENT_TYPE"] == ""
    assert not {"CONTENT_LENGTH", "PATH", "HTTPS"} & set(seen)


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        (b"//evil/x", "/evil/x", "", "h"),
        (b"http://other:81/x?y", "/x", "y", "other:81"),
        (b"/a?b=c?d", "/a", "b=c?d", "h"),
    ],
)
def test_targets(
    serve: Callable[..., Served], target: bytes, path: str, query: str, host: str
) -> None:
    """Two slashes cannot pass for a host; a host in the target overrules the header."""
    seen = environ_seen(serve, b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (seen["PATH_INFO"], seen["QUERY_STRING"], seen["HTTP_HOST"]) == (path, query, host)


def test_ipv6_is_served(serve: Callable[..., Served]) -> None:
    """Addresses are told without brackets."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        seen = environ_seen(serve, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 address")
    assert (seen["SERVER_NAME"], seen["REMOTE_ADDR"]) == ("::1", "::1")


def test_a_request_leaves_nothing_in_its_thread(serve: Callable[..., Served]) -> None:
    """Context variables are each request's own, although threads are used again."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    def app(environ: Any, start_response: Any) -> list[bytes]:
        before = variable.get()
        variable.set("set")
        start_response(OK, [])
        return [before.encode()]

    served = serve(app)
    assert [served.ask()[2] for _ in range(3)] == [b"none"] * 3


def test_an_example_that_fails_says_why() -> None:
    """What the app raises is the author's business; an answer that is no success too."""

    def refuses(environ: Any, start_response: Any) -> list[bytes]:
        start_response("422 No", [])
        return [environ["wsgi.input"].read(), b" is no such field"]

    for app, said in ((boom, "secret"), (refuses, "answered with 422: {} is no such field")):
        server = AsgiServer(WsgiAdapter(app, 1), Limits(), None, [Example(body=b"{}")])
        with pytest.raises((RuntimeError, OSError), match=said):
            server.run(lambda: None)


def received(client: socket.socket, count: int) -> bytes:
    """Give so many bytes of what comes."""
    data = b""
    while len(data) < count:
        block = client.recv(min(65536, count - len(data)))
        assert block, "the connection was ended"
        data += block
    return data


def head_received(client: socket.socket) -> bytes:
    """Give the next head, and take nothing of what follows."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += received(client, 1)
    return head


def path_of(environ: Any, start_response: Any) -> list[bytes]:
    """Answer with the path, so often as it says."""
    start_response(OK, [])
    path = environ["PATH_INFO"]
    return [path.encode() * int(path.rpartition("/")[2] or 1)]


def test_pipelined_requests_keep_their_order(serve: Callable[..., Served]) -> None:
    """Small, large and our own answers come as they were asked for, however each is sent."""
    served = serve(path_of, keep_alive=0.2)
    paths = [f"/{n}/{(1, 30_000, 1, 5)[n % 4]}" for n in range(40)]
    asked = [*paths, "/healthz", "/last/1"]
    lines = [f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode() for path in asked]
    with socket.create_connection(served.address, timeout=PATIENCE) as client:
        client.sendall(b"".join(lines))
        for path in asked:
            times = int(path.rpartition("/")[2]) if path != "/healthz" else 0
            body = path.encode() * times or b'{"status": "alive"}'
            assert b"\r\ncontent-length: %d\r\n" % len(body) in head_received(client)
            assert received(client, len(body)) == body


def test_each_answer_belongs_to_its_request(serve: Callable[..., Served]) -> None:
    """Also while other connections are reset and their descriptors are used again."""
    served = serve(path_of)
    has_ended = threading.Event()

    def reset() -> None:
        while not has_ended.is_set():
            with socket.create_connection(served.address, timeout=PATIENCE) as client:
                client.sendall(b"GET /reset/1000 HTTP/1.1\r\nHost: h\r\n\r\n")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    found: list[bool] = []

    def ask(name: int) -> None:
        for number in range(200):
            path = f"/{name}/{number}/3"
            found.append(served.ask(path=path)[2] == path.encode() * 3)

    resetting = [threading.Thread(target=reset) for _ in range(2)]
    asking = [threading.Thread(target=ask, args=(name,)) for name in range(3)]
    for thread in (*resetting, *asking):
        thread.start()
    for thread in asking:
        thread.join(4 * PATIENCE)  # many requests
    has_ended.set()
    for thread in resetting:
        thread.join(PATIENCE)
    assert found == [True] * 600
    until(lambda: not served.server.state.connections)


def test_a_slow_reader_gets_all_of_a_small_answer(serve: Callable[..., Served]) -> None:
    """What the kernel does not take at once follows, in order; nothing is sent twice."""
    served = serve(app_of(lambda: [BODY]))
    request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(PATIENCE)
        client.connect(served.address)
        client.sendall(request * 100)  # more than the kernel holds
        threading.Event().wait(0.3)  # for the server to be held up
        for _ in range(100):
            assert b"\r\ncontent-length: 60000\r\n" in head_received(client)
            assert received(client, 60_000) == BODY


BODY = bytes(range(48, 108)) * 1000


def test_one_place_is_enough_for_one_client(serve: Callable[..., Served]) -> None:
    """Who has an answer finds a place for the next request, though the server still tidies up."""
    served = serve(path_of, max_concurrency=1)
    assert {served.ask(path="/a/1")[0] for _ in range(200)} == {200}
    connection = served.connect()
    for _ in range(500):
        connection.request("GET", "/a/1")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"/a/1")
    connection.close()


def test_a_proxy_tells_the_client_of_a_small_request(serve: Callable[..., Served]) -> None:
    """What sends it, and how it came, stands in the environ as for any other request."""
    lines = b"X-Forwarded-For: 10.1.2.3\r\nX-Forwarded-Proto: https\r\n"
    seen = environ_seen(serve, b"GET / HTTP/1.1\r\nHost: h\r\n" + lines + b"\r\n")
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("10.1.2.3", "https")


def test_a_named_proxy_tells_all_of_a_small_request(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does of one that the loop takes: the same environ, whatever answers."""
    monkeypatch.setenv("RUNNER_TRUSTED_PROXIES", "10.0.0.0/8")
    lines = b"x-forwarded-prefix: /m\r\nX-Forwarded-Host: e.org\r\nX-Forwarded-Proto: https\r\n"
    unusual = b"Expect: nothing\r\n"
    for more in (b"", unusual):
        head = b"GET /a HTTP/1.1\r\nHost: h\r\n" + lines + more + b"\r\n"
        seen = environ_seen(serve, head)
        names = ("SCRIPT_NAME", "PATH_INFO", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT")
        assert [seen[name] for name in names] == ["/m", "/a", "e.org", "e.org", "443"]


def split_app(environ: Any, start_response: Any) -> Any:
    """Answer whole, in pieces, or more than a thread sends by itself."""
    start_response(OK, [])
    kinds = {"/pieces": lambda: iter([b"a", b"b"]), "/large": lambda: [b"x" * 300_000]}
    return kinds.get(environ["PATH_INFO"], lambda: [environ["wsgi.input"].read() or b"whole"])()


@pytest.fixture
def in_the_loop(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that the loop had to answer."""
    paths: list[str] = []
    start = AsgiExchange.start

    def noted(exchange: AsgiExchange) -> None:
        paths.append(exchange.path)
        start(exchange)

    monkeypatch.setattr(AsgiExchange, "start", noted)
    return paths


def test_a_thread_answers_plain_requests_alone(
    serve: Callable[..., Served], in_the_loop: list[str]
) -> None:
    """What is unusual, or in pieces, or large, is answered by the loop, on the same connection."""
    connection = serve(split_app).connect()
    asked: list[tuple[str, str, Any, bytes]] = [
        ("GET", "/whole", None, b"whole"),
        ("POST", "/body", b"abc", b"abc"),
        ("GET", "/pieces", None, b"ab"),
        ("GET", "/whole", None, b"whole"),
        ("GET", "/large", None, b"x" * 300_000),
        ("POST", "/chunked", iter([b"abc", b"d"]), b"abcd"),
        ("GET", "/whole", None, b"whole"),
    ]
    for method, path, body, expected in asked:
        connection.request(method, path, body)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, expected)
    connection.close()
    assert in_the_loop == ["/pieces", "/large", "/chunked"]


@pytest.mark.parametrize("cut", [1, 20, 75])
def test_a_request_in_two_pieces_follows_a_plain_one(
    serve: Callable[..., Served], cut: int
) -> None:
    """Whoever reads the first of them, the thread or the loop."""
    request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n" + b"0123456789"
    with socket.create_connection(serve(split_app).address, timeout=PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(20):
            for piece in (request, request[:-cut], request[-cut:]):
                client.sendall(piece)
                if piece == request or piece == request[-cut:]:
                    head_received(client)
                    assert received(client, 10) == b"0123456789"


def test_a_kept_connection_does_not_keep_a_thread(serve: Callable[..., Served]) -> None:
    """With one thread several busy clients are served in turn."""
    served = serve(path_of, most_threads=1)
    found: list[bytes] = []

    def ask(name: int) -> None:
        connection = served.connect()
        for number in range(100):
            connection.request("GET", f"/{name}/{number}/1")
            found.append(connection.getresponse().read())
        connection.close()

    clients = [threading.Thread(target=ask, args=(name,)) for name in range(3)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(PATIENCE)
    assert sorted(found) == sorted(b"/%d/%d/1" % (n, m) for n in range(3) for m in range(100))


def test_the_end_of_a_connection_is_told_with_its_last_answer(
    serve: Callable[..., Served], in_the_loop: list[str]
) -> None:
    """By the thread that sends it."""
    answer = serve(path_of).raw(b"GET /a/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"\r\nconnection: close\r\n\r\n/a/1")
    assert in_the_loop == []


@pytest.mark.parametrize("path", ["/healthz", "/%68ealthz", "/readyz?a"])
def test_a_thread_leaves_health_to_the_server(
    serve: Callable[..., Served], in_the_loop: list[str], path: str
) -> None:
    """However it is written."""
    assert b'{"status": ' in serve(path_of).ask(path=path)[2]
    assert len(in_the_loop) == 1


def test_an_app_may_fail_behind_its_answer(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    """The client has all of it, and the log says what failed."""

    def blocks() -> Iterator[bytes]:
        yield b"ab"
        raise ValueError("too late")

    connection = serve(app_of(blocks, ("Content-Length", "2"))).connect()
    for _ in range(2):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ab"
    connection.close()
    until(lambda: caplog.text.count("too late") >= 2)
