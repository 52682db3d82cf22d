"""Answer predictions where their bytes arrive, without the machinery of an app.

The rules of this file:

1. Only what is plain is answered here. Everything else goes the ordinary way, by the ASGI app,
   and nobody can tell by an answer which way it went.
2. Whether a request is plain is decided by its head, which one strict expression reads (see
   `plain_head`). Its body follows by its length, in as many pieces as the client likes.
3. What nearly every request passes is written in one piece: `take_plain` for one that came whole,
   and `resolve` for a prediction. Each call there costs a hundredth of the request, and what is
   called from an attribute that is no method, more.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from runner.access.gate import Gate
from runner.config import Limits
from runner.http import own_answers
from runner.http.awake import AwakeLoop
from runner.http.client_link import NEVER, Pause
from runner.http.connection import Connection, Owner
from runner.http.exchange import Exchange
from runner.http.exchange_link import Phase
from runner.http.forwarded import are_in
from runner.http.problems import CONTENT_TYPE, note_failure
from runner.http.recording import MOST, Exchanged, kept
from runner.http.request_log import RequestLog
from runner.http.response_head import (
    BODILESS,
    HeaderError,
    bodiless_fields,
    header_lines,
    status_line,
)
from runner.predict.batching import Batcher
from runner.predict.http_messages import (
    JSON,
    LONGEST_TIMEOUT,
    SERVER_TIMING,
    Response,
    headers_of,
    response_headers,
)
from runner.predict.large_results import PLAIN, is_large
from runner.predict.plain_requests import PlainRequests
from runner.predict.problem_error import ProblemError
from runner.telemetry.request_trace import RequestTrace

log = logging.getLogger(__name__)

_ANSWERING, _IDLE = Phase.ANSWERING, Phase.IDLE
_JSON_FIELDS = [(b"content-type", JSON)]
_draw = random.random
_OK = b"%b%d\r\nserver-timing: " + SERVER_TIMING + b"\r\n\r\n%b"
_OK_TRACED = b"%b%d\r\nserver-timing: " + SERVER_TIMING + b"\r\ntraceparent: %b\r\n\r\n%b"
# Seconds, from and to, that a client is not read from.
_PAUSE_AFTER_503 = (0.25, 0.5)


class FastRoute:
    """Answer plain requests of one worker.

    Args:
        batchers: By path.
        limits: How large a head and a body may be.
        run_id: Which run answers; empty if none does.
        gate: Lets requests in.

    Attributes:
        plain: Knows which requests are plain.
        ok_start: The first lines of a prediction up to its length, as of ``date_line``.
        awake: Waits for a client that is alone.
    """

    def __init__(
        self, batchers: Mapping[str, Batcher], limits: Limits, run_id: bytes, gate: Gate
    ) -> None:
        self.run_id = run_id
        self.plain = PlainRequests(batchers, limits, gate)
        self._run_line = header_lines([(b"x-run-id", run_id)]) if run_id else b""
        self.date_line, self.ok_start = b"", b""
        self.awake = AwakeLoop(asyncio.get_running_loop())

    def protocol(self, owner: Owner) -> FastRouteConnection:
        """Make what speaks with one client."""
        return FastRouteConnection(owner, self)

    def ok_start_at(self, date_line: bytes) -> bytes:
        """Make ``ok_start`` anew, once a second."""
        json_line = header_lines([(b"content-type", JSON)])
        lines = (status_line(200), date_line, json_line, self._run_line, b"content-length: ")
        self.date_line, self.ok_start = date_line, b"".join(lines)
        return self.ok_start


class FastRequest(Exchange):
    """Be one request on the fast route, and a pending prediction.

    It is made by `take_plain`, without a call of ``__init__``.
    """

    connection: FastRouteConnection
    batcher: Batcher
    deadline: float | None
    traceparent: bytes | None
    method = "POST"

    __slots__ = ("batcher", "body", "deadline", "item", "trace", "traceparent")

    @property
    def path(self) -> str:  # type: ignore[override] # nobody sets it
        """Give what the access log shows."""
        return self.batcher.endpoint.path

    def known_trace(self) -> RequestTrace | None:
        """Give what names it, if the client has said to which trace it belongs."""
        return self.trace if self.traceparent is None else self.named()

    def named(self) -> RequestTrace:
        """Give what names it where it is told of."""
        if self.trace is None:
            self.trace = RequestTrace(self.traceparent or b"")
        return self.trace

    def begin_body(self) -> None:
        """Note that the body comes in pieces."""
        self.body = b""

    def take_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self.body = self.body + data if self.body else data

    def end_body(self) -> None:
        """Predict, as `take_plain` does if the body came whole."""
        batcher = self.batcher
        try:
            self.item = batcher.decode(self.body)
        except ProblemError as problem:
            self.reject(problem)
        else:
            batcher.submit(self, len(self.connection.state.connections))

    def disconnect(self) -> None:
        """Note that the client has gone."""
        self.is_complete = True
        self.batcher.counter.request_abandoned()

    def resolve(self, result: Any, queued: float, timing: bytes) -> None:
        """Answer with a prediction; a large one is written in a thread."""
        batcher, connection = self.batcher, self.connection
        try:
            if type(result) not in PLAIN and is_large(result):
                self._begin_large(result, SERVER_TIMING % (queued, timing))
                return
            body = batcher.encode(result)
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            self.reject(batcher.problem_for(self, error))
            return
        if type(body) is not bytes or not self.keep_alive:
            self._answer_result(body, SERVER_TIMING % (queued, timing))
            return
        route, date_line = connection.route, connection.state.date_line
        start = route.ok_start if date_line is route.date_line else route.ok_start_at(date_line)
        self.status = 200
        self.is_started = self.is_complete = True
        if self.traceparent is None:
            connection.transport.write(_OK % (start, len(body), queued, timing, body))
        else:
            traced = (start, len(body), queued, timing, self.traceparent, body)
            connection.transport.write(_OK_TRACED % traced)
            if connection.names_requests:
                self.named()
        now = time.monotonic()
        batcher.counter.well_answered.append(now - self.since)
        request_log = connection.owner.request_log
        if request_log is not None and _draw() < request_log.rate:
            self._record(request_log, _JSON_FIELDS, body)
        connection.finish_predicted(self, now)

    def _begin_large(self, result: Any, timing: bytes) -> None:
        tasks = self.connection.state.tasks
        task = self.connection.loop.create_task(self._answer_large(result, timing))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _answer_large(self, result: Any, timing: bytes) -> None:
        batcher = self.batcher
        try:
            body = await batcher.thread().result_of(lambda: batcher.encode(result))
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            problem = batcher.problem_for(self, error)
            if not self.is_complete:
                self.reject(problem)
            return
        if not self.is_complete:
            self._answer_result(body, timing)

    def _answer_result(self, body: bytes | Response, timing: bytes) -> None:
        """Answer with what is seldom: the author's own response, a large result, or the last."""
        given = body if isinstance(body, Response) else Response(body=body)
        response = dataclasses.replace(given, headers=((b"server-timing", timing), *given.headers))
        headers = headers_of(response, self.connection.route.run_id)
        self._answer(response.status, headers, response.body)

    def reject(self, problem: ProblemError) -> None:
        """Answer with the reason why there is no prediction."""
        body = problem.body()
        run_id = self.connection.route.run_id
        headers = response_headers(CONTENT_TYPE, len(body), run_id, problem.headers)
        self._answer(problem.status, headers, body)

    def _answer(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        connection = self.connection
        date = connection.state.date_line
        if status in BODILESS:
            headers, body = bodiless_fields(status, headers), b""
        try:
            lines = status_line(status) + date + header_lines(headers)
        except (HeaderError, TypeError) as error:  # as it is told on the ordinary way
            said = f"the app failed at POST {self.path!r}"
            number = self.named().run(note_failure, log, said, error)
            status, body = own_answers.failed(number)
            headers = own_answers.problem_fields(body)
            lines = status_line(status) + date + header_lines(headers)
        if self.traceparent is not None:
            lines += self.named().echo()
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        self.status, self.is_started, self.is_complete = status, True, True
        connection.transport.write(lines + end + body)
        self.batcher.counter.request_answered(status, time.monotonic() - self.since)
        request_log = connection.owner.request_log
        if request_log is not None and request_log.wants(status):
            self._record(request_log, kept(headers), body)
        connection.finish_exchange(self)
        if status == 503:
            connection.hold_off()

    def _record(
        self, request_log: RequestLog, fields: Sequence[tuple[bytes, bytes]], answer: bytes
    ) -> None:
        is_cut = len(answer) > MOST
        self.named()  # as the access log does
        exchanged = Exchanged(
            query=b"",
            fields=_JSON_FIELDS,
            body=self.body,
            answer_fields=fields,
            answer=None if is_cut else answer,
            is_cut=is_cut,
            has_failed=self.has_failed,
        )
        request_log.add_exchange(self, exchanged)


class ForwardedRequest(FastRequest):
    """Be one that a proxy has passed on, where that is logged.

    Attributes:
        head: In which the proxy says for whom.
    """

    __slots__ = ("head",)

    head: bytes

    def asked_by(self) -> tuple[str, str, str]:
        """Give who asked, below which prefix, and how."""
        return self.connection.owner.proxies.named_in(self.head)


class FastRouteConnection(Connection):
    """Speak HTTP on one connection, and answer plain requests at once."""

    def __init__(self, owner: Owner, route: FastRoute) -> None:
        super().__init__(owner)
        self.route = route
        # Whether a line is written of each request, which has to name it as others do.
        self.names_requests = owner.access_log is not None or owner.request_log is not None
        self._logs_proxies = False  # what one says is logged
        self._heeds_proxies = False  # the host that one says has to be allowed, too
        self._looks_closer = True  # at one of these, or at a key

    def connection_made(self, transport: Any) -> None:
        """Note whether it comes from a proxy."""
        super().connection_made(transport)
        owner, is_proxy = self.owner, self.owner.proxies.believe(self.client)
        self._logs_proxies = is_proxy and owner.access_log is not None
        names_host = is_proxy and owner.proxies.say_host
        self._heeds_proxies = names_host and owner.gate.hosts is not None
        heeds_any = self._heeds_proxies or self._logs_proxies
        self._looks_closer = heeds_any or self.route.plain.name_in is not None

    def take_plain(self, data: bytes) -> bytes | None:  # noqa: PLR0911 - see rule 3
        """Take a request whose head is plain."""
        state, plain = self.state, self.route.plain
        if state.in_flight >= self.limits.max_concurrency:
            return None
        match = plain.match  # called at once, it would be looked for among the methods first
        found = match(data)
        if found is None:
            return None
        target, _, _, length, content_type, host, traceparent, milliseconds = found.groups()
        batcher = plain.batchers.get(target)
        if (
            batcher is None
            or length is None
            or content_type is None
            or host is None
            or (plain.hosts is not None and not plain.hosts[host])
        ):
            return None
        start, size = found.end(), int(length)
        if not 0 < size <= plain.largest_body or start > plain.largest_head:
            return None
        since, deadline, key_name = time.monotonic(), None, ""
        if milliseconds is not None:
            wait = int(milliseconds)
            if not 0 < wait <= LONGEST_TIMEOUT:
                return None
            deadline = since + wait / 1000
        if self._looks_closer:
            admitted = self._look_closer(data[:start])
            if admitted is None:
                return None
            request, key_name = admitted
        else:
            request = FastRequest.__new__(FastRequest)
        request.connection, request.batcher = self, batcher
        request.since, request.deadline, request.key_name = since, deadline, key_name
        request.keep_alive = not self.owner.is_draining
        request.is_started = request.is_complete = False
        request.status, request.recordable = 0, None
        request.traceparent, request.trace = traceparent, None
        end = start + size
        if len(data) < end or self._is_half_closed:
            batcher.counter.request_started()
            request.begin_body()
            self.begin(request, size)
            return data[start:]
        batcher.counter.in_flight += 1  # told when the model is called
        self.exchange, self.phase, self.deadline = request, _ANSWERING, NEVER
        state.in_flight += 1
        request.body = body = data[start:end]
        try:
            request.item = batcher.decode(body)
        except ProblemError as problem:
            request.reject(problem)
        else:
            batcher.submit(request, len(state.connections))
        return data[end:]

    def _look_closer(self, head: bytes) -> tuple[FastRequest, str] | None:
        """Let a request in where a key or a proxy decides, too; and name the key."""
        if self._heeds_proxies and are_in(head):
            return None
        name_in = self.route.plain.name_in
        key_name = "" if name_in is None else name_in(head)
        if key_name is None:
            return None
        if not (self._logs_proxies and are_in(head)):
            return FastRequest.__new__(FastRequest), key_name
        request = ForwardedRequest.__new__(ForwardedRequest)
        request.head = head
        return request, key_name

    def finish_predicted(self, request: FastRequest, now: float) -> None:
        """Go on: a prediction was written, and the client may ask again.

        Done is what `finish_exchange` does where there is neither more to read nor to be told.

        Args:
            request: Whose it is.
            now: Seconds, by the loop's clock.
        """
        state = self.state
        if len(state.connections) == 1:
            self.route.awake.wait(now)
        if (
            self.unread
            or self.owner.access_log is not None
            or self._body_held
            or self._is_half_closed
        ):
            self.finish_exchange(request)
            return
        state.in_flight -= 1
        state.answers += 1
        self.phase, self.exchange, self._time = _IDLE, None, None
        self.deadline = deadline = now + self.limits.keep_alive
        if deadline < self._timer_at:
            self._arm(deadline)

    def hold_off(self) -> None:
        """Read no more for a moment from a client that was told to come later.

        Those that do not heed it would take the time of those who are served; and not all of
        them come again at once.
        """
        if self.phase is not Phase.CLOSING:
            self.pause_reading(Pause.REFUSED)
            self.loop.call_later(
                random.uniform(*_PAUSE_AFTER_503),  # noqa: S311 - no secret
                self.resume_reading,
                Pause.REFUSED,
            )
