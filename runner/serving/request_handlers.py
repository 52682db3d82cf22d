"""Make a WSGI app of a server of ``http.server`` and its request handler class.

So the handler class gets one request for each instance, from a server that bounds, drains,
counts and logs; what it writes goes out piece by piece, framed anew. A class that reads its
socket by itself, for example to become a WebSocket, is no matter for this module: see
``runner.serving.servers``.
"""

from __future__ import annotations

import functools
import io
import re
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any
from wsgiref.util import is_hop_by_hop

import httptools

_DROPPED = ("HTTP_CONNECTION", "HTTP_EXPECT")
# A whole head, as `send_response`, `send_header` and `end_headers` write one.
_HEAD = re.compile(
    rb"HTTP/1\.[01] ([2-5][0-9]{2}(?: [^\r\n]*+)?)\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[^\r\n]*+\r\n)*+)\r\n"
)
_FIELD = re.compile(r"([^:\n]++):[ \t]*+([^\r]*+)\r\n")


def wsgi_app_of(server: Any) -> Callable[..., Iterable[bytes]]:
    """Answer by a server's handler class.

    Args:
        server: Of ``socketserver``; it is never bound, and only known to its handlers.
    """
    kind, is_parsed = _handlers_of(server.RequestHandlerClass)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        client = (environ["REMOTE_ADDR"], int(environ["REMOTE_PORT"] or 0))
        answer = _Answer(start_response)
        environ = _with_length(environ)
        kind(_Socket(environ, client, answer.feed, is_parsed=is_parsed), client, server)
        answer.check()
        return ()

    return app


def handler_class_of(makes: Any) -> type | None:
    """Find the class of the handlers that something makes; None if that cannot be seen.

    Args:
        makes: A handler class, a ``functools.partial`` of one, or any other callable.
    """
    if isinstance(makes, functools.partial):
        makes = makes.func
    return makes if isinstance(makes, type) else None


def _handlers_of(makes: Any) -> tuple[Callable[..., Any], bool]:
    """Give what makes handlers, replaced as far as can be, and whether they get parsed heads."""
    given = handler_class_of(makes)
    if given is None:
        return makes, False
    is_parsed = _leaves_parsing(given)
    kind: Any = type(given.__name__, (given,), _replaced(given, is_parsed=is_parsed))
    if isinstance(makes, functools.partial):
        kind = functools.partial(kind, *makes.args, **makes.keywords)
    return kind, is_parsed


def _replaced(kind: Any, *, is_parsed: bool) -> dict[str, Any]:
    """Give what we do instead of a class, where it does as ``http.server`` does."""
    own: dict[str, Any] = {
        "log_message": lambda *_: None,  # there is an access log
        "date_time_string": _date_time_string,  # which would be made anew for each answer
    }
    kept = {name: act for name, act in own.items() if _is_as_given(kind, name)}
    return kept | ({"parse_request": _take_parsed} if is_parsed else {})


def _is_as_given(kind: Any, name: str) -> bool:
    return getattr(kind, name, None) is getattr(BaseHTTPRequestHandler, name)


def _date_time_string(_: Any, timestamp: float | None = None) -> str:
    return _date_of(int(time.time() if timestamp is None else timestamp))


@functools.lru_cache(16)
def _date_of(timestamp: int) -> str:
    return formatdate(timestamp, usegmt=True)


def _leaves_parsing(kind: Any) -> bool:
    """Tell whether a class reads requests as ``http.server`` does, by which one is parsed twice."""
    names = ("handle", "handle_one_request", "parse_request", "handle_expect_100", "setup")
    return all(_is_as_given(kind, name) for name in names)


def _take_parsed(handler: Any) -> bool:
    """Be a ``parse_request`` for what our own server has parsed."""
    environ = handler.connection.environ
    handler.command, handler.path = environ["REQUEST_METHOD"], environ["REQUEST_URI"]
    handler.request_version = environ["SERVER_PROTOCOL"]
    handler.requestline = str(handler.raw_requestline, "latin-1").rstrip("\r\n")
    handler.close_connection = True
    handler.headers = headers = handler.MessageClass()
    for name, value in _fields_of(environ):
        headers.set_raw(name, value)  # as a parser does, which has checked them
    return True


def _with_length(environ: dict[str, Any]) -> dict[str, Any]:
    """Give a body its length: such a class can read no chunks."""
    if environ.get("CONTENT_LENGTH"):
        return environ
    body = environ["wsgi.input"].read()
    if not body:
        return environ
    return environ | {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}


def _fields_of(environ: dict[str, Any]) -> list[tuple[str, str]]:
    fields = [(name, value) for key, value in environ.items() if value and (name := _name_of(key))]
    return [*fields, ("Connection", "close")]


@functools.lru_cache(256)
def _name_of(key: str) -> str:
    """Give the header that stands in an environ by this key; none if there is none."""
    if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} or (key[:5] == "HTTP_" and key not in _DROPPED):
        return key.removeprefix("HTTP_").replace("_", "-").title()
    return ""


@functools.lru_cache(256)
def _passed_on(name: str) -> str:
    """Give the name of an answer's header as it is compared; none if it is not passed on."""
    key = name.lower()
    return key if key == "transfer-encoding" or not is_hop_by_hop(key) else ""


