"""Let the thread that calls the app accept connections, while it has nothing else to do.

The rules of this file:

1. A new connection whose request is plain is answered by that thread from its first byte to its
   end: nobody else is woken for it, and no loop learns of it.
2. That holds for a moment. What the thread has not done by then is the loop's as well: it accepts
   who comes meanwhile, and counts the request as one in flight.
3. What is not for a thread, or waits for its next request, goes to the loop with all that was read.
4. The thread has the listener again when the loop has accepted one and has nothing else in hand,
   but not at once. So both are woken for this a few times in a moment at most, and not at all
   while nobody connects.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from runner.http.client_link import address_of
from runner.http.exchange_link import LITTLE
from runner.http.lent_connection import LentConnection
from runner.http.wsgi_connection import WsgiConnection
from runner.telemetry.request_trace import RequestTrace

if TYPE_CHECKING:
    from runner.http.acceptor import Acceptor
    from runner.http.connection import Owner
    from runner.http.thread_pool import Pipe
    from runner.http.wsgi_adapter import WsgiAdapter

_MOMENT = 0.02  # seconds
_CALM = 0.03  # seconds


class ThreadAcceptor:
    """Accept from one listener in the only thread of a pool.

    Args:
        adapter: Has the pool.
        owner: The server.
        listener: Gives the connections.
        acceptor: Accepts them in the loop.
    """

    def __init__(
        self, adapter: WsgiAdapter, owner: Owner, listener: socket.socket, acceptor: Acceptor
    ) -> None:
        self._adapter, self._owner = adapter, owner
        self._listener, self._acceptor = listener, acceptor
        self._loop, self._context = asyncio.get_running_loop(), contextvars.copy_context()
        self._lock = threading.Lock()  # of who accepts, and of what the loop does not know of
        self._is_lent = self._is_over = self._is_watched = False
        self._busy_since = 0.0  # by the monotonic clock; 0: the thread waits
        self._news: select.poll | None = None
        self._taken_back_at = float("-inf")
        listener.setblocking(False)
        acceptor.on_accepted = self._give
        self._give()

    # -- in the loop

    def close(self) -> None:
        """Have the loop accept all that still comes, and know of all."""
        self._is_over = True
        self._take_back()

    def _give(self) -> None:
        """Let the thread accept, if nothing is in hand."""
        if self._is_over or self._is_lent or time.monotonic() - self._taken_back_at < _CALM:
            return
        if self._adapter.threads.is_busy or self._owner.state.in_flight or not self._has_room():
            return
        self._acceptor.lend(is_lent=True)
        self._busy_since, self._is_lent = 0.0, True
        self._adapter.threads.before_waiting = self._accept_until_called
        self._wake()

    def _take_back(self) -> None:
        with self._lock:
            self._is_lent = False
            lent, self._adapter.accepted = self._adapter.accepted, None
        if lent is not None:
            lent.connection.know(lent)
        self._wake()  # else it waits for the listener, which may be closed next
        self._acceptor.lend(is_lent=False)
        self._taken_back_at = time.monotonic()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the threads have ended
            self._adapter.threads.start(_nothing)

    def _watch(self) -> None:
        """Look in a moment whether the thread still is at what it is at."""
        self._loop.call_later(_MOMENT, self._look)

    def _look(self) -> None:
        since = self._busy_since
        if since and self._is_lent and time.monotonic() - since < _MOMENT:
            self._watch()
            return
        self._is_watched = False
        if self._is_lent and self._busy_since:
            self._take_back()

    # -- in the thread

    def _accept_until_called(self, pipe: Pipe) -> None:
        while self._is_lent and not self._is_called(pipe):
            if not self._has_room():
                self._decline()
            elif (accepted := self._accept()) is not None:
                self._adapter.threads.do(accepted.answer_first)

    def _is_called(self, pipe: Pipe) -> bool:
        """Wait for a connection, or for a call; tell whether there is one of these."""
        news = self._news
        if news is None:
            self._news = news = select.poll()
            news.register(pipe.source, select.POLLIN)
            news.register(self._listener.fileno(), select.POLLIN)
        found = news.poll(0)
        if not found:
            self._busy_since = 0.0
            found = news.poll()
        if not self._busy_since:
            self._busy_since = time.monotonic()
            if not self._is_watched:
                self._is_watched = True
                self._call_in_loop(self._watch)
        return any(descriptor == pipe.source for descriptor, _ in found)

    def _accept(self) -> AcceptedConnection | None:
        adapter = self._adapter
        with self._lock:
            if not self._is_lent:
                return None
            try:
                client, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return None
            except OSError:
                self._decline()
                return None
            connection = self._connection(client, address)
            adapter.accepted = accepted = AcceptedConnection(self, connection, client)
            adapter.waiting.add(accepted)
        return accepted

    def _decline(self) -> None:
        """Leave it to the loop, which knows how to make room."""
        self._is_lent = False
        self._call_in_loop(self._take_back)

    def _has_room(self) -> bool:
        state = self._owner.state
        return len(state.connections) < state.bound.most

    def _connection(self, client: socket.socket, address: Any) -> WsgiConnection:
        client.setblocking(False)
        connection = WsgiConnection(self._owner, self._adapter, self._loop)
        connection.own, connection.descriptor = client, client.fileno()
        connection.client = address_of(address)
        connection.server = address_of(client.getsockname())
        return connection

    def keep(self, accepted: AcceptedConnection) -> bool:
        """Have the thread end a connection by itself; False if the loop knows of it."""
        adapter = self._adapter
        with self._lock:
            if adapter.accepted is not accepted:
                return False
            adapter.accepted = None
            adapter.waiting.discard(accepted)
        return True

    def hand_over(self, accepted: AcceptedConnection, *call: Any) -> None:
        """Have the loop go on by a call.

        Raises:
            RuntimeError: It has ended.
        """
        connection = accepted.connection
        with self._lock:
            self._adapter.accepted = None
            self._loop.call_soon_threadsafe(
                connection.take_over, accepted, accepted.own, call, context=self._context
            )

    def _call_in_loop(self, call: Callable[[], None]) -> None:
        """Have something done in the loop."""
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(call, context=self._context)


class AcceptedConnection(LentConnection):
    """Be the requests of a connection that its thread has accepted.

    Args:
        acceptor: Has accepted it.
        connection: Whose they are.
        own: Its socket.
    """

    __slots__ = ("_acceptor", "_is_large", "own")

    def __init__(
        self, acceptor: ThreadAcceptor, connection: WsgiConnection, own: socket.socket
    ) -> None:
        super().__init__(connection)
        self._acceptor, self.own = acceptor, own
        self._goes_on, self._is_large = True, False
        self.trace = RequestTrace()

    def answer_first(self) -> None:
        """Answer what comes, or leave it to the loop."""
        if self._take_next():
            self.answer_all()
        else:
            self._leave_thread()

    def answer(self, status: int, fields: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send a whole answer."""
        self._is_large = len(body) > LITTLE
        return super().answer(status, fields, body)

    def _leave(self) -> None:
        is_over = self._unread == b"" or not self.keep_alive
        if is_over and not (self._unsent or self._is_large) and self._acceptor.keep(self):
            self._close()
        else:
            super()._leave()

    def _return(self, *call: Any) -> None:
        try:
            self._acceptor.hand_over(self, *call)
        except RuntimeError:
            self._close()
            raise

    def _close(self) -> None:
        self.connection.descriptor = -1
        self.own.close()


def _nothing() -> None:
    """Be a call that only wakes the thread."""
