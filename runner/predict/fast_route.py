"""Answer predictions where their bytes arrive, without the machinery of an app.

The rules of this file:

1. Only what is plain is answered here. Everything else goes the ordinary way, by the ASGI app,
   and nobody can tell by an answer which way it went.
2. Whether a request is plain is decided by its head, as the parser reads it. A plain head is
   remembered by its very bytes: a client sends the same again and again, and when they come
   between two requests, with the whole body, it is known what they mean without the parser.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from runner.http import own_answers
from runner.http.client_link import Pause
from runner.http.connection import Connection, Owner
from runner.http.exchange import Exchange
from runner.http.problems import CONTENT_TYPE, note_failure
from runner.http.request_head import CHUNKED, RequestHead
from runner.http.response_head import (
    BODILESS,
    HeaderError,
    bodiless_fields,
    header_lines,
    status_line,
)
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
        self._date, self._ok_start = b"", b""

    def protocol(self, owner: Owner) -> FastRouteConnection:
        """Make what speaks with one client."""
        return FastRouteConnection(owner, self)

    def response_start(self, status: int, date: bytes) -> bytes:
        """Give the first lines of an answer, which change once a second."""
        if status != 200:
            return status_line(status) + date
        if date is not self._date:
            self._date, self._ok_start = date, status_line(200) + date
        return self._ok_start


class FastRequest(Exchange):
    """Be one request on the fast route, and a pending prediction."""

    __slots__ = ("_body", "deadline", "plain", "route")

    def __init__(
        self, connection: FastRouteConnection, route: FastRoute, plain: PlainRequest
    ) -> None:
        keep_alive = not connection.owner.is_draining
        super().__init__(connection, "POST", plain.path, keep_alive=keep_alive)
        self.route, self.plain, self._body = route, plain, b""
        self.deadline = None if plain.timeout is None else self.since + plain.timeout
        route.in_flight += 1
        route.counters.request_started(plain.batcher.endpoint.name)

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits any more."""
        return self.is_complete

    def take_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._body = self._body + data if self._body else data

    def end_body(self) -> None:
        """Predict."""
        self.predict(self._body)

    def disconnect(self) -> None:
        """Note that the client has gone."""
        self.is_complete = True
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
        batcher.submit(item, self, is_alone=len(self.connection.state.connections) == 1)

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
        date = connection.state.date_line
        if status in BODILESS:
            headers, body = bodiless_fields(status, headers), b""
        try:
            start, lines = route.response_start(status, date), header_lines(headers)
        except (HeaderError, TypeError) as error:  # as it is told on the ordinary way
            number = note_failure(log, f"the app failed at POST {self.path!r}", error)
            status, body = own_answers.failed(number)
            lines = header_lines(own_answers.problem_fields(body))
            start = route.response_start(status, date)
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        self.status, self.is_started, self.is_complete = status, True, True
        connection.write(b"".join((start, lines, end, body)))
        route.in_flight -= 1
        seconds = time.monotonic() - self.since
        route.counters.request_answered(self.plain.batcher.endpoint.name, status, seconds)
        connection.finish_exchange(self)


class FastRouteConnection(Connection):
    """Speak HTTP on one connection, and answer plain requests at once."""

    def __init__(self, owner: Owner, route: FastRoute) -> None:
        super().__init__(owner)
        self.route = route
        self._by_head = route.plain_requests.by_head

    def take_plain(self, data: bytes) -> bytes | None:
        """Answer a whole request whose head is known."""
        end = data.find(b"\r\n\r\n") + 4
        plain = self._by_head.get(data[:end])
        if plain is None or len(data) - end != plain.length or not self.has_room():
            return None
        request = FastRequest(self, self.route, plain)
        self.begin(request, 0)
        request.predict(data[end:])
        return b""

    def exchange_for(self, head: RequestHead) -> Exchange:
        """Take a plain request; an unusual one goes to the app."""
        if (
            head.method == b"POST"
            and head.version == "1.1"
            and head.length != CHUNKED
            and self.has_room()
        ):
            plain = self.route.plain_requests.parse(head.target, head.headers)
            if plain is not None:
                self.route.plain_requests.remember(head.raw, plain, len(head.headers))
                return FastRequest(self, self.route, plain)
        return super().exchange_for(head)

    def answered(self, exchange: Exchange) -> None:
        """Read no more for a moment from a client that was told to come later.

        Those that do not heed it would take the time of those who are served; and not all of
        them come again at once.
        """
        if exchange.status == 503 and not self.transport.is_closing():
            self.pause_reading(Pause.REFUSED)
            self.loop.call_later(
                random.uniform(*_PAUSE_AFTER_503),  # noqa: S311 - no secret
                self.resume_reading,
                Pause.REFUSED,
            )
