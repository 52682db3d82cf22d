"""Answer the plain requests of one lent connection in a thread, one after the other (PEP 3333).

See `wsgi_connection` for the rules.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import select
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.access.gate import bearer_in
from runner.http.awake import AWAKE
from runner.http.client_link import Pause
from runner.http.exchange import Exchange
from runner.http.forwarded import NAMES, Seen
from runner.http.own_answers import BUSY
from runner.http.plain_head import PlainHead, fields_of
from runner.http.recording import Exchanged, kept
from runner.http.response_head import header_lines, status_line
from runner.http.wsgi_environ import (
    add_fields,
    add_request,
    address_environ,
    key_of,
    scope_of_environ,
    shared_environ,
)
from runner.telemetry import span_export
from runner.telemetry.request_trace import TRACEPARENT, RequestTrace, is_valid

if TYPE_CHECKING:
    from runner.http.wsgi_connection import WsgiConnection

log = logging.getLogger(__name__)

_MOST_READ = 16_384
_MOMENT = 2  # milliseconds
_QUICK = 0.0005  # seconds
_PROXY_KEYS = frozenset(key_of(name) for name in NAMES)
_MOST_WAITING = 8  # threads; more of them would be in each other's way


class LentConnection(Exchange):
    """Be the requests of a connection while a thread has it."""

    __slots__ = (
        *("_answer", "_goes_on", "_is_passed_on", "_returned", "_unread", "_unsent"),
        *("body", "client", "head", "root", "scheme", "trace"),
    )

    connection: WsgiConnection
    trace: RequestTrace
    is_of_app = True

    def __init__(self, connection: WsgiConnection) -> None:
        super().__init__(connection, "", "", keep_alive=True)
        self._is_passed_on = self._goes_on = False
        self._unread: bytes | None = None  # nothing of one that has ended
        self._unsent = b""
        self._returned: tuple[Any, ...] = ()

    def take(self, head: PlainHead, path: str, body: bytes) -> None:
        """Be a request."""
        self.head, self.body, self.trace = head, body, RequestTrace()
        self.method, self.path, self.since = head.method.decode("ascii"), path, time.monotonic()
        self.keep_alive = head.keeps and not self.connection.owner.is_draining
        self.is_started, self.client, self.root, self.scheme = False, "", "", ""

    def take_body(self, data: bytes) -> None:
        """Take a piece of the body; in the loop."""
        self.body += data

    def end_body(self) -> None:
        """Lend the connection to a thread; in the loop."""
        connection, adapter = self.connection, self.connection.adapter
        try:
            self._answer = adapter.answer()
            is_free = adapter.threads.start(self.answer_all)
        except RuntimeError as error:
            log.warning("no thread could be started: %s", error)
            connection.pass_on(self, BUSY)
            return
        is_here = self._answer.wait(for_a_moment=is_free and adapter.is_quick)
        if is_here and not self._goes_on:
            connection.loop.call_soon(*self._returned)
        else:
            connection.pause_reading(Pause.LENT)
            adapter.note_busy()

    def _return(self, *call: Any) -> None:
        """Let the loop go on by a call; RuntimeError if it has ended."""
        self._returned = call
        if self._goes_on or not self._answer.give():
            self.connection.loop.call_soon_threadsafe(*call)

    def answer_all(self) -> None:
        """Answer requests as long as they come."""
        adapter = self.connection.adapter
        while True:
            began = time.monotonic()
            adapter.call(self)
            adapter.is_quick = time.monotonic() - began < _QUICK
            if self._is_passed_on:
                return
            self._unread = None
            if not (self._may_read_on() and self._take_next()):
                break
        self._leave_thread()

    def _leave_thread(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._leave()

    def _leave(self) -> None:
        connection = self.connection
        self._return(connection.take_back, self, self._unread or b"", self._unsent)

    def _take_next(self) -> bool:
        """Take the next request, if it comes within a moment and is for a thread."""
        connection = self.connection
        self._unread = data = self._read()
        request = connection.plain_request(data) if data else None
        if data and request is not None and len(request[2]) < request[0].length:
            self._unread = data = data + (self._read() or b"")  # many send a body behind its head
            request = connection.plain_request(data)
        if request is None or len(request[2]) < request[0].length or not connection.has_room():
            return False
        key_name = connection.key_name_of(request[0], request[1])
        if key_name is None:
            return False
        connection.adapter.waiting.discard(self)
        self.take(*request)
        self.key_name = key_name
        return True

    def environ(self) -> dict[str, Any]:
        """Describe the request as CGI does."""
        connection = self.connection
        if not connection.shared:
            connection.shared = shared_environ(connection.server, connection.client, "http")
            connection.shared["wsgi.multithread"] = connection.adapter.is_multithreaded
        environ = connection.shared.copy()
        path, _, query = self.head.target.decode("ascii").partition("?")
        add_request(environ, self.method, path, query, io.BytesIO(self.body))
        fields = fields_of(self.head)
        add_fields(environ, fields)
        traceparent = environ.get("HTTP_TRACEPARENT", "").encode("latin-1")
        if traceparent and is_valid(traceparent):
            self.trace = RequestTrace(traceparent)
        if connection.owner.gate.keys is not None:
            _drop_keys(environ)
        is_forwarded = not environ.keys().isdisjoint(_PROXY_KEYS)
        if is_forwarded and connection.owner.proxies.believe(connection.client):
            self._add_what_proxies_say(environ, fields)
        if span_export.is_on():
            self.begin_span(scope_of_environ(environ))
        return environ

    def _add_what_proxies_say(
        self, environ: dict[str, Any], fields: Sequence[tuple[str, str]]
    ) -> None:
        connection = self.connection
        given = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields]
        seen = connection.owner.proxies.seen(given, Seen(connection.client, connection.server))
        environ |= address_environ(seen.server, seen.client, seen.scheme, seen.prefix)
        if seen.host:
            environ["HTTP_HOST"] = seen.host
        self.root, self.client = seen.prefix, seen.client[0] if seen.client else ""
        self.scheme = seen.scheme

    def answer(self, status: int, fields: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send a whole answer, whose fields say the body's length; False if that cannot be.

        Raises:
            HeaderError: A field must not be sent.
        """
        connection = self.connection
        keeps, cors = self.keep_alive, connection.owner.gate.cors
        if cors is not None:
            fields = cors.with_fields(fields, b"")
        lines = status_line(status) + connection.state.date_line + header_lines(fields)
        if self.trace.traceparent and all(name != TRACEPARENT for name, _ in fields):
            lines += self.trace.echo()
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
                connection.end_half_in_thread()
        self.status, self.is_started, self._unsent = status, True, data[sent:]
        self.keep_alive = keeps  # as was said, though a drain may have begun meanwhile
        log = connection.owner.request_log
        if log is not None and log.wants(status):
            log.add_exchange(self, self._exchanged(fields, body))
        connection.count_in_thread(self)
        self.end_span()
        return True

    def leave(self) -> None:
        """Be in flight no longer."""
        super().leave()
        self.end_span()

    def _exchanged(self, answer_fields: Sequence[tuple[bytes, bytes]], answer: bytes) -> Exchanged:
        return Exchanged(
            query=self.query(),
            fields=kept(self.fields()),
            body=self.body,
            answer_fields=kept(answer_fields),
            answer=b"" if self.method == "HEAD" else answer,
        )

    def query(self) -> bytes:
        """Give the query as it was sent."""
        return self.head.target.partition(b"?")[2]

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Give the fields as the general way has them."""
        return [
            (name.lower().encode(), value.encode("latin-1")) for name, value in fields_of(self.head)
        ]

    def pass_on(self, app: Any) -> None:
        """Let the loop answer after all, by an ASGI app.

        Raises:
            RuntimeError: It has ended.
        """
        self._is_passed_on = True
        self._return(self.connection.pass_on, self, app)

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

    def _read(self) -> bytes | None:
        """Give what the client sends within a moment: nothing if it has ended, None if it waits."""
        connection = self.connection
        if not self._goes_on:
            self._goes_on = True
            self._answer.give()
        descriptor = connection.descriptor
        if descriptor < 0:
            return None
        if connection.news is None:
            connection.news = select.poll()
            connection.news.register(descriptor, select.POLLIN)
        if self.has_more_at_once(connection.news) or connection.news.poll(_MOMENT):
            with connection.lock:
                try:
                    return os.read(connection.descriptor, _MOST_READ)
                except OSError:
                    pass
        return None

    def has_more_at_once(self, news: select.poll) -> bool:
        """Wait awake for a client that asks again at once, if it is alone; see `awake`."""
        waits = self.connection.waits
        if waits.is_next_awake() and self.connection.begun() == 1:
            until = time.monotonic() + AWAKE
            while time.monotonic() < until:
                if news.poll(0):
                    return True
            waits.note_in_vain()
        return False


def _drop_keys(environ: dict[str, Any]) -> None:
    """Keep from the app what was given to us."""
    environ.pop("HTTP_X_API_KEY", None)
    credentials = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")
    if bearer_in(credentials) is not None:
        del environ["HTTP_AUTHORIZATION"]
