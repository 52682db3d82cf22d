"""Send what one likes on a connection, and read one answer after the other."""

from __future__ import annotations

import http.client
import io
import socket

PATIENCE = 30.0


class Source(io.BufferedReader):
    """What a connection brings; it outlives the answers that are read from it."""

    def makefile(self, mode: str) -> Source:
        return self

    def close(self) -> None:
        """An answer closes what it was read from."""


class Client:
    """One connection, and the answers that come on it.

    Args:
        port: Where it goes.
        buffer: Bytes that it takes before they are read; 0: as many as is usual.
    """

    def __init__(self, port: int, buffer: int = 0) -> None:
        self.sock = socket.socket()
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(("127.0.0.1", port))
        self.source = Source(self.sock.makefile("rb", buffering=0))

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def receive(self, method: str = "GET") -> http.client.HTTPResponse:
        """Read one answer; its body is in ``content``."""
        response = http.client.HTTPResponse(self.source, method=method)  # type: ignore[arg-type]
        response.begin()
        response.content = response.read()  # type: ignore[attr-defined]
        return response

    def ask(
        self, path: str = "/", *lines: str, method: str = "GET", body: bytes = b""
    ) -> http.client.HTTPResponse:
        head = [f"{method} {path} HTTP/1.1", "Host: h", *lines, "", ""]
        self.send("\r\n".join(head).encode() + body)
        return self.receive(method)

    def is_ended(self) -> bool:
        """Wait for the other side's end; no answer may come before it."""
        return self.source.read(1) == b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        io.BufferedReader.close(self.source)
        self.sock.close()


def is_refused(port: int) -> bool:
    """Tell whether nobody accepts any more."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionError:
        return True
    return False
