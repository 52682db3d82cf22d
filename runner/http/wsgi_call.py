"""Call a WSGI app for one request, in a thread, and send what it gives (PEP 3333).

- A whole small answer to a plain request goes out from the thread, see `wsgi_connection`. Of all
  others the loop sends the pieces, as an ASGI app of its own.
- Between the thread and the loop lie at most 64 KiB and one piece of the answer. A client that
  does not read makes the thread wait; for one that has gone, or has others wait for the thread and
  takes nothing for a while, reading and writing raise `ClientGoneError`, and what the app returned
  is closed.
- What the app raises is raised: the server logs it, and answers 500 or cuts what has begun.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from typing import TYPE_CHECKING, Any

from runner.http.asgi_exchange import IS_CLOSING
from runner.http.problems import NotedFailureError, note_handled
from runner.http.response_head import BODILESS
from runner.http.wsgi_environ import head_of
from runner.telemetry.request_trace import current
from runner.telemetry.statuses import is_failure

if TYPE_CHECKING:
    from runner.http.lent_connection import LentConnection
    from runner.http.thread_pool import ThreadPool

log = logging.getLogger(__name__)

MOST_BUFFERED = 65_536
_PATIENCE = 5.0  # seconds in which a client takes something, while others wait for its thread


class ClientGoneError(ConnectionError):
    """Tell the app that its client has gone, or was refused in the middle of its body."""


class WsgiCall:
    """Call the app in a thread, and send from there or from the loop what it gives.

    Args:
        app: What is called.
        threads: In one of which.
        environ: With what.
        loop: The server's.
        lent: The connection, if the thread has it.
    """

    _is_answered = _is_bodiless = False
    _head: Any = None
    _start: dict[str, Any] | None = None  # the head, once it is too late to change it
    _left: int | None = None  # of the Content-Length
    _last = b""
    _error: BaseException | None = None
    # Guarded by the lock:
    _size = 0
    _is_over = _is_gone = False
    _waiter: asyncio.Future[None] | None = None
    _room: threading.Lock | None = None

    def __init__(
        self,
        app: Any,
        threads: ThreadPool,
        environ: dict[str, Any],
        loop: Any,
        lent: LentConnection | None = None,
    ) -> None:
        self._app, self._threads, self._environ, self._loop = app, threads, environ, loop
        self._trace = lent.trace if lent is not None else current.get()
        self._lent = lent  # until it is passed on
        self._lock = threading.Lock()
        self._pieces: list[bytes] = []

    def run(self) -> None:
        """Call the app; in a thread."""
        contextvars.copy_context().run(self._run)

    def _run(self) -> None:
        if self._trace is not None:
            self._trace.enter()
        try:
            self._answer()
        except ClientGoneError:
            log.debug("the client has gone")
        except BaseException as error:  # noqa: BLE001 - raised again in the loop
            self._error = error
        if self._is_answered:
            if self._error is not None:
                log.error("the app failed behind its answer", exc_info=self._error)
            return
        with self._lock:
            self._pieces.append(self._last)
            self._size += len(self._last)
            self._is_over = True
            self._tell()

    def _answer(self) -> None:
        result = self._app(self._environ, self._start_response)
        close = getattr(result, "close", None)
        try:
            if isinstance(result, list | tuple):
                self._put(b"".join(result), is_all=True, is_last=close is None)
            else:
                for piece in result:
                    if piece:
                        self._put(piece)
                self._put(b"", is_all=self._start is None, is_last=True)
            if self._left:
                raise ValueError(f"the app gave {self._left} bytes less than its Content-Length")
        finally:
            if close is not None:
                close()

    def _start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        if exc_info and self._start is not None:
            raise exc_info[1].with_traceback(exc_info[2])
        if self._head is not None and not exc_info:
            raise ValueError("start_response was called twice")
        self._head = head_of(status, headers)
        if is_failure(self._head[0]):
            note_handled(exc_info[1] if exc_info else None)
        return self._put

    def _put(self, data: bytes, *, is_all: bool = False, is_last: bool = False) -> None:
        """Take a piece of the body; what is last goes out with the end, which comes at once."""
        if not isinstance(data, bytes):
            raise TypeError(f"the app gave {type(data).__name__} instead of bytes")
        if self._start is None:
            self._begin(len(data) if is_all else None)
        data = self._measured(data)
        if self._is_answered:
            return
        if is_all or self._is_bodiless or self._left == 0:
            self._is_answered = self._answer_whole(data)
            if self._is_answered:
                return
        if is_last:
            self._last = data
            return
        with self._lock:
            self._pieces.append(data)
            self._size += len(data)
            self._tell()
            room = None
            if self._size > MOST_BUFFERED and not self._is_gone:
                self._room = room = _closed_gate()
        if room is not None:
            self._wait_for(room)
        if self._is_gone:
            raise ClientGoneError("the client has gone")

    def _wait_for(self, room: threading.Lock) -> None:
        """Wait until the client takes more, but not for ever if others wait for this thread."""
        while not room.acquire(timeout=_PATIENCE):
            if self._threads.has_calls_behind:
                log.warning("an answer was cut: its client takes none of it, and others wait")
                self._error = NotedFailureError()
                with self._lock:
                    self._room, self._is_gone = None, True
                return

    def _answer_whole(self, data: bytes) -> bool:
        if self._lent is None or len(data) > MOST_BUFFERED:
            return False
        start: Any = self._start
        return self._lent.answer(start["status"], start["headers"], data)

    def _begin(self, size: int | None) -> None:
        if self._head is None:
            raise ValueError("the app did not call start_response")
        status, fields, length = self._head
        is_head = self._environ["REQUEST_METHOD"] == "HEAD"
        self._is_bodiless = is_head or status in BODILESS
        if status in BODILESS:
            fields = [field for field in fields if field[0] != b"content-length"]
        elif length is None and size is not None and (size or not is_head):
            fields.append((b"content-length", b"%d" % size))
            length = size
        if not self._is_bodiless:
            if size is not None and length is not None and size < length:
                raise ValueError(f"the app gave {size} bytes, its Content-Length is {length}")
            self._left = length
        self._start = {"type": "http.response.start", "status": status, "headers": fields}

    def _measured(self, data: bytes) -> bytes:
        if self._is_bodiless:
            return b""
        if self._left is not None:
            if len(data) > self._left:
                log.error("app gave %s bytes beyond its Content-Length", len(data) - self._left)
            data = data[: self._left]
            self._left -= len(data)
        return data

    def _tell(self) -> None:
        lent, waiter = self._lent, self._waiter
        self._lent = self._waiter = None
        try:
            if lent is not None:
                lent.pass_on(self)
            elif waiter is not None:
                self._loop.call_soon_threadsafe(_wake, waiter)
        except RuntimeError:  # the loop has ended
            self._is_gone = True

    def give_up(self) -> None:
        """Tell the app that its client has gone."""
        self._took(0, is_gone=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send what comes from the thread, until it ends.

        Raises:
            Exception: What the app raised.
        """
        is_over = is_started = False
        is_closing = scope["extensions"].get(IS_CLOSING, bool)
        try:
            while not is_over:
                pieces, is_over = await self._take()
                is_gone = is_closing()
                data = b"".join(pieces)
                if self._start is not None and not is_gone:
                    if not is_started:
                        await send(self._start)
                        is_started = True
                    has_more = not is_over or self._error is not None
                    await send({"type": "http.response.body", "body": data, "more_body": has_more})
                self._took(len(data), is_gone=is_gone)
        finally:
            self.give_up()
        if isinstance(self._error, Exception):
            raise self._error
        if self._error is not None:
            raise RuntimeError(f"the app raised {type(self._error).__name__}") from self._error

    async def _take(self) -> tuple[list[bytes], bool]:
        with self._lock:
            if not self._pieces and not self._is_over:
                self._waiter = waiter = self._loop.create_future()
            else:
                waiter = None
        if waiter is not None:
            await waiter
        with self._lock:
            pieces, self._pieces = self._pieces, []
            return pieces, self._is_over

    def _took(self, size: int, *, is_gone: bool) -> None:
        with self._lock:
            self._size -= size
            self._is_gone = self._is_gone or is_gone
            if self._room is not None and (self._size <= MOST_BUFFERED or self._is_gone):
                self._room.release()
                self._room = None


def _closed_gate() -> threading.Lock:
    """Make what one thread waits at, and another opens by ``release``."""
    gate = threading.Lock()
    gate.acquire()
    return gate


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
