"""Be one client's connection as those see it who answer: one exchange at a time, and its end.

The rules of this file:

1. What was begun is counted, and is told when nobody waits for it any more; once.
2. A request is refused before anything of it is done, and with it ends the connection. A client
   that was refused is read for a moment more, so that it sees the answer instead of a reset.
"""

from __future__ import annotations

import enum
import time
from typing import TYPE_CHECKING, Protocol

from runner.access.origins import origin_in
from runner.bodies.request_body import RequestBody
from runner.bodies.sending_time import SendingTime
from runner.http import own_answers
from runner.http.client_link import ALL_PAUSES, NEVER, ClientLink, Pause
from runner.http.recording import refused_exchange
from runner.http.slow_reader import left_to_take
from runner.liveness.readiness import Readiness
from runner.telemetry.request_trace import RequestTrace, trace_of

if TYPE_CHECKING:
    import asyncio

    from runner.access.gate import Gate
    from runner.access.refusal import RefusedRequestError
    from runner.config import Limits
    from runner.http.access_log import AccessLog
    from runner.http.asgi_exchange import App
    from runner.http.exchange import Exchange
    from runner.http.forwarded import TrustedProxies
    from runner.http.request_head import RequestHead
    from runner.http.request_log import RequestLog
    from runner.http.server_state import ServerState

_GONE = 0  # in place of the status of an answer that nobody has taken
HALF_CLOSED = 0.25  # seconds that a client is answered which sends no more
LITTLE = 16_384  # bytes of an answer, which are on their way at once
_LINGER = 2.0  # seconds that one is read which is to see our last answer


class Phase(enum.Enum):
    """Say what a connection waits for."""

    IDLE = "a request"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"
    ANSWERING = "the answer to a request that is whole"
    UPGRADED = "what another protocol says"
    CLOSING = "its end"


class Owner(Protocol):
    """Be the server that a connection belongs to.

    Attributes:
        page: Answers at ``PAGE_PATH`` and below it; None leaves that to the app.
    """

    app: App
    page: App | None
    state: ServerState
    limits: Limits
    access_log: AccessLog | None
    request_log: RequestLog | None
    proxies: TrustedProxies
    gate: Gate
    is_draining: bool
    readiness: Readiness
    takes_websockets: bool


_IDLE, _BODY, _ANSWERING = Phase.IDLE, Phase.BODY, Phase.ANSWERING


