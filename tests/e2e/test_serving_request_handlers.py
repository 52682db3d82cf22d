"""A handler class of ``http.server`` on the one HTTP stack."""

from __future__ import annotations

import contextlib
import functools
import http.client
import http.server
import io
import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from runner.config import Limits
from runner.http.server import AsgiServer
from runner.http.wsgi_adapter import WsgiAdapter
from runner.serving.request_handlers import wsgi_app_of

NEXT = threading.Semaphore(0)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answer as handlers in notebooks do, and in ways that are harder to frame."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        facts = {"body": body.decode(), "path": self.path, "client": self.client_address[0]}
        content = json.dumps({**facts, "x": self.headers["X-Mine"]}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        if self.path == "/none":
            self.send_response(204)
            self.end_headers()
        elif self.path == "/fail":
            raise RuntimeError("as a bug does")
        elif self.path == "/chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"):
                self.wfile.write(part)
        elif self.path.startswith("/events"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            if self.path.endswith("chunked"):
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(3):
                assert NEXT.acquire(timeout=10)
                chunk = b"d\r\ndata: event\n\n\r\n"
                self.wfile.write(chunk if self.path.endswith("chunked") else b"data: event\n\n")
            if self.path.endswith("chunked"):
                self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/half":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\none\r\n")
        elif self.path == "/long":
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok and more")
        else:
            self.send_response(200)
            self.end_headers()
            for part in (b"no ", b"length"):
                self.wfile.write(part)


class Server(http.server.ThreadingHTTPServer):
    """Bind nothing, as an adopted one."""

    def server_bind(self) -> None:
        self.server_name, self.server_port = "x", 1

    def server_activate(self) -> None:
        pass


@contextlib.contextmanager
def connected(kind: type) -> Iterator[http.client.HTTPConnection]:
    """Connect to a handler class, behind our server."""
    with Server(("", 0), kind) as owner:
        adapter = WsgiAdapter(wsgi_app_of(owner), 4)
        server = AsgiServer(adapter, Limits(linger=0.1, drain_timeout=1))
        ready = threading.Event()
        thread = threading.Thread(target=server.run, args=(ready.set,))
        thread.start()
        ready.wait(5)
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server.accept(listener)
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            yield asked
        finally:
            asked.close()
            server.drain()
            thread.join(5)


@pytest.fixture
def connection() -> Iterator[http.client.HTTPConnection]:
    """A connection to the handler class."""
    with connected(Handler) as asked:
        yield asked


