"""Make a WSGI app of a server of ``http.server`` and its request handler class.

So the handler class gets one request for each instance, from a server that bounds, drains,
counts and logs; what it writes goes out piece by piece, framed anew. A class that reads its
socket by itself, for example to become a WebSocket, is no matter for this module: see
``runner.serving.servers``.
"""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from typing import Any

from runner.http.wsgi_environ import shared_environ
from runner.serving.handler_answer import HandlerAnswer

# Most of an environ, which need not be looked at one by one.
_OF_LINE = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "REQUEST_URI")
_NO_FIELDS = frozenset(shared_environ(None, None, "")) - {"CONTENT_TYPE"} | {*_OF_LINE}
_DROPPED = ("HTTP_CONNECTION", "HTTP_EXPECT")


def wsgi_app_of(server: Any) -> Callable[..., Iterable[bytes]]:
    """Answer by a server's handler class.

    Args:
        server: Of ``socketserver``; it is never bound, and only known to its handlers.
    """
    kind = _handlers_of(server.RequestHandlerClass)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        client = (environ["REMOTE_ADDR"], int(environ["REMOTE_PORT"] or 0))
        answer = HandlerAnswer(start_response)
        kind(_Socket(_with_length(environ), client, answer), client, server)
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


def _handlers_of(makes: Any) -> Any:
    """Give what makes handlers, with ours behind the class, as far as that can be."""
    given = handler_class_of(makes)
    if given is None:
        return makes
    behind = (_ParsedHandler,) if _leaves_reading(given) else ()
    kind: Any = type(given.__name__, (given, *behind), _replaced(given))
    if isinstance(makes, functools.partial):
        kind = functools.partial(kind, *makes.args, **makes.keywords)
    return kind


def _replaced(kind: Any) -> dict[str, Any]:
    """Give what we do instead of a class, where it does as ``http.server`` does."""
    names = ["log_message"] * _is_as_given(kind, "log_message")
    names += ["log_request"] * (bool(names) and _is_as_given(kind, "log_request"))
    return dict.fromkeys(names, lambda *_, **__: None)  # there is an access log


def _is_as_given(kind: Any, name: str) -> bool:
    return getattr(kind, name, None) is getattr(BaseHTTPRequestHandler, name)


def _leaves_reading(kind: Any) -> bool:
    """Tell whether a class reads and writes heads as ``http.server`` does."""
    names = ("handle", "handle_one_request", "parse_request", "handle_expect_100", "setup")
    return all(_is_as_given(kind, name) for name in (*names, "flush_headers"))


class _ParsedHandler(BaseHTTPRequestHandler):
    """Stand behind a handler class and before ``http.server``'s own: no head is written to be read.

    That of a request has been parsed by our own server; that of an answer is taken as it is said.
    Whoever asks for the lines of an answer as ``http.server`` collects them gets these, and
    goes on with them.
    """

    _code: Any = 0
    _message: str | None = None

    def setup(self) -> None:
        """Have what was sent behind the head, and what takes the answer."""
        self.connection = self.request
        self.rfile = self.connection.environ["wsgi.input"]
        if self.wbufsize == 0:
            self.wfile = self.connection.answer
        else:
            self.wfile = self.connection.makefile("wb", self.wbufsize)
        self._said: list[tuple[str, Any]] = []

    def handle_one_request(self) -> None:
        """Answer."""
        environ = self.connection.environ
        self.command, self.path = environ["REQUEST_METHOD"], environ["REQUEST_URI"]
        self.request_version, self.requestline = environ["SERVER_PROTOCOL"], _first_line_of(environ)
        self.raw_requestline = self.requestline.encode("latin-1") + b"\r\n"
        self.headers = headers = self.MessageClass()
        for name, value in _fields_of(environ):
            headers.set_raw(name, value)  # as a parser does, which has checked them
        act = getattr(self, f"do_{self.command}", None)
        if act is None:
            self.send_error(501, f"Unsupported method ({self.command!r})")
        else:
            act()
        self.close_connection = True

    def finish(self) -> None:
        """Close what is open."""
        if self.wfile is not self.connection.answer:
            super().finish()

    def send_response(self, code: int, message: str | None = None) -> None:
        """Begin a head; its date is our server's."""
        self.log_request(code)
        self.send_response_only(code, message)
        self.send_header("Server", self.version_string())

    def send_response_only(self, code: int, message: str | None = None) -> None:
        """Take the status."""
        if "_headers_buffer" in self.__dict__:
            super().send_response_only(code, message)
        self._code, self._message, self._said = code, message, []

    def send_header(self, keyword: str, value: Any) -> None:
        """Take a field."""
        if "_headers_buffer" in self.__dict__:
            super().send_header(keyword, value)
        self._said.append((keyword, f"{value}"))

    def end_headers(self) -> None:
        """Begin the answer."""
        is_written = "_headers_buffer" in self.__dict__ or self.wfile is not self.connection.answer
        if is_written or not self.connection.answer.begin(self._code, self._said):
            super().end_headers()
        self._code, self._said = 0, []

    @functools.cached_property
    def _headers_buffer(self) -> list[bytes]:
        lines = self.__dict__["_headers_buffer"] = list[bytes]()
        if self._code:
            super().send_response_only(self._code, self._message)
        for field in self._said:
            super().send_header(*field)
        return lines


