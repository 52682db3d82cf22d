"""Let a thread answer the plain requests of one connection by itself, one after the other.

The rules of this file:

1. A request whose head is plain and whose body is here is lent to a thread, with its connection:
   the loop reads nothing of it and writes nothing to it until it has it back.
2. The thread writes a whole small answer itself. Then it waits a moment for the next request, if no
   other call waits for a thread, and the server does not drain. Whatever is not plain, and whatever
   the kernel does not take at once, goes back to the loop. So does an answer in pieces.
3. A connection whose thread waits has no request in hand: it takes nobody's place.
4. The descriptor is open while a thread uses it: the loop tells by ``connection_lost`` before it
   closes one, and waits there for the thread.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import select
import socket
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runner.http.asgi_exchange import AsgiExchange
from runner.http.client_link import Pause
from runner.http.connection import Connection, Owner
from runner.http.exchange import Exchange
from runner.http.own_answers import BUSY
from runner.http.plain_head import PlainHead, fields_of, plain_head
from runner.http.request_head import RequestHead
from runner.http.response_head import header_lines, status_line
from runner.http.scope import path_of
from runner.http.wsgi_call import MOST_BUFFERED
from runner.http.wsgi_environ import add_fields, add_request, client_environ, shared_environ

if TYPE_CHECKING:
    from runner.http.wsgi_adapter import WsgiAdapter

log = logging.getLogger(__name__)

_MOST_READ = 16_384
_MOMENT = 2  # milliseconds
_MOST_WAITING = 8  # threads; more of them would be in each other's way


class WsgiConnection(Connection):
    """Speak HTTP on one connection, and lend it to threads.

    Args:
        owner: The server.
        adapter: Has the threads.
    """

    def __init__(self, owner: Owner, adapter: WsgiAdapter) -> None:
        super().__init__(owner)
        self.adapter = adapter
        self.lock = threading.Lock()  # of the descriptor
        self.descriptor = -1
        self.news = select.poll()
        self.shared: dict[str, Any] = {}  # of all environs

    def connection_made(self, transport: Any) -> None:
        """Note what a thread may read and write."""
        super().connection_made(transport)
        plain = transport.get_extra_info("socket")
        if plain is not None and transport.get_extra_info("sslcontext") is None:
            self.descriptor = plain.fileno()
            self.news.register(self.descriptor, select.POLLIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let no thread touch the descriptor any more: it is closed next."""
        with self.lock:
            self.descriptor = -1
        super().connection_lost(exc)

    def has_room(self) -> bool:
        """Tell that one more request may be begun."""
        in_hand = self.state.in_flight - len(self.adapter.waiting)
        return in_hand < self.limits.max_concurrency and not self.is_write_paused

    def take_plain(self, data: bytes) -> bytes | None:
        """Take a plain request, if nothing has come behind it."""
        if self.descriptor < 0 or self.transport.get_write_buffer_size():
            return None
        request = self.plain_request(data)
        if request is None or not self.has_room():
            return None
        head, path, body = request
        lent = LentConnection(self, head, path, body)
        if len(body) < head.length:
            lent.body = b""
            self.begin(lent, head.length)
            return body
        self.begin(lent, 0)
        lent.end_body()
        return b""

    def plain_request(self, data: bytes) -> tuple[PlainHead, str, bytes] | None:
        """Read a plain request: its head, its path, and what is here of its body.

        Returns:
            None if it is not for a thread.
        """
        head, limits = plain_head(data), self.limits
        if head is None or head.end > limits.max_header:
            return None
        body = data[head.end :]
        if not len(body) <= head.length <= min(MOST_BUFFERED, limits.max_body):
            return None
        path = path_of(head.target.partition(b"?")[0])
        is_asked = path in (limits.health_path, limits.ready_path) and head.method in _ASKING
        return None if is_asked else (head, path, body)

    # -- what comes back from a thread, in the loop

    def take_back(self, lent: LentConnection, unread: bytes, unsent: bytes) -> None:
        """Go on, behind the answer that a thread gave."""
        if self._is_lost(lent):
            return
        lent.is_complete = True
        lent.leave()
        self.unread = unread + self.unread
        if unsent:
            self.write(unsent)
        self.go_on(lent)

    def pass_on(self, lent: LentConnection, app: Any) -> None:
        """Let an ASGI app answer in the loop what a thread was to answer."""
        if self._is_lost(lent):
            app.give_up()
            return
        plain, scope = lent.head, {"method": lent.method, "path": lent.path}
        head = RequestHead(
            plain.method, plain.target, "1.1", [], plain.length, plain.keeps, False, b""
        )
        exchange = AsgiExchange(self, head, scope, app, keep_alive=lent.keep_alive)
        exchange.since = lent.since
        self.exchange = exchange
        exchange.start()
        exchange.end_body()

    def _is_lost(self, lent: LentConnection) -> bool:
        self.adapter.waiting.discard(lent)
        if self.exchange is not lent:
            return True
        self.resume_reading(Pause.LENT)
        return False


