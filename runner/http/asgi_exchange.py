"""Let an ASGI app answer one request.

Nothing is written before the app gives a first piece of its body: so a head that is wrong, and a
failure up to then, become a clean 500.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from runner.http import own_answers
from runner.http.client_link import Pause
from runner.http.exchange import TaskExchange
from runner.http.problems import NotedFailureError, note_failure, note_handled
from runner.http.response_head import (
    BODILESS,
    HeaderError,
    bodiless_fields,
    header_lines,
    status_line,
)
from runner.telemetry.request_trace import TRACEPARENT, trace_of
from runner.telemetry.statuses import is_failure

if TYPE_CHECKING:
    from runner.http.connection import Connection
    from runner.http.request_head import RequestHead

log = logging.getLogger(__name__)

App = Callable[..., Awaitable[None]]

# The extension that tells an app, by a call, that nobody takes its answer any more: what it sends
# then is dropped without a word.
IS_CLOSING = "runner.http.is_closing"

MOST_A_TURN = 32  # messages of an app before the loop looks after the others
_MOST_BODY_WAITING = 65_536
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FRAMING = {b"connection", b"content-length", b"date", b"transfer-encoding"}
_CHUNKED_LINE = b"transfer-encoding: chunked\r\n"
_NO_LINES = b""
# Of these a client expects no end, and takes any: of all others the end is a part of what they say.
_STREAM = re.compile(
    rb"\r\ncontent-type: *(text/event-stream|application/(x-ndjson|jsonl|json-seq)"
    rb"|multipart/x-mixed-replace)",
    re.IGNORECASE,
)

_draw = random.random


class AsgiExchange(TaskExchange):
    """Be a request that an ASGI app answers.

    Args:
        connection: Whose it is.
        head: What was asked.
        scope: Likewise, for the app.
        app: Who answers.
        keep_alive: The connection goes on afterwards.

    Attributes:
        origin: The site whose page asks, or none, where CORS is ours; None where it is the app's.
    """

    __slots__ = (
        "_app",
        "_body",
        "_expects_continue",
        "_has_more",
        "_has_news",
        "_is_asked_to_end",
        "_is_chunked",
        "_is_gone",
        "_is_head",
        "_is_old",
        "_is_stream",
        "_left",
        "_lines",
        "_scope",
        "_sent",
        "_waiters",
        "is_of_app",
        "origin",
    )

    def __init__(
        self,
        connection: Connection,
        head: RequestHead,
        scope: dict[str, Any],
        app: App,
        *,
        keep_alive: bool,
    ) -> None:
        super().__init__(connection, scope, keep_alive=keep_alive)
        self._app, self._scope = app, scope
        self.trace = trace_of(head.headers)
        self.origin: bytes | None = None
        self.is_of_app = app is connection.owner.app
        scope.setdefault("extensions", {})[IS_CLOSING] = self.is_closing
        self._is_head = scope["method"] == "HEAD"
        self._is_old = head.version != "1.1"
        self._expects_continue = head.expects_continue
        self._body, self._has_more, self._has_news = b"", True, False
        self._is_gone = self._is_asked_to_end = self._is_chunked = self._is_stream = False
        self._waiters: list[asyncio.Future[None]] = []
        self._lines: bytes | None = None  # of the head, once the app gave it
        self._left: int | None = None  # of the Content-Length
        self._sent = 0  # messages

    # -- what the connection calls

    def start(self) -> None:
        """Call the app."""
        # Neither is kept: that would be a circle, which only the collector ends.
        app, scope = self._app, self._scope
        del self._app, self._scope
        self.start_task(self._run(app, scope))

    def take_body(self, data: bytes) -> None:
        """Keep a piece of the body until the app asks for it."""
        self._body = self._body + data if self._body else data
        if self.recordable is not None:
            self.keep_body(data)
        if len(self._body) > _MOST_BODY_WAITING:
            self.connection.pause_reading(Pause.BODY)
        self._tell()

    def end_body(self) -> None:
        """Note that the body is whole."""
        self._has_more = False
        self._tell()

    def owes_word(self) -> bool:
        """Tell that the app has not asked for the body of a client that waits for 100."""
        return self._expects_continue

    def disconnect(self) -> None:
        """Let the app know, when it asks."""
        self._is_gone = True
        self._tell()

    def ask_to_end(self) -> None:
        """Tell the app of a stream that its client goes; what it still sends is taken."""
        super().ask_to_end()
        if self._is_stream and not self._has_more:
            self._is_asked_to_end = True
            self._tell()

    def is_closing(self) -> bool:
        """Tell that nobody takes the answer any more."""
        return (
            self._is_gone or self._is_asked_to_end or bool(self.connection.transport.is_closing())
        )

    def _tell(self) -> None:
        self._has_news = True
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    # -- what the app calls

    async def receive(self) -> dict[str, Any]:
        """Give the next piece of the body, or say that the client has gone."""
        connection = self.connection
        if self._expects_continue and not self.is_closing():
            self._expects_continue = False
            connection.write(_CONTINUE)
        connection.resume_reading(Pause.BODY)
        if not (self._has_news or self._is_gone or self.is_complete or self._is_asked_to_end):
            waiter = connection.loop.create_future()
            self._waiters.append(waiter)
            await waiter
        self._has_news = False
        if self._is_gone or self.is_complete or self._is_asked_to_end:
            await asyncio.sleep(0)  # an app may ask without end
            return {"type": "http.disconnect"}
        body, self._body = self._body, b""
        return {"type": "http.request", "body": body, "more_body": self._has_more}

    async def send(self, message: dict[str, Any]) -> None:
        """Take a message of the app."""
        self._sent += 1
        if self._is_gone or not self._sent % MOST_A_TURN:
            await asyncio.sleep(0)  # others have their turn, whoever never waits
        if self.connection.is_write_paused and not self._is_gone:
            await self.connection.writable()
        if self._is_gone:
            return
        kind = message["type"]
        if self.is_complete:
            raise RuntimeError(f"Unexpected ASGI message '{kind}': the answer is complete")
        if self._lines is None:
            if kind != "http.response.start":
                raise RuntimeError(f"Expected 'http.response.start', but got '{kind}'")
            self._take_head(message["status"], message.get("headers", ()))
        elif kind == "http.response.body":
            body = message.get("body", b"")
            if type(body) is not bytes:  # its length may be no number of bytes, or change
                body = memoryview(body).tobytes()
            self._take_piece(body, has_more=message.get("more_body", False))
        else:
            raise RuntimeError(f"Expected 'http.response.body', but got '{kind}'")

    def _take_head(self, status: int, headers: Any) -> None:
        connection = self.connection
        fields = self._for_browsers([(name, value) for name, value in headers])
        given = {name.lower() for name, _ in fields}
        date = connection.state.date_line
        if not given.isdisjoint(_FRAMING):
            fields = self._framed(fields, status)
            date = _NO_LINES if b"date" in given else date
        self._lines = status_line(status) + date + header_lines(fields)
        if self.trace.traceparent and TRACEPARENT not in given:
            self._lines += self.trace.echo()
        self.status = status
        if is_failure(status):
            note_handled()
        if self._is_head or status in BODILESS:
            self._left = None

    def _for_browsers(self, fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Add which sites may read the answer, if that is ours to say."""
        cors = self.connection.owner.gate.cors
        if cors is None or self.origin is None:
            return fields
        return cors.with_fields(fields, self.origin)

    def _framed(self, fields: list[tuple[bytes, bytes]], status: int) -> list[tuple[bytes, bytes]]:
        """Take out what says how the answer ends: that is written when it is known."""
        kept, lengths = [], set()
        self._is_chunked = False
        for name, value in bodiless_fields(status, fields):
            lower = name.lower()
            if lower == b"transfer-encoding":
                if value.strip().lower() != b"chunked":
                    raise HeaderError("the only transfer coding known here is chunked")
                self._is_chunked = True
            elif lower == b"connection" and b"close" in _tokens(value):
                self.keep_alive = False
            elif lower != b"content-length":
                kept.append((name, value))
            elif (length := _length(value)) not in lengths:
                lengths.add(length)
                kept.append((name, b"%d" % length))
        if len(lengths) > 1:
            raise HeaderError("the app gave more than one Content-Length")
        if lengths and self._is_chunked:
            return [field for field in kept if field[0].lower() != b"content-length"]
        self._left = lengths.pop() if lengths else None
        return kept

    def _take_piece(self, body: bytes, *, has_more: bool) -> None:
        is_first = not self.is_started
        if self._is_head or self.status in BODILESS:
            body = b""
        elif is_first and self._left is None and not (has_more or self._is_chunked):
            self._left = len(body)
            self._lines += b"content-length: %d\r\n" % len(body)  # type: ignore[operator] # given
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not has_more):
                much = "more" if self._left < 0 else "less"
                raise RuntimeError(f"the app gave {much} than its Content-Length")
        start = self._begin(has_more=has_more) if is_first else b""
        if self.recordable is not None:
            self.keep_answer(body)
        if self._is_chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = body if has_more else body + b"0\r\n\r\n"
        if start or body:
            self.connection.write(start + body if start else body)
        if not has_more:
            self._complete()

    def _begin(self, *, has_more: bool) -> bytes:
        """Write the head, now that all is known of how the answer ends."""
        self.is_started = True
        if self._expects_continue and self._has_more:
            self.keep_alive = False  # nobody knows whether the body still comes
        lines: bytes = self._lines  # type: ignore[assignment] # it is given before
        is_framed = self._left is not None or self._is_head or self.status in BODILESS
        if self._is_old:
            self.keep_alive = self.keep_alive and is_framed
            self._is_chunked = False
        elif not is_framed:
            self._is_chunked = True
        else:
            self._is_chunked = False
        if self.recordable is not None:
            request_log = self.connection.owner.request_log
            is_drawn = request_log is not None and _draw() < request_log.rate
            if is_drawn or has_more or self.status >= 400 or self.trace.failure_id:
                is_endless = self._is_chunked
                self.record_answer(lines, is_drawn, is_endless=is_endless, may_fail=has_more)
            else:  # as nearly always, and then a call is much
                self.recordable = self._asked_body = self._recording = None
        if self._is_chunked:
            self._is_stream = _STREAM.search(lines) is not None
            lines += _CHUNKED_LINE
        if not self.keep_alive:
            return lines + b"connection: close\r\n\r\n"
        return lines + (b"connection: keep-alive\r\n\r\n" if self._is_old else b"\r\n")

    def _complete(self) -> None:
        self.is_complete = True
        self._tell()
        self.connection.finish_exchange(self)

    # -- the call

    async def _run(self, app: App, scope: dict[str, Any]) -> None:
        self.trace.enter()  # in the task's own context
        try:
            await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._give_up()
            raise
        except NotedFailureError:
            self._give_up()
        except BaseException as error:  # noqa: BLE001 - an app may raise anything
            self._fail(error)
        else:
            if not (self.is_complete or self._is_gone):
                self._end_of_app()
        finally:
            self.task_ended()

    def _end_of_app(self) -> None:
        if self._is_asked_to_end and self._is_chunked:
            self._take_piece(b"", has_more=False)
        else:
            self._fail(None)

    def _fail(self, error: BaseException | None) -> None:
        if self._is_gone and self._has_more:
            # Nobody can answer half a request: what an app raises then is no failure of its own.
            asked, raised = f"{self.method} {self.path!r:.200}", type(error).__name__
            log.info("the body of %s did not come whole, and the app raised %.200s", asked, raised)
            return
        said = f"the app failed at {self.method} {self.path!r:.200}"
        if error is None:
            said = f"the app ended without a whole answer at {self.method} {self.path!r:.200}"
        number = note_failure(log, said, error)
        if self.is_complete or self._is_gone:
            return
        if self.is_started:
            self._give_up()
            return
        self.status, body = own_answers.failed(number)
        self._lines = status_line(self.status) + self.connection.state.date_line
        fields = self._for_browsers(own_answers.problem_fields(body))
        self._lines += header_lines(fields) + self.trace.echo()
        self._left, self._is_chunked = (None if self._is_head else len(body)), False
        self._take_piece(body, has_more=False)

    def _give_up(self) -> None:
        """Let the client see that there is no more of an answer that is not whole."""
        if not (self.is_complete or self._is_gone):
            is_unframed = self._is_old and self._left is None
            self.connection.cut(self, resets=is_unframed)


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise HeaderError("the app gave a Content-Length that is no number")
    return int(value)


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip() for token in value.lower().split(b",")]
