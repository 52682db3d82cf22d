"""Answer requests: health checks and refusals by ourselves, all else by the app."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runner.config import Limits
from runner.http.connection import Connection
from runner.http.gateway import Answer, environ_of, own_answer, refusal
from runner.http.head import Head, RefusedError
from runner.http.http1 import Request
from runner.http.pool import Pool

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_LOG = logging.getLogger("runner.http.wsgi")


class Exchange:
    """Decide who answers, count what is in flight, and tell the log.

    Attributes:
        is_draining: From now on every answer closes its connection.
    """

    def __init__(
        self,
        app: WSGIApplication,
        limits: Limits,
        pool: Pool,
        log: Callable[[dict[str, Any]], None] | None,
    ) -> None:
        self.is_draining = False
        self._app, self._limits, self._pool, self._log = app, limits, pool, log

    def next_request(
        self, connection: Connection, read: Callable[[], Request | None]
    ) -> Request | None:
        """Read on, and give the next request for the app, which is then counted in flight.

        Args:
            connection: Left parting or closed if what came ended it.
            read: A way of the connection to receive.

        Raises:
            OSError: The client has gone.
        """
        try:
            request = read()
            while request is not None and (health := self._health(request.head)):
                self._answer_health(connection, request.head, *health)
                request = None if connection.is_parting else connection.reader.next()
        except RefusedError as refused:
            self.refuse(connection, refused, connection.reader.head)
            return None
        if request is None or self._pool.enter():
            return request
        self.refuse(connection, RefusedError(503, "too many requests at once"), request.head)
        return None

    def answer(self, connection: Connection, request: Request) -> None:
        """Let the app answer; the connection is left behind unless it can take another."""
        started = time.perf_counter()
        flight = _Flight(self._pool, connection)
        answer = Answer(
            request,
            environ_of(request, connection.client, connection.server),
            send=connection.send,
            finish=flight.finish,
            is_last=lambda: self.is_draining,
        )
        try:
            answer.run(self._app)
        finally:
            flight.end()
        if not answer.keep_alive:
            connection.leave()
        seconds = time.perf_counter() - started
        self._report(connection, request.head, answer.code, answer.size, seconds)

    def refuse(self, connection: Connection, refused: RefusedError, head: Head | None) -> None:
        """Say why not, and part."""
        with_body = head is None or head.method != "HEAD"
        with contextlib.suppress(OSError):
            connection.send_some(refusal(refused.status, str(refused), with_body=with_body))
        connection.part()
        self._report(connection, head, refused.status, 0, 0.0)

    def _health(self, head: Head) -> tuple[int, str] | None:
        if head.method not in ("GET", "HEAD"):
            return None
        if head.path == self._limits.health_path:
            return 200, "alive"
        if head.path == self._limits.ready_path:
            return (503, "draining") if self.is_draining else (200, "ready")
        return None

    def _answer_health(self, connection: Connection, head: Head, code: int, state: str) -> None:
        keep_alive = head.keep_alive and not self.is_draining
        with_body = head.method != "HEAD"
        body = json.dumps({"status": state}).encode()
        answer = own_answer(code, body, keep_alive=keep_alive, with_body=with_body)
        if connection.send_some(answer):
            raise ConnectionAbortedError("the client asks without reading")
        if not keep_alive:
            connection.leave()

    def _report(
        self, connection: Connection, head: Head | None, status: int, size: int, seconds: float
    ) -> None:
        if self._log is None:
            return
        host, port = connection.client
        record = {
            "method": head.method if head else "",
            "path": head.path if head else "",
            "status": status,
            "seconds": seconds,
            "bytes": size,
            "client": f"{host}:{port}" if host else "",
        }
        try:
            self._log(record)
        except Exception:  # noqa: BLE001 - a log that fails must not cost an answer
            _LOG.exception("access log failed")


class _Flight:
    """Count a request in flight until its last bytes are on their way.

    The count goes down *before* they are sent: a client that has its answer may send the next
    request at once, and has to find a place. If they do not fit, the count goes up again.
    """

    def __init__(self, pool: Pool, connection: Connection) -> None:
        self._pool, self._connection = pool, connection
        self._is_counted = True

    def finish(self, data: bytes) -> None:
        """Send the last bytes of an answer."""
        self.end()
        if rest := self._connection.send_some(data):
            self._pool.enter_again()
            self._is_counted = True
            self._connection.send(rest)

    def end(self) -> None:
        """Count it no longer."""
        if self._is_counted:
            self._is_counted = False
            self._pool.leave()