_ASKING = (b"GET", b"HEAD")
_FIELD = re.compile(r"\n([^:]++):[\t ]*+([^\r]*+)")


class LentConnection(Exchange):
    """Be the requests of a connection while a thread has it."""

    __slots__ = ("_is_passed_on", "_unsent", "body", "head")

    connection: WsgiConnection

    def __init__(self, connection: WsgiConnection, head: PlainHead, path: str, body: bytes) -> None:
        super().__init__(connection, "", path, keep_alive=True)
        self._is_passed_on, self._unsent = False, b""
        self._take(head, path, body)

    def _take(self, head: PlainHead, path: str, body: bytes) -> None:
        self.head, self.body = head, body
        self.method, self.path, self.since = head.method.decode("ascii"), path, time.monotonic()
        self.keep_alive = head.keeps and not self.connection.owner.is_draining
        self.is_started = False

    def take_body(self, data: bytes) -> None:
        """Take a piece of the body; in the loop."""
        self.body += data

    def end_body(self) -> None:
        """Lend the connection to a thread; in the loop."""
        connection = self.connection
        connection.pause_reading(Pause.LENT)
        try:
            connection.adapter.threads.start(self.answer_all)
        except RuntimeError as error:
            log.warning("no thread could be started: %s", error)
            connection.pass_on(self, BUSY)

    def answer_all(self) -> None:
        """Answer requests as long as they come."""
        connection = self.connection
        adapter, loop = connection.adapter, connection.loop
        while True:
            adapter.call(self)
            if self._is_passed_on:
                return
            data = self._read() if self._may_read_on() else b""
            request = connection.plain_request(data) if data else None
            if request is not None and len(request[2]) < request[0].length:
                data += self._read()  # many clients send a body behind its head
                request = connection.plain_request(data)
            if request is None or len(request[2]) < request[0].length or not connection.has_room():
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(connection.take_back, self, data, self._unsent)
                return
            adapter.waiting.discard(self)
            self._take(*request)

    def environ(self) -> dict[str, Any]:
        """Describe the request as CGI does."""
        connection = self.connection
        if not connection.shared:
            connection.shared = shared_environ(connection.server, connection.client, "http")
        environ = connection.shared.copy()
        path, _, query = self.head.target.decode("ascii").partition("?")
        add_request(environ, self.method, path, query, io.BytesIO(self.body))
        fields = _FIELD.findall(self.head.lines.decode("latin-1"))
        add_fields(environ, [(name, value.rstrip(" \t")) for name, value in fields])
        if "HTTP_X_FORWARDED_FOR" in environ or "HTTP_X_FORWARDED_PROTO" in environ:
            client, proxies = connection.client, connection.owner.proxies
            if client is None or client[0] in proxies:
                scheme, client = proxies.forwarded(fields_of(self.head), "http", client)
                environ |= client_environ(client, scheme)
        return environ

    def answer(self, status: int, fields: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send a whole answer, whose fields say the body's length; False if that cannot be.

        Raises:
            HeaderError: A field must not be sent.
        """
        connection = self.connection
        keeps = self.keep_alive
        lines = status_line(status) + connection.state.date_line + header_lines(fields)
        end = b"\r\n" if keeps else b"connection: close\r\n\r\n"
        data = lines + end + (b"" if self.method == "HEAD" else body)
        # Who has the answer may ask again at once, and has to find a place.
        connection.adapter.waiting.add(self)
        with connection.lock:
            if connection.descriptor < 0:
                return False
            try:
                sent = os.write(connection.descriptor, data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return False
            if not keeps and sent == len(data):
                _end_half(connection.descriptor)
        self.status, self.is_started, self._unsent = status, True, data[sent:]
        self.keep_alive = keeps  # as was said, though a drain may have begun meanwhile
        connection.count_in_thread(self)
        return True

    def pass_on(self, app: Any) -> None:
        """Let the loop answer after all, by an ASGI app."""
        self._is_passed_on = True
        connection = self.connection
        try:
            connection.loop.call_soon_threadsafe(connection.pass_on, self, app)
        except RuntimeError:  # the loop has ended
            app.give_up()

    def _may_read_on(self) -> bool:
        connection = self.connection
        return not (
            self._unsent
            or not self.keep_alive
            or connection.unread
            or connection.owner.is_draining
            or connection.adapter.threads.has_calls_waiting
            or len(connection.adapter.waiting) > _MOST_WAITING
        )

    def _read(self) -> bytes:
        """Give what the client sends within a moment."""
        connection = self.connection
        if connection.news.poll(_MOMENT):
            with connection.lock:
                try:
                    return os.read(connection.descriptor, _MOST_READ)
                except OSError:
                    pass
        return b""


def _end_half(descriptor: int) -> None:
    """Tell the client at once that nothing more comes."""
    borrowed = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
    with contextlib.suppress(OSError):
        borrowed.shutdown(socket.SHUT_WR)
    borrowed.detach()
