"""Speak HTTP/1.1 with one client, one request after the other, within the limits.

The rules of this file:

1. A connection is in one phase (see `Phase`), and each has its deadline.
2. One request at a time is taken out of what has arrived. What comes behind it stays unread bytes
   until it is answered, and there are few of them: then nothing more is read from this client.
3. Who sends many at once is answered a few at a turn of the loop: others have their turns too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from runner.access.gate import Asked, without_keys
from runner.access.origins import origin_in
from runner.access.refusal import RefusedRequestError
from runner.bodies.request_body import too_large
from runner.bodies.sending_time import SendingTime, late
from runner.config import PAGE_PATH
from runner.http import own_answers
from runner.http.asgi_exchange import App, AsgiExchange
from runner.http.buffers import TOO_MUCH
from runner.http.client_link import Pause
from runner.http.exchange_link import HALF_CLOSED, ExchangeLink, Owner, Phase
from runner.http.request_head import (
    NO_REQUEST,
    RequestHead,
    check_line,
    read_head,
)
from runner.http.scope import below_root, scope_of
from runner.http.tls_scope import tls_scope

if TYPE_CHECKING:
    from runner.http.exchange import Exchange, TaskExchange

__all__ = ["Connection", "Owner", "Phase"]

_IDLE, _HEAD, _BODY = Phase.IDLE, Phase.HEAD, Phase.BODY
_ANSWERING, _UPGRADED, _CLOSING = Phase.ANSWERING, Phase.UPGRADED, Phase.CLOSING
_MOST_UNREAD = 65_536
_USUAL_HEAD = 4_096  # bytes
_AT_EASE = 1.0  # seconds that a client has for its request in any case
_SLOW = 16_384  # bytes a second
_MOST_A_TURN = 8  # steps for one client before the loop looks after the others
# No head has it, whatever comes behind.
_NO_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n")


class Connection(ExchangeLink):
    """Speak HTTP on one connection."""

    _searched = 0  # bytes of the unread that hold no end of a head
    _is_plain = True  # it may begin with what `take_plain` takes
    _tls: dict[str, Any] | None = None

    # -- what the transport calls

    def connection_made(self, transport: Any) -> None:
        """Give the client its time for the first request."""
        super().connection_made(transport)
        connections = self.state.connections
        connections.add(self)
        self.expect_within(self.limits.read_timeout)
        if len(connections) <= self.state.bound.most or self.exchange is not None:
            return  # a thread that has accepted it has looked whether there is room
        if not self.state.bound.make_room(self):
            self.phase = _CLOSING

    def connection_lost(self, exc: Exception | None) -> None:
        """Let whoever answers know."""
        super().connection_lost(exc)
        self.state.connections.discard(self)
        self.phase, self.unread = _CLOSING, b""
        self._drop_exchange()
        self.hold(0)

    @property
    def is_idle(self) -> bool:
        """Tell that nothing of a request is here."""
        return self.phase is _IDLE and not self.unread and not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        """Take what a client sends."""
        if self.phase is _IDLE and not self.unread and not self.is_write_paused:
            rest = self.take_plain(data)
            if rest is None:
                self.unread, self._is_plain = data, False
            else:
                self.unread = rest
                if not rest and self.phase is not _BODY:
                    return
        elif self.phase is _CLOSING:
            return
        elif self.phase is _UPGRADED:
            self.exchange.take_body(data)  # type: ignore[union-attr] # there is one
            return
        else:
            self.unread = self.unread + data if self.unread else data
            self._is_plain = True
        self.read_on()

    def eof_received(self) -> bool:
        """Answer a client that has ended its own half, if that takes but a moment.

        It may as well be gone for good, which looks the same: then the app has to know.
        """
        if self.phase is not _ANSWERING and not (self.phase is _IDLE and self.unread):
            return False
        self._is_half_closed = True
        self.expect_within(HALF_CLOSED)
        return True

    def resume_writing(self) -> None:
        """Go on with what has waited for the client to read."""
        super().resume_writing()
        if self.unread:
            self.read_on()

    # -- what those who answer use

    def take_plain(self, data: bytes) -> bytes | None:
        """Take a request without the general way, if it is one that this is for.

        Called when nothing is in hand, and the client takes its answers. Who takes it calls
        `begin`.

        Args:
            data: All that is unread.

        Returns:
            What is unread behind what was taken; None if nothing was.
        """

    def exchange_for(self, head: RequestHead) -> Exchange:
        """Choose who answers.

        Raises:
            RefusedRequestError: Nobody does.
        """
        owner, limits = self.owner, self.limits
        scope = scope_of(head, self.client, self.server, owner.proxies, self.scheme)
        cors = owner.gate.cors
        if fields := owner.gate.preflight(scope["method"], head.headers):
            return self._preflight(head, scope, fields)
        key_name = self._admit(scope, head)
        scope["state"] = self.state.app_state.copy()
        scope["extensions"] = {} if self.scheme == "http" else {"tls": self._tls_scope()}
        recordable = None if owner.request_log is None else head
        if head.upgrade == b"websocket" and (exchange := self._websocket(head, scope)):
            exchange.key_name, exchange.recordable = key_name, recordable
            exchange.begin_span(scope)
            return exchange
        app, path = owner.app, below_root(scope)
        if path in (limits.health_path, limits.ready_path) and path and _only_asks(head):
            is_readiness = path == limits.ready_path  # also where both have one path
            app, recordable = self._readiness() if is_readiness else own_answers.ALIVE, None
        elif not self.has_room() and not self.state.bound.end_slow(in_flight=True):
            app = own_answers.BUSY
        elif owner.page is not None and path.startswith(PAGE_PATH):
            app, recordable = owner.page, None
        keep_alive = head.keep_alive and not owner.is_draining
        exchange = AsgiExchange(self, head, scope, app, keep_alive=keep_alive)
        exchange.key_name, exchange.recordable = key_name, recordable
        if app not in own_answers.HEALTH:
            exchange.begin_span(scope)
        if cors is not None:
            exchange.origin = origin_in(head.headers)
        return exchange

    def _preflight(
        self, head: RequestHead, scope: dict[str, Any], fields: list[tuple[bytes, bytes]]
    ) -> Exchange:
        keep_alive = head.keep_alive and not self.owner.is_draining
        app = own_answers.preflight(fields)
        return AsgiExchange(self, head, scope, app, keep_alive=keep_alive)

    def _admit(self, scope: dict[str, Any], head: RequestHead) -> str:
        """Let a request in, and keep its key from the app; give the key's name.

        Raises:
            RefusedRequestError: It is not let in.
        """
        gate, fields = self.owner.gate, scope["headers"]
        sent = () if fields is head.headers else head.headers
        asked = Asked(scope["method"], below_root(scope), fields, self.client, sent)
        key_name = gate.admit(asked)
        if gate.keys is not None:
            scope["headers"] = without_keys(fields)
        return key_name

    def _tls_scope(self) -> dict[str, Any]:
        if self._tls is None:
            self._tls = tls_scope(self.transport)
        return self._tls

    def _websocket(self, head: RequestHead, scope: dict[str, Any]) -> TaskExchange | None:
        """Take up a WebSocket, if the app knows any and there is room for one."""
        owner = self.owner
        is_handshake = head.method == b"GET" and head.version == "1.1" and not head.length
        if not (owner.takes_websockets and is_handshake and self.has_room()) or owner.is_draining:
            return None
        try:
            from runner.http.websocket import WebSocketExchange
        except ImportError:
            return None
        return WebSocketExchange(self, head, scope)

    def _readiness(self) -> App:
        owner = self.owner
        app: App = own_answers.READINESS[owner.readiness]
        return own_answers.DRAINING if owner.is_draining else app

    # -- reading

    def read_on(self) -> None:
        """Take one request after the other out of what has arrived, a few at a turn of the loop."""
        if self._is_reading:
            return
        if not self._has_next_turn:
            self._is_reading = True
            self._read_some()
            self._is_reading = False
        self._wait()

    def _read_some(self) -> None:
        for _ in range(_MOST_A_TURN):
            if not self.unread:
                return
            if self.phase is _BODY:
                goes_on = self._read_body()
            else:
                goes_on = self.phase in (_IDLE, _HEAD) and self._read_head()
            if not goes_on:
                return
        if self.unread:
            self.read_next_turn()

    def _wait(self) -> None:
        """Give the client its time for what is not there yet, or read no more from it."""
        phase = self.phase
        if self._is_half_closed and self._lacks_bytes():
            self._drop_exchange()
            self._end()
        elif (phase is _BODY or phase is _HEAD) and self._time is None:
            self._time = SendingTime(self.loop.time(), self.limits.read_timeout)
            self.expect_within(self.limits.read_timeout)
        self.hold(self._body_held + len(self.unread))
        if len(self.unread) > _MOST_UNREAD and not self._lacks_bytes():
            self.pause_reading(Pause.UNREAD)
        else:
            self.resume_reading(Pause.UNREAD)

    def _lacks_bytes(self) -> bool:
        """Tell that nothing goes on before more has come."""
        if self._has_next_turn:
            return False
        return self.phase in (_HEAD, _BODY) or (self.phase is _IDLE and not self.unread)

    def _read_head(self) -> bool:
        """Take the next request; tell whether there may be more to read."""
        if self.is_write_paused:
            return False
        data = self.unread
        if data[0] in b"\r\n":  # empty lines begin nothing
            self.unread = data = data.lstrip(b"\r\n")
            self._is_plain = True
            if not data:
                return False
        end = data.find(b"\r\n\r\n", self._searched) + 4
        if end < 4 or end > self.limits.max_header:
            return self._read_no_head(data)
        self._searched = 0
        rest = self.take_plain(data) if self._is_plain else None
        self._is_plain = True
        if rest is not None:
            self.unread = rest
            return True
        self.unread = data[end:]
        head = None
        try:
            head = read_head(data[:end])
            if head.length > self.limits.max_body:
                raise too_large(self.limits.max_body)
            exchange = self.exchange_for(head)
        except RefusedRequestError as refused:
            self._refuse(refused, head)
            return False
        self.begin(exchange, head.length)
        exchange.start()
        if not head.length:
            exchange.end_body()
        return True

    def _read_no_head(self, data: bytes) -> bool:
        try:
            self._check_begun(data)
        except RefusedRequestError as refused:
            self._refuse(refused)
        else:
            self.phase, self._searched = _HEAD, max(0, len(data) - 3)
        return False

    def _check_begun(self, data: bytes) -> None:
        """Refuse what can become no head, whatever comes behind."""
        most = self.limits.max_header
        if len(data) > most:
            raise RefusedRequestError(431, f"the headers are larger than {most} bytes")
        if _NO_HEAD.search(data, max(0, self._searched - 1)):
            raise RefusedRequestError(400, NO_REQUEST)
        if b"\r\n" in data:
            check_line(data)
        if len(data) > _USUAL_HEAD and self.state.buffers.is_full:
            raise RefusedRequestError(503, TOO_MUCH)

    def _read_body(self) -> bool:
        """Take a piece of the body; tell whether there may be more to read."""
        exchange, body = self.exchange, self._body
        if body is None:
            return False
        try:
            piece, self.unread = body.read(self.unread)
        except RefusedRequestError as refused:
            self._refuse(refused)
            return False
        if body.is_whole:
            self._body = None
        if exchange is None or exchange.is_complete:  # the rest of one that was answered
            if body.is_whole:
                self._await_request()
            return body.is_whole or body.has_more
        if piece:
            self._body_held += len(piece)
            exchange.take_body(piece)
        if body.is_whole:
            self._await_answer()
            exchange.end_body()
        return body.is_whole or body.has_more

    # -- ending

    def late(self) -> None:
        """End what has taken too long."""
        phase, exchange = self.phase, self.exchange
        if phase is _HEAD or phase is _BODY:
            self._late_to_send()
        elif phase is _UPGRADED and exchange is not None:
            exchange.late()
        elif phase is _ANSWERING and exchange is not None:
            self._drop_exchange()  # it has ended its half, and the answer takes longer
            self.close()
        elif phase is _IDLE and self.is_write_paused:
            self.expect_within(self.limits.keep_alive)  # it has the answers to read first
        elif phase is _CLOSING:
            self._late_to_leave()
        else:
            self.close()

    def is_slow(self) -> bool:
        """Tell that the client, and nobody else, makes its request or its answer last."""
        if self._slow_reader is not None:
            return self._slow_reader.is_slow
        if self._time is None or self._pauses or self._owes_word():
            return False
        seconds = self._time.spent(self.loop.time())
        return seconds > _AT_EASE and self._held < seconds * _SLOW

    def _owes_word(self) -> bool:
        return self.exchange is not None and self.exchange.owes_word()

    def give_up(self) -> None:
        """End for others, who need what it holds."""
        if self._slow_reader is not None:
            self.abort()
            return
        self._refuse(
            RefusedRequestError(408, "the request came so slowly that others had its place")
        )
        self.close()

    def _late_to_send(self) -> None:
        """End who was too slow, or was held up for too long; not who waits for the app."""
        seconds = self.limits.read_timeout
        left = self._time.left(self.loop.time()) if self._time is not None else 0.0
        if self._pauses & ~Pause.BUFFERS or self._owes_word():
            self.expect_within(seconds)
        elif left > 0:
            self.expect_within(left)
        elif self._pauses:
            self._refuse(RefusedRequestError(503, TOO_MUCH))
        else:
            self._refuse(late(seconds))


def _only_asks(head: RequestHead) -> bool:
    return head.method in (b"GET", b"HEAD")