def _with_length(environ: dict[str, Any]) -> dict[str, Any]:
    """Give a body its length: such a class can read no chunks."""
    if environ.get("CONTENT_LENGTH"):
        return environ
    body = environ["wsgi.input"].read()
    if not body:
        return environ
    return environ | {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}


def _fields_of(environ: dict[str, Any]) -> list[tuple[str, str]]:
    fields = [
        (name, value)
        for key in itertools.filterfalse(_NO_FIELDS.__contains__, environ)
        if (value := environ[key]) and (name := _name_of(key))
    ]
    fields.append(("Connection", "close"))
    return fields


@functools.lru_cache(256)
def _name_of(key: str) -> str:
    """Give the header that stands in an environ by this key; none if there is none."""
    if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} or (key[:5] == "HTTP_" and key not in _DROPPED):
        return key.removeprefix("HTTP_").replace("_", "-").title()
    return ""


class _Request(io.RawIOBase):
    """Read a request as a client might have sent it, its body decoded, as far as it has come."""

    def __init__(self, head: bytes, body: Any) -> None:
        self._head, self._body = io.BytesIO(head), body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._head.readinto(buffer) or int(self._body.readinto1(buffer))


def _head_of(environ: dict[str, Any]) -> bytes:
    """Write a request's head."""
    lines = [_first_line_of(environ)]
    lines += [f"{name}: {value}" for name, value in _fields_of(environ)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _first_line_of(environ: dict[str, Any]) -> str:
    return f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']} {environ['SERVER_PROTOCOL']}"


class _Socket:
    """Be the socket of one request, as far as a handler class of ``http.server`` uses it."""

    def __init__(
        self, environ: dict[str, Any], client: tuple[str, int], answer: HandlerAnswer
    ) -> None:
        self.environ, self.answer, self._client = environ, answer, client

    def makefile(self, mode: str = "rb", *_: Any, **settings: Any) -> Any:
        """Give what the client sent, or a file that sends."""
        if "r" not in mode:
            return io.BufferedWriter(self.answer)
        head, body = _head_of(self.environ), self.environ["wsgi.input"]
        if isinstance(body, io.BytesIO):
            return io.BytesIO(head + body.read())
        return io.BufferedReader(_Request(head, body))

    def sendall(self, data: bytes) -> int:
        """Take a piece of the answer."""
        return self.answer.write(data)

    send = sendall

    def getpeername(self) -> tuple[str, int]:
        """Name the client."""
        return self._client

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: the server has deadlines of its own."""

    setsockopt = shutdown = close = lambda self, *_: None
