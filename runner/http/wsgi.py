"""Serve a WSGI app: one thread waits for all clients, a pool of threads runs the app.

Rules of the file:

- The thread in ``run`` owns the selector, the listeners and every connection whose next request
  is not whole yet. It never blocks on a client, so neither a slow nor an idle one costs a thread.
- A whole request is counted in flight, and its connection goes to a thread of the pool. That
  thread may wait a moment for the client's next request, then it hands the connection back.
- Other threads only append to a deque and wake the selector, without a lock, so that a signal's
  Python code may call ``drain``.
- Draining: the listeners are closed; every answer says ``Connection: close``; idle connections
  stay for ``linger`` seconds; what is left after ``drain_timeout`` is cut.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runner.config import Limits
from runner.http.connection import Connection
from runner.http.example import try_example
from runner.http.exchange import Exchange
from runner.http.head import RefusedError
from runner.http.http1 import Request
from runner.http.listeners import Listeners
from runner.http.pool import Pool

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["WsgiServer", "try_example"]

_LOG = logging.getLogger("runner.http.wsgi")
_HOLD_SECONDS = 0.05  # so long a thread waits for its client, which saves a change of threads


class WsgiServer:
    """Answer HTTP/1.1 on sockets that others may accept on too.

    Nothing is started or opened before ``run``: it may be made in one process and run in a fork.

    Args:
        app: Called in threads, for at most ``max_concurrency`` requests at a time.
        limits: What a client may ask, and how long anything may take.
        log: Called after each answer, in any thread, with ``method``, ``path``, ``status``,
            ``seconds``, ``bytes`` and ``client``; health checks are left out.
    """

    def __init__(
        self,
        app: WSGIApplication,
        limits: Limits,
        log: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._limits = limits
        self._pool = Pool(limits.max_concurrency)
        self._exchange = Exchange(app, limits, self._pool, log)
        self._offered: deque[socket.socket] = deque()
        self._returned: deque[Connection] = deque()
        self._watched: set[Connection] = set()
        self._busy: set[Connection] = set()
        self._waker: socket.socket | None = None
        self._selector: selectors.BaseSelector
        self._listeners: Listeners
        self._has_ended = False
        # On the monotonic clock; infinite while there is nothing to wait for.
        self._next_sweep = self._linger_until = self._end_by = math.inf

    @property
    def requests(self) -> int:
        """Count the requests that the app has answered."""
        return self._pool.done

    @property
    def is_spent(self) -> bool:
        """Never ask for a new worker: a thread that hangs leaves the others."""
        return False

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until drained.

        Args:
            on_ready: Called at once: a WSGI app has no start of its own.
        """
        bell, self._waker = socket.socketpair()
        with bell, self._waker, selectors.DefaultSelector() as self._selector:
            bell.setblocking(False)
            self._waker.setblocking(False)
            self._selector.register(bell, selectors.EVENT_READ)
            self._listeners = Listeners(self._selector)
            on_ready()
            try:
                self._take_orders()
                while not self._is_over():
                    self._turn(bell)
            finally:
                self._end()

    def accept(self, sock: socket.socket) -> None:
        """Accept on a listening socket from now on; the server closes it when it drains."""
        self._offered.append(sock)
        if self._has_ended:
            self._close_offered()
        self._wake()

    def drain(self) -> None:
        """Begin to end; ``run`` returns when that is done."""
        self._exchange.is_draining = True
        self._wake()

    def _wake(self) -> None:
        if self._waker is not None:
            with contextlib.suppress(OSError):  # full: it is awake; closed: nobody is there
                self._waker.send(b"\0")

    def _turn(self, bell: socket.socket) -> None:
        soonest = min(self._next_sweep, self._listeners.resume_at, self._end_by)
        wait = None if soonest == math.inf else max(0.0, soonest - time.monotonic())
        for key, _ in self._selector.select(wait):
            if isinstance(key.data, Connection):
                self._read(key.data)
            elif key.fileobj is bell:
                bell.recv(4096)
            else:
                for sock, address in self._listeners.accept(key.data):
                    self._welcome(sock, address)
        self._take_orders()
        if time.monotonic() >= self._next_sweep:
            self._sweep()

    def _welcome(self, sock: socket.socket, address: Any) -> None:
        try:
            connection = Connection(sock, address, self._limits)
        except OSError:  # gone before it was here
            sock.close()
        else:
            self._watch(connection)

    def _take_orders(self) -> None:
        while self._returned:
            connection = self._returned.popleft()
            self._busy.discard(connection)
            self._watch(connection)
        if self._exchange.is_draining and not self._is_ending:
            self._begin_drain()
        while self._offered and not self._exchange.is_draining:
            self._listeners.add(self._offered.popleft())
        self._listeners.resume()

    def _begin_drain(self) -> None:
        self._listeners.close()
        self._close_offered()
        self._next_sweep = now = time.monotonic()
        self._linger_until = now + self._limits.linger
        self._end_by = now + max(self._limits.linger, self._limits.drain_timeout)

    @property
    def _is_ending(self) -> bool:
        return self._end_by < math.inf

    def _is_over(self) -> bool:
        if not self._is_ending:
            return False
        is_done = not (self._watched or self._busy or self._returned)
        return is_done or time.monotonic() >= self._end_by

    def _end(self) -> None:
        self._has_ended = True
        self._listeners.close()
        self._close_offered()
        for connection in list(self._watched):
            self._forget(connection)
        for connection in list(self._busy):
            connection.cut()
        while self._returned:
            self._returned.popleft().close()
        self._pool.close()

    def _close_offered(self) -> None:
        while self._offered:
            self._offered.popleft().close()

    def _watch(self, connection: Connection) -> None:
        self._watched.add(connection)
        self._selector.register(connection.sock, selectors.EVENT_READ, connection)
        self._next_sweep = min(self._next_sweep, self._deadline(connection))

    def _unwatch(self, connection: Connection) -> None:
        self._watched.discard(connection)
        self._selector.unregister(connection.sock)

    def _forget(self, connection: Connection) -> None:
        self._unwatch(connection)
        connection.close()

    def _deadline(self, connection: Connection) -> float:
        if not connection.is_idle:
            return connection.deadline
        # An answer that began before the drain has promised to keep the connection.
        lingers_until = max(self._linger_until, connection.since + self._limits.linger)
        return min(connection.deadline, lingers_until if self._is_ending else math.inf)

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in [late for late in self._watched if self._deadline(late) <= now]:
            self._expire(connection)
        self._next_sweep = min(map(self._deadline, self._watched), default=math.inf)

    def _expire(self, connection: Connection) -> None:
        self._read(connection)  # a last look: what came this very moment is still answered
        if connection not in self._watched or self._deadline(connection) > time.monotonic():
            return
        if connection.is_idle or connection.is_parting:
            self._forget(connection)
        else:
            within = f"{self._limits.read_timeout:g} s"
            refusal = RefusedError(408, f"the request did not arrive within {within}")
            self._exchange.refuse(connection, refusal, connection.reader.head)

    def _read(self, connection: Connection) -> None:
        if connection.is_parting:
            if not connection.drop():
                self._forget(connection)
            return
        try:
            request = self._exchange.next_request(connection, connection.receive)
        except OSError:
            self._forget(connection)
            return
        except Exception:  # noqa: BLE001 - likewise
            _LOG.exception("reading a request failed")
            self._forget(connection)
            return
        if request is not None or connection.is_closed:
            self._unwatch(connection)
        else:
            self._next_sweep = min(self._next_sweep, self._deadline(connection))
        if request is not None:
            self._hand_over(connection, request)

    def _hand_over(self, connection: Connection, request: Request) -> None:
        self._busy.add(connection)
        try:
            self._pool.start(functools.partial(self._serve, connection, request))
        except RuntimeError as error:
            _LOG.warning("no thread could be started: %s", error)
            self._pool.leave()
            refusal = RefusedError(503, "no thread could be started")
            self._exchange.refuse(connection, refusal, request.head)
            self._returned.append(connection)

    def _serve(self, connection: Connection, first: Request) -> None:
        """Answer in a thread of the pool, and go on while the client asks again at once."""
        try:
            self._serve_all(connection, first)
        except OSError:
            connection.close()
        except Exception:  # noqa: BLE001 - a fault in one connection must not end the others
            _LOG.exception("serving a connection failed")
            connection.close()
        self._hand_back(connection)

    def _serve_all(self, connection: Connection, first: Request) -> None:
        request: Request | None = first
        while request is not None:
            self._exchange.answer(connection, request)
            if connection.is_parting:
                return
            hold = 0 if self._pool.is_full else _HOLD_SECONDS
            read = functools.partial(connection.receive_soon, hold)
            request = self._exchange.next_request(connection, read)

    def _hand_back(self, connection: Connection) -> None:
        if connection.is_closed:
            self._busy.discard(connection)
        else:
            self._returned.append(connection)
        if self._has_ended:
            connection.close()
        elif not connection.is_closed or self._exchange.is_draining:
            self._wake()
