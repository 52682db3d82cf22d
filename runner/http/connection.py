"""Speak with one client: read its requests, send answers in bounded time, part politely."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from typing import Any

from runner.config import Limits
from runner.http.http1 import Request, RequestReader

_DROP_SECONDS = 2.0
_DROP_BYTES = 64 * 1024 * 1024
_READ = 65_536


class Connection:
    """Hold an accepted socket, which never blocks longer than the limits say.

    Attributes:
        client: Address and port of the other side; empty and 0 for a Unix socket.
        server: Our own, likewise.
        is_parting: Nothing more is answered; what still comes is read and dropped, because
            closing on unread data makes the client's system discard our answer (RFC 9112, 9.6).
        is_closed: The socket is closed.
        since: When the present wait for the client began, on the monotonic clock.
    """

    def __init__(self, sock: socket.socket, address: Any, limits: Limits) -> None:
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.client = _host_and_port(address)
        self.server = _host_and_port(sock.getsockname())
        self.reader = RequestReader(limits)
        self.is_parting = self.is_closed = False
        self._limits = limits
        self.since = time.monotonic()
        self._dropped = 0

    @property
    def is_idle(self) -> bool:
        """Tell whether the client has no request under way."""
        return not self.is_parting and not self.reader.is_started

    @property
    def deadline(self) -> float:
        """Say until when, on the monotonic clock, we wait for the client."""
        if self.is_parting:
            return self.since + _DROP_SECONDS
        if self.reader.is_started:
            return self.since + self._limits.read_timeout
        return self.since + self._limits.keep_alive

    def rest(self) -> None:
        """Begin to wait for the next request; a part of it may be here already."""
        self.since = time.monotonic()

    def receive(self) -> Request | None:
        """Read what is there; give the next request if that makes it whole.

        Raises:
            RefusedError: What came is not to be answered by an app.
            ConnectionError: The client has gone.
        """
        was_started = self.reader.is_started
        try:
            data = self.sock.recv(_READ)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionAbortedError
        self.reader.feed(data)
        request = self.reader.next()
        if self.reader.is_started and not was_started:
            self.since = time.monotonic()
        if self.reader.take_continue():
            self.send_some(b"HTTP/1.1 100 Continue\r\n\r\n")
        return request

    def receive_soon(self, seconds: float) -> Request | None:
        """Wait a moment for the next request, as ``receive`` does."""
        self.rest()
        if request := self.reader.next():
            return request
        return self.receive() if self._wait(select.POLLIN, seconds) else None

    def send_some(self, data: bytes) -> bytes:
        """Send without waiting; give what did not fit."""
        try:
            return data[self.sock.send(data) :]
        except BlockingIOError:
            return data

    def send(self, data: bytes) -> None:
        """Send all.

        Raises:
            TimeoutError: Nothing could be sent for ``write_timeout`` seconds.
            ConnectionError: The client has gone.
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.sock.send(rest) :]
            except BlockingIOError:
                if not self._wait(select.POLLOUT, self._limits.write_timeout):
                    raise TimeoutError("the client takes nothing") from None

    def part(self) -> None:
        """End our side, and from now on drop what the client still sends."""
        self.is_parting = True
        self.rest()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def leave(self) -> None:
        """Close behind an answer; part politely only if the client has sent yet more."""
        self.part()
        try:
            has_more = self.reader.is_started or bool(self.sock.recv(1))
        except OSError:
            has_more = False
        if not has_more:
            self.close()

    def drop(self) -> bool:
        """Read and forget; False when nothing more is to be expected, or too much came."""
        try:
            count = len(self.sock.recv(_READ))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._dropped += count
        return count > 0 and self._dropped < _DROP_BYTES

    def cut(self) -> None:
        """Wake whoever waits for the client in another thread: it will find the client gone."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self.is_closed = True
        self.sock.close()

    def _wait(self, event: int, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self.sock, event)
        return bool(poll.poll(seconds * 1000))


def _host_and_port(address: Any) -> tuple[str, int]:
    return (address[0], address[1]) if isinstance(address, tuple) else ("", 0)
