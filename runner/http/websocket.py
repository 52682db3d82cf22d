"""Let an ASGI app speak with one client by a WebSocket (RFC 6455), by `websockets`' protocol.

The rules of this file:

1. The handshake is checked before the app hears of it. What the app refuses is a 403, or the answer
   that it gives (the extension ``websocket.http.response``).
2. A client that is silent is pinged; if it stays so it is gone. Of what it sends, at most
   a little waits for the app: then nothing more is read. All of it counts as the bytes of requests
   do; a large message for which there is no room ends the connection, for it may never be whole.
3. A worker that ends tells the app first (``websocket.disconnect``), and takes what that still
   sends; then it closes with the code that says why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from websockets.exceptions import WebSocketException
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from runner.access.refusal import RefusedRequestError
from runner.http import own_answers
from runner.http.asgi_exchange import MOST_A_TURN, App
from runner.http.buffers import TOO_MUCH
from runner.http.client_link import NEVER, Pause
from runner.http.exchange import TaskExchange
from runner.http.problems import note_failure
from runner.http.response_head import header_lines, status_line
from runner.http.websocket_inbox import Inbox
from runner.telemetry.request_trace import RequestTrace, trace_of

if TYPE_CHECKING:
    from runner.http.connection import Connection
    from runner.http.request_head import RequestHead

log = logging.getLogger(__name__)


class _WithoutDebug(logging.LoggerAdapter[logging.Logger]):
    """Leave out what `websockets` says for its debugging: all headers, keys too, and messages."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - its name there
        return level > logging.DEBUG and super().isEnabledFor(level)


_protocol_log = _WithoutDebug(log)

_GRAIN = 0.01  # seconds of a loop's clock
_CLOSE_WITHIN = 5.0
_LARGE = 65_536  # bytes of a message
_MOST_READ_A_TURN = 2_048  # bytes, of frames that have six of them at least
_ABNORMAL, _NORMAL, _INVALID, _FAILED, _LATER = 1006, 1000, 1007, 1011, 1013
# Small windows: each connection has two of them for as long as it lives.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
)
_OURS = {"sec-websocket-accept", "sec-websocket-extensions", "upgrade", "connection", "date"}


