"""Answer predictions where their bytes arrive, without the machinery of an app.

The rules of this file:

1. Only what is plain is answered here. Everything else goes the ordinary way, by uvicorn's
   protocol and the ASGI app, and nobody can tell by an answer which way it went.
2. Whether a request is plain is decided by its head, as the parser reads it. A plain head is
   remembered by its very bytes: a client sends the same again and again, and when they come
   between two requests, with the whole body, it is known what they mean without the parser.
3. A connection has one request here at a time. What comes behind it on the same connection
   before it is answered waits on the ordinary way.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from runner.http.problems import CONTENT_TYPE
from runner.http.protocol import BoundedProtocol, LoggedCycle, Owner
from runner.predict.batching import Batcher
from runner.predict.counters import Counters
from runner.predict.http_messages import (
    JSON,
    Response,
    headers_of,
    response_headers,
    server_timing,
)
from runner.predict.plain_requests import PlainRequest, PlainRequestCache
from runner.predict.problem_error import ProblemError

log = logging.getLogger(__name__)

# Seconds, from and to, that a client is not read from.
_PAUSE_AFTER_503 = (0.25, 0.5)


class FastRoute:
    """Answer plain requests of one worker.

    Args:
        batchers: By path.
        counters: Told of each request.
        run_id: Which run answers; empty if none does.
    """

    def __init__(
        self, batchers: Mapping[str, Batcher], counters: Counters, run_id: bytes = b""
    ) -> None:
        self.counters = counters
        self.run_id = run_id
        self.in_flight = 0
        self.plain_requests = PlainRequestCache(batchers)
        self._fields: Sequence[tuple[bytes, bytes]] | None = None
        self._ok_start = b""

    def protocol(self, owner: Owner) -> FastRouteProtocol:
        """Make what speaks with one client."""
        return FastRouteProtocol(owner, self)

    def response_start(self, status: int, fields: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Give the first lines of an answer, which change once a second."""
        if status != 200:
            return STATUS_LINE[status] + _header_lines(fields)
        if fields is not self._fields:
            self._fields, self._ok_start = fields, STATUS_LINE[200] + _header_lines(fields)
        return self._ok_start


def _header_lines(fields: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % field for field in fields])


