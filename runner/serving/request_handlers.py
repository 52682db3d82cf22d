"""Make a WSGI app of a server of ``http.server`` and its request handler class.

So the handler class gets whole requests, one at a time for each instance, from a server that
bounds, drains, counts and logs; its answers are framed anew. A class that reads its socket by
itself, for example to become a WebSocket, is no matter for this module: see
``runner.serving.servers``.
"""

from __future__ import annotations

import email.parser
import email.policy
import io
from collections.abc import Callable, Iterable
from typing import Any

from runner.config import Limits
from runner.http.http1 import ChunkedBody

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"}
_DROPPED = ("HTTP_CONNECTION", "HTTP_EXPECT")
_END = b"\r\n\r\n"


def wsgi_app_of(server: Any) -> Callable[..., Iterable[bytes]]:
    """Answer by a server's handler class.

    Args:
        server: Of ``socketserver``; it is never bound, and only known to its handlers.
    """
    kind = _without_log(server.RequestHandlerClass)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        client = (environ["REMOTE_ADDR"], int(environ["REMOTE_PORT"] or 0))
        wire = _Wire(_request(environ), client, start_response)
        kind(wire, client, server)
        return wire.rest()

    return app


def _without_log(kind: Any) -> Any:
    """Drop the line that the handler class writes for each request, unless it has its own way."""
    import http.server

    if kind.log_message is not http.server.BaseHTTPRequestHandler.log_message:
        return kind
    return type(kind.__name__, (kind,), {"log_message": lambda *_: None})


def _request(environ: dict[str, Any]) -> bytes:
    """Write a request as a client might have, its body decoded."""
    lines = [f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']} {environ['SERVER_PROTOCOL']}"]
    for name, value in environ.items():
        if name.startswith("HTTP_") and name not in _DROPPED:
            lines.append(f"{name[5:].replace('_', '-').title()}: {value}")
    for name in ("Content-Type", "Content-Length"):
        value = environ.get(name.upper().replace("-", "_"))
        lines += [f"{name}: {value}"] if value else []
    lines += ["Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + bytes(environ["wsgi.input"].read())


class _Wire:
    """Be the socket of one request, as far as a handler class of ``http.server`` uses it."""

    def __init__(self, request: bytes, client: tuple[str, int], start_response: Any) -> None:
        self._request, self._client, self._start_response = request, client, start_response
        self._head = b""
        self._write: Callable[[bytes], object] | None = None
        self._chunks: ChunkedBody | None = None
        self._coded = bytearray()

    def makefile(self, mode: str = "rb", *_: Any, **settings: Any) -> Any:
        """Give what the client sent, or a file that sends."""
        return io.BytesIO(self._request) if "r" in mode else io.BufferedWriter(_Sink(self.sendall))

    def sendall(self, data: bytes) -> None:
        """Take a piece of the answer."""
        if self._write is None:
            self._head += bytes(data)
            head, end, data = self._head.partition(_END)
            if not end:
                return
            self._start(head)
        if data:
            self._pass_on(bytes(data))

    send = sendall

    def rest(self) -> list[bytes]:
        """End the answer.

        Raises:
            ValueError: There was none, or it is not whole.
        """
        if self._write is None:
            raise ValueError("the handler class gave no answer")
        if self._chunks is not None:
            raise ValueError("the handler class gave half a chunked answer")
        return []

    def getpeername(self) -> tuple[str, int]:
        """Name the client."""
        return self._client

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: the request is here."""

    setsockopt = shutdown = close = lambda self, *_: None

    def _start(self, head: bytes) -> None:
        line, _, fields = head.partition(b"\r\n")
        headers = email.parser.BytesHeaderParser(policy=email.policy.HTTP).parsebytes(fields)
        if "chunked" in str(headers.get("Transfer-Encoding", "")):
            self._chunks = ChunkedBody(Limits(max_body=1 << 62))
        given = [(name, str(value)) for name, value in headers.items()]
        kept = [(name, value) for name, value in given if name.lower() not in _HOP_BY_HOP]
        self._write = self._start_response(line.decode("latin-1").partition(" ")[2], kept)

    def _pass_on(self, data: bytes) -> None:
        if self._chunks is not None:
            self._coded += data
            whole = self._chunks.take(self._coded)
            if whole is None:
                return
            self._chunks, data = None, whole
        if self._write is not None:
            self._write(data)


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