class WebSocketExchange(TaskExchange):
    """Be a WebSocket from its handshake to its end.

    Args:
        connection: Whose it is.
        head: The handshake.
        scope: Of the handshake as a request.

    Raises:
        RefusedRequestError: It is no handshake.
    """

    trace: RequestTrace

    __slots__ = (
        "_begun",
        "_code",
        "_has_next_turn",
        "_inbox",
        "_is_closed_by_client",
        "_is_connected",
        "_is_over",
        "_is_text",
        "_link",
        "_message",
        "_pinged",
        "_refusal",
        "_response",
        "_scope",
        "_sent",
        "_unread",
    )

    def __init__(self, connection: Connection, head: RequestHead, scope: dict[str, Any]) -> None:
        super().__init__(connection, scope, keep_alive=False)
        self.trace = trace_of(head.headers)
        self._link = ServerProtocol(
            extensions=[_DEFLATE],
            max_size=connection.limits.ws_max_size or connection.limits.max_body,
            logger=_protocol_log,
        )
        self._response = self._handshake(head)
        self._scope = _websocket_scope(scope)
        self._inbox = Inbox()
        self._unread, self._has_next_turn = b"", False
        self._sent = 0  # messages
        self._begun = 0  # of a frame that is not whole
        self._message = bytearray()  # what is here of it
        self._is_text = False
        self._is_connected = self._is_over = False
        self._pinged = NEVER  # since when an answer is waited for
        self._is_closed_by_client = False
        self._code = 0  # by which the worker's end closes it
        self._refusal: bytes | None = None

    def _handshake(self, head: RequestHead) -> Response:
        self._link.receive_data(head.raw)
        requests = [each for each in self._link.events_received() if isinstance(each, Request)]
        if not requests:
            raise RefusedRequestError(400, "this is no handshake of a WebSocket")
        response = self._link.accept(requests[0])
        if response.status_code != 101:
            said = (response.body or b"").decode(errors="replace").strip()
            raise RefusedRequestError(response.status_code, said)
        return response

    # -- what the connection calls

    def start(self) -> None:
        """Call the app."""
        scope = self._scope
        del self._scope
        self.start_task(self._run(self.connection.owner.app, scope))

    def take_body(self, data: bytes) -> None:
        """Take what the client sends, a little at a turn of the loop: frames may be tiny."""
        self._pinged = NEVER
        self._unread = self._unread + data if self._unread else data
        if not self._has_next_turn:
            self._take_some()

    def _take_some(self) -> None:
        self._has_next_turn = False
        piece, self._unread = self._unread[:_MOST_READ_A_TURN], self._unread[_MOST_READ_A_TURN:]
        self._begun += len(piece)
        self._link.receive_data(piece)
        for event in self._link.events_received():
            if isinstance(event, Frame):
                self._begun = 0
                self._take_frame(event)
                event.data = b""  # the parser keeps a frame until the next
        self._count()
        self._flush()
        self._read_on()

    def _read_on(self) -> None:
        """Take more at the next turn, unless there is none, or the app has to come first."""
        if not self._unread:
            self.connection.resume_reading(Pause.UNREAD)
            return
        self.connection.pause_reading(Pause.UNREAD)
        if not self._has_next_turn and (not self._inbox.is_full or self._inbox.is_told):
            self._has_next_turn = True
            self.connection.loop.call_soon(self._take_some)

    def late(self) -> None:
        """Ping a silent client; end one that does not answer, or does not close."""
        if self._link.state is not State.OPEN:
            self._end()
            return
        connection, limits = self.connection, self.connection.limits
        now, within = connection.loop.time(), limits.ws_ping_timeout
        if connection.is_read_paused:
            self._pinged = NEVER  # its answer may wait unread, also when it is read again
        elif within and now - self._pinged > within - _GRAIN:
            self._link.fail(_FAILED, "no answer to a ping")
            self._flush()
            return
        else:
            self._pinged = min(self._pinged, now)
        self._link.send_ping(b"")
        self._flush()
        connection.expect_within(min(limits.ws_ping_interval, within or NEVER))

    def disconnect(self) -> None:
        """Note that the client has gone."""
        self._unread = b""
        self._lose(_ABNORMAL)

    def announce_end(self, code: int) -> None:
        """Tell the app that the worker ends."""
        if not self._code:
            self._code = code
            self._inbox.tell_end(code, "the worker ends")

    def ask_to_end(self) -> None:
        """Close, since the worker ends."""
        if self._is_connected and not self._is_over:
            self._close(self._code, "")

    # -- what the app calls

    async def receive(self) -> dict[str, Any]:
        """Give the next message."""
        message = await self._inbox.get()
        if not self._inbox.is_full:
            self.connection.resume_reading(Pause.BODY)
            self._read_on()
        self._count()
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """Take a message of the app."""
        self._sent += 1
        if not self._sent % MOST_A_TURN:
            await asyncio.sleep(0)  # others have their turn, whoever never waits
        await self.connection.writable()
        if self._is_over:
            raise ConnectionResetError("the WebSocket is closed")
        kind = message["type"]
        if self._is_connected:
            self._send_open(kind, message)
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.close":
            self._refuse_plainly()
        elif kind == "websocket.http.response.start":
            lines = header_lines(message.get("headers", ()))
            self.status = message["status"]
            start = status_line(self.status) + self.connection.state.date_line
            self._refusal = start + lines + self.trace.echo()
        elif kind == "websocket.http.response.body" and self._refusal is not None:
            body = memoryview(message.get("body", b"")).tobytes()  # it may be reused, or no bytes
            self._refusal_body(body, has_more=message.get("more_body", False))
        else:
            raise RuntimeError(f"Unexpected ASGI message '{kind}'")

    def _send_open(self, kind: str, message: dict[str, Any]) -> None:
        if kind == "websocket.close":
            self._close(self._code or message.get("code", _NORMAL), message.get("reason") or "")
        elif kind != "websocket.send":
            raise RuntimeError(f"Unexpected ASGI message '{kind}'")
        elif message.get("bytes") is not None:
            self._link.send_binary(message["bytes"])
            self._sent_message(message["bytes"])
        else:
            text = message["text"].encode()
            self._link.send_text(text)
            self._sent_message(text)

    def _sent_message(self, data: bytes) -> None:
        if self.recordable is not None:
            self.keep_answer(bytes(data) + b"\n")
        self._flush()

    # -- the handshake's answer

    def _accept(self, message: dict[str, Any]) -> None:
        given = [(name, value) for name, value in message.get("headers", ())]
        header_lines(given)  # refuses what no client must get
        headers = self._response.headers
        if self.trace.traceparent:
            headers["traceparent"] = self.trace.traceparent.decode("ascii")
        for name, value in given:
            if name.decode("latin-1").lower() not in _OURS:
                headers[name.decode("latin-1")] = value.decode("latin-1")
        if message.get("subprotocol"):
            headers["Sec-WebSocket-Protocol"] = message["subprotocol"]
        self.status, self.is_started, self._is_connected = 101, True, True
        self._record_answer(b"")
        self._link.send_response(self._response)
        self._flush()
        self.connection.upgrade(self)
        # A deadline of none would be that of the handshake.
        self.connection.expect_within(self.connection.limits.ws_ping_interval or NEVER)

    def _refuse_plainly(self) -> None:
        said = "the WebSocket was refused"
        refused = RefusedRequestError(403, said)
        self._refuse(403, own_answers.refusal(refused, self.trace.fields()))

    def _refuse(self, status: int, answer: bytes) -> None:
        self.status, self.is_started, self._is_over = status, True, True
        self._record_answer(answer)
        if self.recordable is not None:
            self.keep_answer(answer.partition(b"\r\n\r\n")[2])
        self.connection.write(answer)
        self.is_complete = True
        self.connection.finish_exchange(self)

    def _refusal_body(self, body: bytes, *, has_more: bool) -> None:
        if not self.is_started:
            self._record_answer(self._refusal or b"")
        if self.recordable is not None:
            self.keep_answer(body)
        if not self.is_started:
            self.is_started = True
            body = (self._refusal or b"") + b"connection: close\r\n\r\n" + body
        if body:
            self.connection.write(body)
        if not has_more:
            self._is_over = self.is_complete = True
            self.connection.finish_exchange(self)

    def _record_answer(self, head: bytes) -> None:
        """Decide whether it is recorded, and then keep the beginning of what both say."""
        if self.recordable is not None:
            log = self.connection.owner.request_log
            is_drawn = log is not None and log.draws()
            self.record_answer(head, is_drawn, is_endless=True, may_fail=self._is_connected)
            if self.is_recorded:
                self.recording.body.keeps_beginning = True

    # -- frames

    def _count(self) -> None:
        """Count what is in hand, and end a large message for which there is no room."""
        if self._inbox.is_told or not self._is_connected:
            return
        begun = self._begun + len(self._message)
        self.connection.hold(self._inbox.size + begun)
        if begun > _LARGE and self.connection.state.buffers.is_full:
            self._link.fail(_LATER, TOO_MUCH)
            self._flush()

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._is_text = frame.opcode is Opcode.TEXT
            self._message += frame.data
            if frame.fin:
                message, self._message = bytes(self._message), bytearray()
                self._take_message(message)
        elif frame.opcode is Opcode.CLOSE:
            said = Close.parse(frame.data)
            self._is_closed_by_client = True
            self._lose(said.code, said.reason)

    def _take_message(self, data: bytes) -> None:
        if self.recordable is not None and self.is_recorded:
            self.recording.body.add(data + b"\n")
        try:
            self._inbox.put(data.decode() if self._is_text else data)
        except UnicodeDecodeError:
            self._link.fail(_INVALID, "no UTF-8")
        if self._inbox.is_full and not self._inbox.is_told:
            self.connection.pause_reading(Pause.BODY)

    def _flush(self) -> None:
        for data in self._link.data_to_send():
            if data:
                self.connection.write(data)
            else:
                self.connection.close_our_half()
        if not self._is_connected or self._link.state is State.OPEN:
            return
        self._lose(_ABNORMAL)
        if self._is_closed_by_client or self._link.state is State.CLOSED:
            self._end()  # both have said it: the server ends the connection
        else:
            self.connection.expect_within(_CLOSE_WITHIN)

    def _close(self, code: int, reason: str) -> None:
        self._is_over = True
        try:
            self._link.send_close(code, reason)
        except WebSocketException:
            self._link.fail(code, reason)
        self._flush()

    def _lose(self, code: int, reason: str = "") -> None:
        self._is_over = True
        self._inbox.tell_end(code, reason)

    def _end(self) -> None:
        self._unread = b""
        if not self.is_complete:
            self.is_complete = True
            self.connection.finish_exchange(self)

    # -- the call

    async def _run(self, app: App, scope: dict[str, Any]) -> None:
        code = _NORMAL
        self.trace.enter()
        try:
            await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - an app may raise anything
            if not (self._is_over and isinstance(error, ConnectionResetError)):
                number = note_failure(log, f"the app failed at {self.path!r:.200}", error)
                code = _FAILED
                if not (self._is_over or self.is_started):
                    status, body = own_answers.failed(number)
                    self._refuse(status, own_answers.whole(status, body, self.trace.fields()))
        finally:
            self.task_ended()
        if self._is_over:
            return
        if self._is_connected:
            self._close(self._code or code, "")
        elif self.is_started:
            self.connection.cut(self)
        else:
            self._refuse_plainly()


def _websocket_scope(scope: dict[str, Any]) -> dict[str, Any]:
    del scope["method"]
    return {
        **scope,
        "type": "websocket",
        "scheme": "wss" if scope["scheme"] == "https" else "ws",
        "subprotocols": _subprotocols(scope["headers"]),
        "extensions": {**scope.get("extensions", {}), "websocket.http.response": {}},
    }


def _subprotocols(headers: Sequence[tuple[bytes, bytes]]) -> list[str]:
    given = [value.decode("latin-1") for name, value in headers if name == _PROTOCOL]
    return [name for each in given for name in map(str.strip, each.split(",")) if name]


_PROTOCOL = b"sec-websocket-protocol"