def get(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_handler_gets_the_whole_request(connection: http.client.HTTPConnection) -> None:
    """Path, headers, body and client are what was sent; its status and headers come back."""
    for _ in range(2):  # the connection is kept, although the class itself closes it
        connection.request("POST", "/a%20b?c=d", b"given", {"X-Mine": "7"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Type"]) == (201, "application/json")
        facts = {"body": "given", "path": "/a%20b?c=d", "client": "127.0.0.1", "x": "7"}
        assert json.loads(answer.read()) == facts


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [("/", 200, b"no length"), ("/none", 204, b""), ("/chunks", 200, b"onetwo")],
)
def test_every_framing_arrives(
    connection: http.client.HTTPConnection, path: str, status: int, body: bytes
) -> None:
    """With a length, without one, without a body, and in chunks."""
    for _ in range(2):
        assert get(connection, path) == (status, body)


@pytest.mark.parametrize("path", ["/events", "/events-chunked"])
def test_events_are_seen_one_by_one(connection: http.client.HTTPConnection, path: str) -> None:
    """The head and each event are with the client before the class goes on."""
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == "text/event-stream"
    for _ in range(3):
        NEXT.release()
        assert answer.readline() + answer.readline() == b"data: event\n\n"
    assert answer.read() == b""


def test_half_an_answer_is_not_passed_off_as_whole(
    connection: http.client.HTTPConnection,
) -> None:
    """A chunked answer without its end is cut."""
    connection.request("GET", "/half")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()


def test_what_stands_behind_the_answer_is_dropped(connection: http.client.HTTPConnection) -> None:
    """It would be read as the beginning of the next answer."""
    for _ in range(2):
        assert get(connection, "/long") == (200, b"ok")


def test_a_large_body_is_read_as_it_comes(connection: http.client.HTTPConnection) -> None:
    """With a length, and in chunks, which such a class cannot read by itself."""
    body = b"0123456789" * 100_000
    for given in (body, iter([body[:70_000], body[70_000:]])):
        connection.request("POST", "/", given)
        answer = connection.getresponse()
        assert json.loads(answer.read())["body"] == body.decode()


def test_a_method_it_does_not_know_is_its_own_answer(
    connection: http.client.HTTPConnection,
) -> None:
    """``http.server`` says 501 itself."""
    connection.request("DELETE", "/")
    assert connection.getresponse().status == 501


def test_a_handler_that_raises_costs_one_answer(connection: http.client.HTTPConnection) -> None:
    """The client is told 500, and the next request is answered."""
    assert get(connection, "/fail")[0] == 500
    assert get(connection, "/none")[0] == 204


def test_health_is_answered_before_it(connection: http.client.HTTPConnection) -> None:
    """As for every app."""
    status, body = get(connection, "/healthz")
    assert (status, json.loads(body)) == (200, {"status": "alive"})


def test_a_class_that_parses_by_itself_gets_what_was_sent() -> None:
    """Else it is given what our server has parsed; the same headers stand there either way."""
    heard = []
    for is_parsing in (False, True):
        seen: list[Any] = []

        class Seeing(Handler):
            heard = seen

            def do_GET(self) -> None:
                self.heard += [self.command, self.path, self.request_version, self.requestline]
                self.heard.append(sorted(self.headers.items()))
                self.send_response(204)
                self.end_headers()

        class Parsing(Seeing):
            def parse_request(self) -> bool:
                return super().parse_request()

        environ = {
            "REQUEST_METHOD": "GET",
            "REQUEST_URI": "/x?y",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "",
            "REMOTE_PORT": "",
            "wsgi.input": io.BytesIO(),
            "CONTENT_TYPE": "text/plain",
            "HTTP_X_MINE": "7",
            "HTTP_EXPECT": "100-continue",
        }
        with Server(("", 0), Parsing if is_parsing else Seeing) as owner:
            assert wsgi_app_of(owner)(environ, lambda *_: lambda _: None) == ()
        heard.append(seen)
    assert heard[0] == heard[1]
    assert heard[0][4] == [("Connection", "close"), ("Content-Type", "text/plain"), ("X-Mine", "7")]


class OwnEnd(Handler):
    """Add to each head, as classes do that let other sites ask."""

    def end_headers(self) -> None:
        self.send_header("X-Mine", "7")
        super().end_headers()


class EndOfBase(Handler):
    """Do so by the class that it knows."""

    def end_headers(self) -> None:
        http.server.BaseHTTPRequestHandler.send_header(self, "X-Mine", "7")
        http.server.BaseHTTPRequestHandler.end_headers(self)


class Lines(Handler):
    """Put a line of its own among those that ``http.server`` collects."""

    def end_headers(self) -> None:
        self._headers_buffer = [
            line for line in self._headers_buffer if not line.startswith(b"Date:")
        ]
        self._headers_buffer.append(b"X-Mine: 7\r\n")
        super().end_headers()


class InPieces(Handler):
    """Send a head as it is said, and ask once more that it be sent."""

    def send_header(self, keyword: str, value: str) -> None:
        super().send_header(keyword, value)
        self.flush_headers()

    def end_headers(self) -> None:
        self.send_header("X-Mine", "7")
        super().end_headers()
        self.flush_headers()


class OwnFlush(Handler):
    """Change what is sent."""

    def flush_headers(self) -> None:
        self._headers_buffer.insert(-1, b"X-Mine: 7\r\n")
        super().flush_headers()


class FlushOnceMore(OwnEnd):
    """Ask that it be sent although it is."""

    def end_headers(self) -> None:
        super().end_headers()
        self.flush_headers()


class OwnFile(Handler):
    """Write to a file of its own, and send what is there and more."""

    def end_headers(self) -> None:
        given, self.wfile = self.wfile, io.BytesIO()
        super().end_headers()
        head = self.wfile.getvalue().replace(b"Server:", b"X-Mine: 7\r\nServer:")
        given.write(memoryview(head))
        self.wfile = given


class Buffered(OwnEnd):
    """Have a buffer, which something else has, too."""

    wbufsize = 1_000
    kept: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        self.kept.append(self.wfile)
        super().do_POST()


class Continue(Handler):
    """Say first that it will answer."""

    protocol_version = "HTTP/1.1"

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(100)
        self.send_header("X-Mine", "6")
        self.end_headers()
        super().send_response(code, message)
        self.send_header("X-Mine", "7")


class ContinueByItself(OwnEnd):
    """Write that by itself."""

    protocol_version = "HTTP/1.1"

    def send_response(self, code: int, message: str | None = None) -> None:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        super().send_response(code, message)


class Twice(OwnEnd):
    """Think better of an answer before it is sent."""

    def send_response(self, code: int, message: str | None = None) -> None:
        super().send_response(599, "no")
        self.send_header("X-Mine", "6")
        super().send_response(code, message)


class TooLate(OwnEnd):
    """Think better of it when it is sent."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(content)
        self.send_error(500)


class ByItself(Handler):
    """Write all by itself."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        for part in (b"HTTP/1.1 201 Created\r\nX-Mine", b": 7\r\nContent-Length: %d\r\n\r\n"):
            self.wfile.write(part % len(content) if b"%" in part else part)
        self.connection.sendall(content)


@pytest.mark.parametrize(
    "kind",
    [
        *(OwnEnd, EndOfBase, Lines, InPieces, OwnFlush, FlushOnceMore, OwnFile, Buffered),
        *(Continue, ContinueByItself, Twice, TooLate, ByItself),
    ],
)
def test_a_head_may_be_said_or_written_in_any_way(kind: type) -> None:
    """Whatever a class does of what ``http.server`` does for it, the client sees one answer."""
    with connected(kind) as connection:
        for body in (b"one", b"and two"):
            connection.request("POST", "/", body)
            answer = connection.getresponse()
            assert (answer.status, answer.headers.get_all("X-Mine")) == (201, ["7"])
            assert len(answer.headers.get_all("Date", [])) == 1
            assert body in answer.read()


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Mine", "7\r\nSet-Cookie: a"), ("X-Mine", "\n7"), ("X:", "7"), ("Content-Length", "-1")],
)
def test_no_field_breaks_out_of_its_line(name: str, value: str) -> None:
    """The client is told 500, and gets nothing of it."""

    class Breaking(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header(name, value)
            self.end_headers()

    with connected(Breaking) as connection:
        for _ in range(2):
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert (answer.status, answer.headers["Set-Cookie"]) == (500, None)
            answer.read()


def test_a_path_is_no_host(tmp_path: Path) -> None:
    """A class that redirects to its path sends nobody elsewhere."""
    (tmp_path / "folder").mkdir()

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words, directory=str(tmp_path))

    with connected(Files) as connection:
        connection.request("GET", "//folder")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (301, "/folder/")


@pytest.mark.parametrize("is_partial", [True, False], ids=["partial", "function"])
def test_any_callable_makes_handlers(
    is_partial: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A partial class is replaced as the class would be; what cannot be seen into, as it is."""
    (tmp_path / "a.txt").write_text("file")
    kind = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    makes: Any = kind if is_partial else kind.__call__
    environ = {
        "REMOTE_ADDR": "x",
        "REMOTE_PORT": "1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/a.txt",
        "wsgi.input": io.BytesIO(),
    }
    said: list[bytes] = []
    with http.server.HTTPServer(("127.0.0.1", 0), makes) as owner:
        wsgi_app_of(owner)(environ, lambda *_: said.append)
    assert b"".join(said) == b"file"
    assert bool(capsys.readouterr().err) is not is_partial


def test_only_its_own_log_lines_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """The class's line per request is dropped, for there is an access log; one of its own stays."""

    class Loud(Handler):
        def log_message(self, *args: Any) -> None:
            sys.stderr.write("mine")

    environ = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/", "SERVER_PROTOCOL": "HTTP/1.1"}
    for kind in (Handler, Loud):
        with Server(("", 0), kind) as owner:
            more = {"REMOTE_ADDR": "", "REMOTE_PORT": "", "wsgi.input": io.BytesIO()}
            wsgi_app_of(owner)({**environ, **more}, lambda *_: lambda data: None)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "mine")