class _Request(io.RawIOBase):
    """Read a request as a client might have sent it, its body decoded, as far as it has come."""

    def __init__(self, head: bytes, body: Any) -> None:
        self._head, self._body = io.BytesIO(head), body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._head.readinto(buffer) or int(self._body.readinto1(buffer))


def _head_of(environ: dict[str, Any], *, is_parsed: bool) -> bytes:
    """Write a request's head; only its first line, if the rest is parsed."""
    lines = [f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']} {environ['SERVER_PROTOCOL']}"]
    if not is_parsed:
        lines += [f"{name}: {value}" for name, value in _fields_of(environ)]
        lines.append("")
    return "\r\n".join([*lines, ""]).encode("latin-1")


class _Answer:
    """Read what a handler class writes, and pass it on; the callbacks are the parser's."""

    def __init__(self, start_response: Any) -> None:
        self._start_response = start_response
        self._parser: Any = None  # for a head that did not come whole, and for chunks
        self._left: int | None = None  # of the Content-Length
        self._reason = b""
        self._fields: list[tuple[str, str]] = []
        self._write: Callable[[bytes], object] | None = None
        self._is_chunked = self._is_whole = False
        self._failure: BaseException | None = None

    def feed(self, data: bytes) -> None:
        """Take a piece of the answer; what is written behind its end is dropped."""
        if self._failure is not None:
            raise self._failure
        if self._is_whole:
            return
        if self._parser is None and self._write is None:
            data = self._begin(data)
        if self._parser is None:
            self._pass_on(data)
        else:
            self._parse(data)

    def _begin(self, data: bytes) -> bytes:
        """Take the head, if it is here as a whole; give what comes behind it."""
        found = _HEAD.match(data)
        if found is None or not self._take_fields(found[2].decode("latin-1")):
            self._parser, self._fields = httptools.HttpResponseParser(self), []
            return data
        self._start(found[1].decode("latin-1"))
        return data[found.end() :]

    def _take_fields(self, lines: str) -> bool:
        """Take the fields of a head, but those of the connection; tell whether that was all."""
        length = None
        for field in _FIELD.findall(lines):
            name = _passed_on(field[0])
            if name == "content-length":
                length = field[1]
            elif name == "transfer-encoding":
                return False
            if name:
                self._fields.append(field)
        if length is not None:
            if not (length.isascii() and length.isdecimal()):
                return False
            self._left = int(length)
        return True

    def _start(self, status: str) -> None:
        """Begin the answer; if it may go on for long, the client sees that at once."""
        self._write = self._start_response(status, self._fields)
        if all(_passed_on(name) != "content-length" for name, _ in self._fields):
            self._write(b"")

    def _pass_on(self, data: bytes) -> None:
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        if data and self._write is not None:
            self._write(data)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self._failure = error.__context__ or error
            raise self._failure from None
        except httptools.HttpParserError:
            if not self._is_whole:
                raise

    def check(self) -> None:
        """Accept the answer.

        Raises:
            ValueError: There was none, or it is not whole.
        """
        if self._write is None:
            raise ValueError("the handler class gave no answer")
        if self._is_chunked and not self._is_whole:
            raise ValueError("the handler class gave half a chunked answer")

    def on_status(self, reason: bytes) -> None:
        """Take the words behind the status."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, unless it speaks of the connection."""
        field = (name.decode("latin-1"), value.decode("latin-1"))
        self._is_chunked |= name.lower() == b"transfer-encoding" and b"chunked" in value.lower()
        if not is_hop_by_hop(field[0]):
            self._fields.append(field)

    def on_headers_complete(self) -> None:
        """Begin the answer, unless there is another to come."""
        status = self._parser.get_status_code()
        if status < 200:
            self._reason, self._fields = b"", []
        else:
            self._start(f"{status} {self._reason.decode('latin-1')}")

    def on_body(self, data: bytes) -> None:
        """Pass a piece of the body on."""
        if self._write is not None:
            self._write(data)

    def on_message_complete(self) -> None:
        """Note the end."""
        self._is_whole = self._write is not None


class _Socket:
    """Be the socket of one request, as far as a handler class of ``http.server`` uses it."""

    def __init__(
        self,
        environ: dict[str, Any],
        client: tuple[str, int],
        send: Callable[[bytes], None],
        *,
        is_parsed: bool,
    ) -> None:
        self.environ, self._client, self._send = environ, client, send
        self._is_parsed = is_parsed

    def makefile(self, mode: str = "rb", *_: Any, **settings: Any) -> Any:
        """Give what the client sent, or a file that sends."""
        if "r" not in mode:
            return io.BufferedWriter(_Sink(self.sendall))
        head, body = _head_of(self.environ, is_parsed=self._is_parsed), self.environ["wsgi.input"]
        if isinstance(body, io.BytesIO):
            return io.BytesIO(head + body.read())
        return io.BufferedReader(_Request(head, body))

    def sendall(self, data: bytes) -> None:
        """Take a piece of the answer."""
        self._send(bytes(data))

    send = sendall

    def getpeername(self) -> tuple[str, int]:
        """Name the client."""
        return self._client

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: the server has deadlines of its own."""

    setsockopt = shutdown = close = lambda self, *_: None


class _Sink(io.RawIOBase):
    """Be the file that a handler class with a write buffer asks for."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def writable(self) -> bool:
        """Be written to."""
        return True

    def write(self, data: Any) -> int:
        """Send."""
        self._send(bytes(data))
        return len(data)
