"""Let a thread answer the plain requests of one connection by itself, one after the other.

The rules of this file:

1. A request whose head is plain and whose body is here is lent to a thread, with its connection:
   the loop reads nothing of it and writes nothing to it until it has it back. If the last call
   was quick, the loop waits a moment for that, and does not get in the thread's way.
2. The thread writes a whole small answer itself. Then it waits a moment for the next request, if no
   other call waits for a thread, and the server does not drain. Whatever is not plain, and whatever
   the kernel does not take at once, goes back to the loop. So does an answer in pieces.
3. A connection whose thread waits has no request in hand: it takes nobody's place.
4. The descriptor is open while a thread uses it: the loop tells by ``connection_lost`` before it
   closes one, and waits there for the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import select
import socket
import threading
from typing import TYPE_CHECKING, Any

from runner.config import PAGE_PATH
from runner.http.asgi_exchange import AsgiExchange
from runner.http.awake import AwakeWaits
from runner.http.client_link import Pause
from runner.http.connection import Connection, Owner
from runner.http.forwarded import are_in
from runner.http.lent_connection import LentConnection
from runner.http.plain_head import PlainHead, plain_head
from runner.http.request_head import RequestHead
from runner.http.scope import path_of
from runner.http.wsgi_call import MOST_BUFFERED

if TYPE_CHECKING:
    from runner.http.wsgi_adapter import WsgiAdapter

_ASKING = (b"GET", b"HEAD")
_ORIGIN = re.compile(rb"\norigin:", re.IGNORECASE)


class WsgiConnection(Connection):
    """Speak HTTP on one connection, and lend it to threads.

    Args:
        owner: The server.
        adapter: Has the threads.
        loop: The server's, if a thread makes it, which has accepted it.

    Attributes:
        own: Its socket, until the loop has it.
    """

    own: socket.socket | None = None

    def __init__(
        self, owner: Owner, adapter: WsgiAdapter, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        super().__init__(owner, loop)
        self.adapter = adapter
        self.lock = threading.Lock()  # of the descriptor
        self.descriptor = -1
        self.news: select.poll | None = None
        self.waits = AwakeWaits()
        self.shared: dict[str, Any] = {}  # of all environs

    def connection_made(self, transport: Any) -> None:
        """Note what a thread may read and write."""
        super().connection_made(transport)
        self.own = None
        if self.exchange is not None:
            self.expect_nothing()
        plain = transport.get_extra_info("socket")
        if plain is not None and transport.get_extra_info("sslcontext") is None:
            self.descriptor = plain.fileno()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let no thread touch the descriptor any more: it is closed next."""
        with self.lock:
            self.descriptor = -1
        super().connection_lost(exc)

    def has_room(self) -> bool:
        """Tell that one more request may be begun."""
        in_hand = self.begun() - len(self.adapter.waiting)
        return in_hand < self.limits.max_concurrency and not self.is_write_paused

    def begun(self) -> int:
        """Give how many requests were begun, by the loop or by the thread that accepts."""
        return self.state.in_flight + (self.adapter.accepted is not None)

    def take_plain(self, data: bytes) -> bytes | None:
        """Take a plain request, if nothing has come behind it."""
        if self.descriptor < 0 or self.transport.get_write_buffer_size():
            return None
        request = self.plain_request(data)
        if request is None or not self.has_room():
            return None
        key_name = self.key_name_of(request[0], request[1])
        if key_name is None:
            return None
        head, path, body = request
        lent = LentConnection(self)
        lent.take(head, path, body)
        lent.key_name = key_name
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
        if not self._may_be_plain(head):
            return None
        path = path_of(head.target.partition(b"?")[0])
        is_asked = path in (limits.health_path, limits.ready_path) and head.method in _ASKING
        return None if is_asked or path.startswith(PAGE_PATH) else (head, path, body)

    def _may_be_plain(self, head: PlainHead) -> bool:
        """Tell that neither the host nor another site matters; else the general way decides."""
        gate, proxies = self.owner.gate, self.owner.proxies
        if gate.cors is not None and _ORIGIN.search(head.lines):
            return False
        if gate.hosts is None:
            return True
        is_named_by_proxy = proxies.say_host and are_in(head.lines) is not None
        return gate.hosts[head.host] and not is_named_by_proxy

    def key_name_of(self, head: PlainHead, path: str) -> str | None:
        """Let a plain request in, in any thread; None leaves it to the general way to refuse it."""
        gate = self.owner.gate
        if not gate.is_on or gate.is_open(head.method.decode("ascii"), path):
            return ""
        return gate.name_in(head.lines)

    # -- what a thread has accepted, in the loop

    def know(self, lent: LentConnection) -> None:
        """Count what a thread has, as if it had been lent to it."""
        if self.exchange is None:
            self.state.connections.add(self)
            self.begin(lent, 0)
            self.adapter.note_busy()

    def take_over(self, lent: LentConnection, own: socket.socket, call: tuple[Any, ...]) -> None:
        """Have it from now on.

        Args:
            lent: What a thread had of it.
            own: Its socket.
            call: What is done then.
        """
        self.know(lent)
        self._taking = self.loop.create_task(self._take_over(own, call))

    async def _take_over(self, own: socket.socket, call: tuple[Any, ...]) -> None:
        try:
            with contextlib.suppress(OSError):
                await self.loop.connect_accepted_socket(lambda: self, own)
        finally:
            if self.own is not None:  # it was not made
                own.close()
                self.connection_lost(None)
            call[0](*call[1:])

    def abort(self) -> None:
        """End at once; a thread that has it is told so by the next that it does with it."""
        if self.own is None:
            super().abort()
        else:
            self.end_half_in_thread(socket.SHUT_RDWR)

    # -- in a thread

    def end_half_in_thread(self, which: int = socket.SHUT_WR) -> None:
        """Tell the client at once that nothing more comes; called with the lock."""
        own, borrowed = self.own, None
        if own is None:
            own = borrowed = socket.socket(
                socket.AF_INET, socket.SOCK_STREAM, 0, fileno=self.descriptor
            )
        with contextlib.suppress(OSError):
            own.shutdown(which)
        if borrowed is not None:
            borrowed.detach()

    # -- what comes back from a thread, in the loop

    def take_back(self, lent: LentConnection, unread: bytes, unsent: bytes) -> None:
        """Go on, behind the answer that a thread gave."""
        if not self._take_from_thread(lent):
            return
        self.unread = unread + self.unread
        if unsent:
            self.write(unsent)
        self.finish_exchange(lent, is_counted=True)
        if not lent.method:  # nothing was asked
            self.expect_within(self.limits.read_timeout)

    def pass_on(self, lent: LentConnection, app: Any) -> None:
        """Let an ASGI app answer in the loop what a thread was to answer."""
        if not self._take_from_thread(lent):
            app.give_up()
            return
        plain, scope = lent.head, {"method": lent.method, "path": lent.path}
        fields = lent.fields()
        head = RequestHead(
            plain.method, plain.target, "1.1", fields, plain.length, plain.keeps, False, b""
        )
        exchange = AsgiExchange(self, head, scope, app, keep_alive=lent.keep_alive)
        exchange.since, exchange.key_name = lent.since, lent.key_name
        if self.owner.request_log is not None:
            exchange.recordable = head
            exchange.keep_body(lent.body)
        exchange.trace, exchange.is_of_app = lent.trace, True
        if self.owner.gate.cors is not None:
            exchange.origin = b""
        self.exchange = exchange
        exchange.start()
        exchange.end_body()

    def _take_from_thread(self, lent: LentConnection) -> bool:
        """Read again what was lent; tell whether anybody still waits for the answer."""
        self.adapter.waiting.discard(lent)
        if self.exchange is not lent:
            return False
        self.resume_reading(Pause.LENT)
        return True
