"""Make an ASGI app of a WSGI one (PEP 3333), so that one HTTP stack serves both.

The app runs in a thread of a bounded pool, in a context of its own for each request. It gets one
when the body is whole, or 64 KiB of it are here: a slow client costs no thread. A plain request
is lent to the thread with its connection, see `wsgi_connection`.

An app that one thread calls is called in the one that serves, and the loop is beside it: what the
app's author has opened in that thread, such as a database, may be used in no other. Who holds
that one thread holds up all others. So a body is read as a whole before, and a client that does not
take its answer is waited for only while nobody else waits.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import io
import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any

from runner.config import Limits
from runner.http.acceptor import Acceptor
from runner.http.app_protocol import AppProtocol
from runner.http.connection import Owner
from runner.http.lent_connection import LentConnection
from runner.http.own_answers import BUSY
from runner.http.thread_acceptor import ThreadAcceptor
from runner.http.thread_pool import Answer, Pipe, ThreadPool
from runner.http.wsgi_call import MOST_BUFFERED, ClientGoneError, WsgiCall
from runner.http.wsgi_connection import WsgiConnection
from runner.http.wsgi_environ import environ_of
from runner.processes import MemoryReturns, return_end_of_heap

log = logging.getLogger(__name__)


class WsgiAdapter(AppProtocol):
    """Be the ASGI app of a WSGI app.

    Args:
        app: Called in threads.
        most_threads: How many at a time; further requests wait for one. With 1 it is called in the
            thread that serves, but on a loop that was there before.

    Attributes:
        threads: In which it is called.
        waiting: Connections whose threads have answered, and wait for what comes next.
        is_quick: The last call took but a moment.
        accepted: What its thread has accepted and answers, as long as the loop does not know of it.
    """

    is_quick = True
    accepted: LentConnection | None = None
    _pipe: Pipe | None = None

    def __init__(self, app: Callable[..., Iterable[bytes]], most_threads: int) -> None:
        self._app = app
        self.threads = ThreadPool(most_threads, self._note_free)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_multithreaded = most_threads > 1
        self.can_be_busy = most_threads < Limits.max_concurrency
        self._returns = MemoryReturns()
        self.waiting: set[LentConnection] = set()

    def protocol(self, server: Owner) -> WsgiConnection:
        """Make what speaks with one client."""
        return WsgiConnection(server, self)

    @property
    def is_busy(self) -> bool:
        """Tell that a further request would have to wait for a thread."""
        return self.can_be_busy and self.threads.is_busy

    def note_busy(self) -> None:
        """Leave further connections to other workers, if all threads are at work; in the loop."""
        if self.can_be_busy and self.has_others:
            self._loop = asyncio.get_running_loop()
            self.threads.tell_when_free()
            self.on_busy_changed()

    def _note_free(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._look_again)

    def _look_again(self) -> None:
        if self.threads.is_busy:  # by a call that has waited for the one that ended
            self.threads.tell_when_free()
        self.on_busy_changed()

    def run_beside(self, serve: Callable[[], None]) -> None:
        """Let a loop serve, and call the app here if one thread calls it."""
        if self.is_multithreaded:
            serve()
        else:
            self.can_accept = True
            self.threads.work_here(serve)

    def accept_beside(
        self, server: Owner, listener: socket.socket, acceptor: Acceptor
    ) -> ThreadAcceptor:
        """Let the one thread that calls the app accept, too."""
        return ThreadAcceptor(self, server, listener, acceptor)

    def return_memory(self) -> None:
        """Give back what large bodies and answers took of the threads' heaps."""
        if self._returns.take_one():
            with contextlib.suppress(RuntimeError):  # the threads have ended
                self.threads.for_each_idle(return_end_of_heap)

    def answer(self) -> Answer:
        """Make what the loop may wait for.

        Raises:
            RuntimeError: The system gives us no pipe.
        """
        self._pipe = self._pipe or Pipe()
        return Answer(self._pipe)

    def call(self, lent: LentConnection) -> None:
        """Call the app for a whole request; in a thread."""
        WsgiCall(self._app, self.threads, lent.environ(), lent.connection.loop, lent).run()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            self.threads.close()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        pieces, size, has_more = list[bytes](), 0, True
        while has_more and (self.can_be_busy or size < MOST_BUFFERED):
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            pieces.append(message["body"])
            size, has_more = size + len(message["body"]), message["more_body"]
        body = b"".join(pieces)
        if has_more:
            source: Any = io.BufferedReader(_Body(body, receive), MOST_BUFFERED)
        else:
            source = io.BytesIO(body)
        environ = environ_of(scope, source, None if has_more else len(body))
        environ["wsgi.multithread"] = self.is_multithreaded
        call = WsgiCall(self._app, self.threads, environ, asyncio.get_running_loop())
        self._returns.expect()
        try:
            self.threads.start(call.run)
        except RuntimeError as error:
            log.warning("no thread could be started: %s", error)
            await BUSY(scope, receive, send)
            return
        self.note_busy()
        await call(scope, receive, send)


class _Body(io.RawIOBase):
    """Read the rest of a body as it comes; while the app does not, the server does not either."""

    def __init__(self, begin: bytes, receive: Any) -> None:
        self._data, self._has_more = begin, True
        self._receive, self._loop = receive, asyncio.get_running_loop()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._has_more and not self._data:
            self._data = self._fetch()
        count = min(len(buffer), len(self._data))
        buffer[:count], self._data = self._data[:count], self._data[count:]
        return count

    def _fetch(self) -> bytes:
        try:
            message = asyncio.run_coroutine_threadsafe(self._receive(), self._loop).result()
        except (RuntimeError, concurrent.futures.CancelledError) as error:
            raise ClientGoneError("the server has ended") from error
        if message["type"] == "http.disconnect":
            raise ClientGoneError("the client has gone")
        self._has_more = message["more_body"]
        return bytes(message["body"])