class FastRequest:
    """Be one request on the fast route: a pending prediction, and a cycle for uvicorn."""

    __slots__ = (
        "connection",
        "deadline",
        "disconnected",
        "keep_alive",
        "plain",
        "response_complete",
        "response_started",
        "route",
        "since",
    )

    def __init__(
        self, connection: FastRouteProtocol, route: FastRoute, plain: PlainRequest
    ) -> None:
        self.connection, self.route, self.plain = connection, route, plain
        self.since = now = time.monotonic()
        self.deadline = None if plain.timeout is None else now + plain.timeout
        self.keep_alive = not connection.owner.is_draining
        self.disconnected = self.response_started = self.response_complete = False
        route.in_flight += 1
        route.counters.request_started(plain.batcher.endpoint.name)

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits any more."""
        return self.disconnected or self.response_complete

    @property
    def more_body(self) -> bool:
        """Whether the parser still reads the body."""
        return self.connection.is_reading_plain

    @property
    def message_event(self) -> FastRequest:
        """Take the place of an event; see ``set``."""
        return self

    def set(self) -> None:
        """Note that the client has gone: only then uvicorn sets the event."""
        if not self.response_complete:
            self.response_complete = True
            self.route.in_flight -= 1
            self.route.counters.request_abandoned(self.plain.batcher.endpoint.name)

    def predict(self, body: bytes) -> None:
        """Ask for what the body says."""
        batcher = self.plain.batcher
        try:
            item = batcher.endpoint.schema.decode(body)
        except ProblemError as problem:
            self.reject(problem)
            return
        connections = self.connection.connections
        batcher.submit(item, self, is_alone=len(connections) == 1)

    def resolve(self, result: Any, waited: float, took: float) -> None:
        """Answer with a prediction."""
        batcher = self.plain.batcher
        try:
            body = batcher.endpoint.encode(result)
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            self.reject(batcher.problem(error))
            return
        timed = (b"server-timing", server_timing(waited, took))
        if isinstance(body, Response):  # the author's own
            response = dataclasses.replace(body, headers=(timed, *body.headers))
            headers = headers_of(response, self.route.run_id)
            self._answer(response.status, headers, response.body)
            return
        self._answer(200, response_headers(JSON, len(body), self.route.run_id, [timed]), body)

    def reject(self, problem: ProblemError) -> None:
        """Answer with the reason why there is no prediction."""
        body = problem.body()
        headers = response_headers(CONTENT_TYPE, len(body), self.route.run_id, problem.headers)
        self._answer(problem.status, headers, body)

    def _answer(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        connection, route = self.connection, self.route
        self.response_started = self.response_complete = True
        begin = route.response_start(status, connection.server_state.default_headers)
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        connection.transport.write(b"".join((begin, _header_lines(headers), end, body)))
        route.in_flight -= 1
        now = time.monotonic()
        route.counters.request_answered(self.plain.batcher.endpoint.name, status, now - self.since)
        connection.answered(status, now)


class FastRouteProtocol(BoundedProtocol):
    """Speak HTTP on one connection, and answer plain requests at once."""

    def __init__(self, owner: Owner, route: FastRoute) -> None:
        super().__init__(owner)
        self._cycle_class = LoggedCycle
        self.route = route
        self._by_head = route.plain_requests.by_head
        self._head = b""
        self._body = b""
        self._fast_request: Any = None
        self.is_reading_plain = False  # the request that the parser reads is for the fast route
        self._is_upgraded = False
        self._idle_since = 0.0

    def data_received(self, data: bytes) -> None:
        """Answer a whole request whose head is known; leave all else to the parser."""
        self._head = b""
        if self._is_whole and not self._is_refused and self._is_idle():
            end = data.find(b"\r\n\r\n") + 4
            head = data[:end]
            plain = self._by_head.get(head)
            if plain is None:
                self._head = head
            elif len(data) - end == plain.length and self._has_room():
                if self._timer is not None:
                    self._disarm()
                self._begin_request(plain)
                self._fast_request.predict(data[end:])
                return
        super().data_received(data)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _has_room(self) -> bool:
        return (
            not (self._is_upgraded or self.flow.write_paused)
            and len(self.tasks) + self.route.in_flight < self.limits.max_concurrency
        )

    @property
    def others_in_flight(self) -> int:  # type: ignore[override] # ours is counted
        """How many are on the fast route, whoever asks."""
        return self.route.in_flight

    def _begin_request(self, plain: PlainRequest) -> None:
        self._fast_request = FastRequest(self, self.route, plain)
        self.cycle = self._fast_request  # what uvicorn uses of a cycle, it has

    # -- what the parser finds

    def _start_exchange(self) -> None:
        """Take a plain request; an unusual one goes to the app."""
        head, self._head = self._head, b""  # what follows in the same piece has another
        plain = None
        if self._is_idle() and self._has_room() and self._is_ordinary_post():
            plain = self.route.plain_requests.parse(self.url, self.headers)
        if plain is None:
            super()._start_exchange()
            return
        self.route.plain_requests.remember(head, plain, len(self.headers))
        self._begin_request(plain)
        self.is_reading_plain, self._body = True, b""

    def _is_ordinary_post(self) -> bool:
        parser = self.parser
        return bool(parser.get_method() == b"POST" and parser.get_http_version() == "1.1")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if not self.is_reading_plain:
            super().on_body(body)
        elif not self._is_refused:
            self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """Predict, if the request is one for us."""
        if not self.is_reading_plain:
            super().on_message_complete()
            return
        self.is_reading_plain, self._is_whole = False, True
        if not self._is_refused:
            self._fast_request.predict(self._body)

    def _upgrade(self) -> None:
        """Stay on the ordinary way from now on: the parser has stopped."""
        self._is_upgraded = True
        super()._upgrade()

    # -- answering

    def answered(self, status: int, now: float) -> None:
        """Note that a request was answered, and wait for the next."""
        request = self._fast_request
        if self.owner.access_log is not None:
            self.owner.access_log.add(
                client=self.client[0] if self.client else "-",
                method="POST",
                path=request.plain.path,
                status=status,
                seconds=now - request.since,
            )
        if not request.keep_alive:
            self.transport.close()
        is_last = self._is_refused or self._is_half_closed or not request.keep_alive
        if is_last or self.pipeline or self.flow.read_paused:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
            self._idle_since = now
            if self.timeout_keep_alive_task is None:
                self._arm_keep_alive(self.timeout_keep_alive)
        if status == 503:
            self._pause_reading()

    def on_response_complete(self) -> None:
        """Go on; who was refused by the app for there being too many has to wait, too."""
        cycle = self.cycle
        super().on_response_complete()
        if cycle is not self._fast_request and getattr(cycle, "status", 0) == 503:
            self._pause_reading()

    def _pause_reading(self) -> None:
        """Read no more for a moment from a client that was told to come later.

        Those that do not heed it would take the time of those who are served; and not all of
        them come again at once.
        """
        if not self.transport.is_closing():
            self.flow.pause_reading()
            self.loop.call_later(random.uniform(*_PAUSE_AFTER_503), self._resume)  # noqa: S311 - no secret

    def _resume(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _arm_keep_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; one timer serves many requests of the fast route."""
        self.timeout_keep_alive_task = None
        if not self.cycle.response_complete:
            return
        left = self._idle_since + self.timeout_keep_alive - time.monotonic()
        if left > 0:
            self._arm_keep_alive(left)
        else:
            super().timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the request know, even if another was begun behind it."""
        if self._fast_request is not None and self._fast_request is not self.cycle:
            self._fast_request.disconnected = True
            self._fast_request.set()
        super().connection_lost(exc)
        self._fast_request = None
