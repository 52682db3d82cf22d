"""Make a WSGI app of a server of ``http.server`` and its request handler class.

So the handler class gets one request for each instance, from a server that bounds, drains,
counts and logs; what it writes goes out piece by piece, framed anew. A class that reads its
socket by itself, for example to become a WebSocket, is no matter for this module: see
``runner.serving.servers``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import is_hop_by_hop

import httptools

_DROPPED = ("HTTP_CONNECTION", "HTTP_EXPECT")


def wsgi_app_of(server: Any) -> Callable[..., Iterable[bytes]]:
    """Answer by a server's handler class.

    Args:
        server: Of ``socketserver``; it is never bound, and only known to its handlers.
    """
    kind = _without_log(server.RequestHandlerClass)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        client = (environ["REMOTE_ADDR"], int(environ["REMOTE_PORT"] or 0))
        answer = _Answer(start_response)
        kind(_Socket(_Request(environ), client, answer.feed), client, server)
        answer.check()
        return ()

    return app


def _without_log(kind: Any) -> Any:
    """Drop the line that the handler class writes for each request, unless it has its own way."""
    import http.server

    if kind.log_message is not http.server.BaseHTTPRequestHandler.log_message:
        return kind
    return type(kind.__name__, (kind,), {"log_message": lambda *_: None})


class _Request(io.RawIOBase):
    """Read a request as a client might have sent it, its body decoded, as far as it has come."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._body = environ["wsgi.input"]
        if not environ.get("CONTENT_LENGTH"):  # such a class can read no chunks: it gets a length
            body = self._body.read()
            self._body = io.BytesIO(body)
            environ = environ | ({"CONTENT_LENGTH": str(len(body))} if body else {})
        self._head = io.BytesIO(_head_of(environ))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._head.readinto(buffer) or int(self._body.readinto1(buffer))


def _head_of(environ: dict[str, Any]) -> bytes:
    lines = [f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']} {environ['SERVER_PROTOCOL']}"]
    for name, value in environ.items():
        if name.startswith("HTTP_") and name not in _DROPPED:
            lines.append(f"{name[5:].replace('_', '-').title()}: {value}")
    for name in ("Content-Type", "Content-Length"):
        value = environ.get(name.upper().replace("-", "_"))
        lines += [f"{name}: {value}"] if value else []
    lines += ["Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


class _Answer:
    """Read what a handler class writes, and pass it on; the callbacks are the parser's."""

    def __init__(self, start_response: Any) -> None:
        self._start_response = start_response
        self._parser = httptools.HttpResponseParser(self)
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
        """Begin the answer; if it may go on for long, the client sees that at once."""
        status = self._parser.get_status_code()
        if status < 200:
            self._reason, self._fields = b"", []
            return
        said = f"{status} {self._reason.decode('latin-1')}"
        self._write = self._start_response(said, self._fields)
        if all(name.lower() != "content-length" for name, _ in self._fields):
            self._write(b"")

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
        self, request: io.RawIOBase, client: tuple[str, int], send: Callable[[bytes], None]
    ) -> None:
        self._request, self._client, self._send = request, client, send

    def makefile(self, mode: str = "rb", *_: Any, **settings: Any) -> Any:
        """Give what the client sent, or a file that sends."""
        if "r" in mode:
            return io.BufferedReader(self._request)
        return io.BufferedWriter(_Sink(self.sendall))

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