class ExchangeLink(ClientLink):
    """Have one exchange after the other.

    Attributes:
        exchange: The request that is read or answered; None between two.
        phase: What is waited for.
        unread: What came and was not looked at yet.
    """

    _body: RequestBody | None = None
    _held = 0  # bytes that were counted
    _has_next_turn = False
    _lingers_until = 0.0

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(owner.limits, owner.state.unsent, loop)
        self.owner, self.state = owner, owner.state
        # What each request asks for is the connection's own: a default of the class is slow to
        # read, and so is all of one that has more than 30 of its own. Source: CPython 3.11,
        # SHARED_KEYS_MAX_SIZE.
        self.exchange: Exchange | None = None
        self.phase, self.unread = Phase.IDLE, b""
        self._body_held = 0  # of the bytes that were counted those of the body
        self._time: SendingTime | None = None  # of the request, while it is not whole
        self._is_reading = self._is_half_closed = False

    def read_on(self) -> None:
        """Take the next request out of what has arrived."""
        raise NotImplementedError

    def read_next_turn(self) -> None:
        """Do so when the loop has looked after the others.

        Else a client that sends without end would be answered without end, and nobody besides.
        """
        if not self._has_next_turn:
            self._has_next_turn = True
            self.loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._has_next_turn = False
        self.read_on()

    def has_room(self) -> bool:
        """Tell that one more request may be begun."""
        return self.state.in_flight < self.limits.max_concurrency and not self.is_write_paused

    def begin(self, exchange: Exchange, length: int) -> None:
        """Have an exchange.

        Args:
            exchange: Whose body and end are to be told to it.
            length: Bytes of the body that are to be read; ``CHUNKED`` if it comes in chunks.
        """
        self.exchange = exchange
        self.state.in_flight += 1
        if length:
            self.phase = _BODY
            self._body = RequestBody(length, self.limits.max_body)
        else:
            self._await_answer()

    def write(self, data: bytes) -> None:
        """Write a piece of the answer."""
        self.transport.write(data)

    def upgrade(self, exchange: Exchange) -> None:
        """Give all that comes from now on to an exchange."""
        self.phase = Phase.UPGRADED
        unread, self.unread = self.unread, b""
        self.resume_reading(Pause.UNREAD)
        if unread:
            exchange.take_body(unread)

    def finish_exchange(self, exchange: Exchange, is_counted: bool = False) -> None:
        """Go on: the answer was written.

        Args:
            exchange: Whose answer it is.
            is_counted: By the thread that wrote it.
        """
        exchange.is_complete = True
        exchange.leave()
        if not is_counted:
            self.state.answers += 1
            if self.state.answered is not None:
                self._count(exchange, exchange.status)
            if self.owner.access_log is not None:
                self._log_exchange(exchange)
            if exchange.recordable is not None:
                self._record(exchange)
        if self._body_held or self._pauses:
            self._let_go_of_body()
        if not exchange.keep_alive or (self._is_half_closed and not self.unread):
            self._end()
            return
        if self.phase is _ANSWERING:
            self.phase, self.exchange, self._time = _IDLE, None, None
            self.deadline = deadline = self.loop.time() + self.limits.keep_alive
            if deadline < self._timer_at:
                self._arm(deadline)
        if self.unread and not self._is_reading:
            self.read_next_turn()

    def count_in_thread(self, exchange: Exchange) -> None:
        """Count and log an answer that a thread has written."""
        self.state.count_in_thread()
        self._count(exchange, exchange.status)
        if self.owner.access_log is not None:
            self._log_exchange(exchange)

    def cut(self, exchange: Exchange, *, resets: bool = False) -> None:
        """End the connection in the middle of an answer.

        Args:
            exchange: Whose answer it is.
            resets: The end of the connection would pass for the end of the answer.
        """
        exchange.is_complete = True
        exchange.leave()
        self._count(exchange, 500 if exchange.has_failed else exchange.status)
        self._log_exchange(exchange)
        if exchange.recordable is not None:
            self._record(exchange, is_whole=False)
        self._let_go_of_body()
        self.exchange, self.phase = None, Phase.CLOSING
        self.expect_nothing()
        if resets:
            self.abort()
        else:
            self.close()

    def _let_go_of_body(self) -> None:
        """Forget the body of what was answered; what still comes of it is dropped."""
        self.resume_reading(Pause.BODY)
        if self._body_held:
            self._body_held = 0
            self.hold(len(self.unread))

    def hold(self, size: int) -> None:
        """Count what is in hand, and wait for room if there is more to come."""
        buffers = self.state.buffers
        if size != self._held:
            buffers.add(size - self._held)
            self._held = size
        if self.phase is _BODY:
            buffers.expect_more(self)
        else:
            buffers.expect_no_more(self)

    def hold_up(self) -> None:
        """Read nothing more until others have given back what they hold."""
        if self._time is not None:
            self._time.hold_up(self.loop.time())
        self.pause_reading(Pause.BUFFERS)

    def let_go_on(self) -> None:
        """Read on; the time that was lost is given back."""
        if self._time is not None:
            now = self.loop.time()
            self._time.go_on(now)
            self.expect_within(self._time.left(now))
        self.resume_reading(Pause.BUFFERS)

    def _await_answer(self) -> None:
        self.phase, self._time, self.deadline = _ANSWERING, None, NEVER
        if self._is_half_closed:
            self.expect_within(HALF_CLOSED)

    def _await_request(self) -> None:
        self.phase, self.exchange, self._time = _IDLE, None, None
        self.expect_within(self.limits.keep_alive)

    def announce_close(self, code: int) -> None:
        """Have the answer in the making, if it has not begun, say that the connection ends."""
        if self.exchange is not None:
            self.exchange.announce_end(code)

    def shutdown(self) -> None:
        """End when nothing is in the making."""
        if self.exchange is None or self.exchange.is_complete:
            self.close()
        else:
            self.exchange.ask_to_end()

    def _end(self) -> None:
        """End behind the last answer."""
        # What a client sends behind its request would reset an answer that is under way.
        has_more = self.phase is _BODY or self.unread or left_to_take(self.transport) > LITTLE
        self.phase, self.exchange, self.unread = Phase.CLOSING, None, b""
        self._body_held = 0
        self.hold(0)
        self.expect_nothing()
        if has_more and not self._is_half_closed:
            self._linger()
        else:
            self.close()

    def _linger(self) -> None:
        """Read on for a moment, or as long as the client takes the answer; drop what comes."""
        self.close_our_half()
        self.resume_reading(ALL_PAUSES)
        self._watch_writing()
        self._lingers_until = self.loop.time() + self.limits.write_timeout
        self.expect_within(_LINGER)

    def _late_to_leave(self) -> None:
        if self.loop.time() < self._lingers_until and left_to_take(self.transport):
            self.expect_within(_LINGER)
        else:
            self.close()

    def _refuse(self, refused: RefusedRequestError, head: RequestHead | None = None) -> None:
        """Answer by ourselves and drop the rest of what the client sends."""
        exchange, status = self.exchange, refused.status
        trace = _trace_of(exchange, head)
        is_silent = exchange is not None and (exchange.is_started or exchange.is_complete)
        if exchange is not None:
            self._log_exchange(exchange, status)
        elif head is not None:
            path = head.target.partition(b"?")[0].decode("latin-1")
            self._log(head.method.decode("latin-1"), path, status, 0.0, refused.key_name, trace)
        else:
            self._log("-", "-", status, 0.0)
        if not is_silent:
            self._record_refusal(refused, head, trace)
        self._drop_exchange()
        self.phase, self.unread = Phase.CLOSING, b""
        self.hold(0)
        if not is_silent:
            has_body = head is None or head.method != b"HEAD"
            fields = [*(trace.fields() if trace else ()), *self._fields_for_browsers(head)]
            self.write(own_answers.refusal(refused, fields, has_body=has_body))
        self._linger()

    def _fields_for_browsers(self, head: RequestHead | None) -> list[tuple[bytes, bytes]]:
        """Say which sites may read why a request was refused."""
        cors = self.owner.gate.cors
        if cors is None or head is None:
            return []
        return cors.answer_fields(origin_in(head.headers))

    def _drop_exchange(self) -> None:
        exchange, self.exchange = self.exchange, None
        self._body_held = 0
        if exchange is not None and not exchange.is_complete:
            if exchange.recordable is not None and exchange.is_started:
                self._record(exchange, is_whole=False)
            exchange.leave()
            self._count(exchange, _GONE)
            exchange.disconnect()

    def _count(self, exchange: Exchange, status: int) -> None:
        """Have an answer of the app counted, if it does not do so itself; in any thread."""
        answered = self.state.answered
        if answered is not None and exchange.is_of_app:
            answered.append((status, time.monotonic() - exchange.since))

    def _record(self, exchange: Exchange, *, is_whole: bool = True) -> None:
        """Have an exchange recorded, if it is to be, now that its end is known."""
        log, recorded = self.owner.request_log, exchange.recorded(is_whole=is_whole)
        if log is not None and recorded is not None:
            log.add_exchange(exchange, recorded)

    def _record_refusal(
        self, refused: RefusedRequestError, head: RequestHead | None, trace: RequestTrace | None
    ) -> None:
        """Have a request recorded that was refused, if it is known what was asked."""
        log, exchange = self.owner.request_log, self.exchange
        if log is None or (exchange is None and head is None) or not log.wants(refused.status):
            return
        exchanged = refused_exchange(refused, head)
        if exchange is not None:
            exchange.status = refused.status
            log.add_exchange(exchange, exchanged)
        elif head is not None:
            log.add(
                exchanged,
                method=head.method.decode("latin-1"),
                path=head.target.partition(b"?")[0].decode("latin-1"),
                status=refused.status,
                seconds=0.0,
                key_name=refused.key_name,
                trace=trace,
            )

    def _log_exchange(self, exchange: Exchange, status: int = 0) -> None:
        """Log an exchange under its status, unless another is given."""
        seconds = time.monotonic() - exchange.since
        client, root, scheme = exchange.asked_by()
        path, words = root + exchange.path, (exchange.key_name, exchange.trace)
        self._log(exchange.method, path, status or exchange.status, seconds, *words, client, scheme)

    def _log(  # noqa: PLR0913, PLR0917 - the facts of a line
        self,
        method: str,
        path: str,
        status: int,
        seconds: float,
        key_name: str = "",
        trace: RequestTrace | None = None,
        client: str = "",
        scheme: str = "",
    ) -> None:
        if self.owner.access_log is not None:
            self.owner.access_log.add(
                client=client or (self.client[0] if self.client else "-"),
                scheme=scheme or self.scheme,
                method=method,
                path=path,
                status=status,
                seconds=seconds,
                trace=trace,
                key_name=key_name,
            )


def _trace_of(exchange: Exchange | None, head: RequestHead | None) -> RequestTrace | None:
    if exchange is not None:
        return exchange.named()
    return None if head is None else trace_of(head.headers)
