"""Speak HTTP/1.1 on one connection: uvicorn's protocol, with the limits that it lacks.

Bounds on headers and bodies, deadlines for slow clients, 503 with Retry-After, health
paths, an access log and the end of kept-alive connections are added where uvicorn's
callbacks come; all else is its own. uvicorn's version is pinned, since we stand on its
protocol class.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http
import time
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httptools
from uvicorn import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from runner.config import Limits
from runner.http import problems
from runner.http.access_log import AccessLog

App = Callable[..., Awaitable[None]]

# The extension that tells an app, by a call, that nobody takes its answer any more: what it sends
# then is dropped without a word.
IS_CLOSING = "runner.http.is_closing"

# A refused client is read for this long, so that it sees the answer instead of a reset.
_REFUSAL_LINGER = 2.0
# So long a client that sends no more is answered.
_HALF_CLOSED = 0.25


class Owner(Protocol):
    """Be the server that a connection belongs to."""

    config: Config
    state: ServerState
    lifespan: Any
    limits: Limits
    access_log: AccessLog | None
    is_draining: bool


class Cycle(RequestResponseCycle):
    """Tell of an app's failure by problem details."""

    async def send_500_response(self) -> None:
        """Answer for an app that raised."""
        await _FAILED(self.scope, self.receive, self.send)


class LoggedCycle(Cycle):
    """Remember the status of one exchange for the access log."""

    status = 0

    def send(self, message: Any) -> Any:  # one coroutine less than `async def`
        """Pass the app's message on."""
        if not self.response_started and message["type"] == "http.response.start":
            self.status = message["status"]
        return super().send(message)


class Http10Cycle(LoggedCycle):
    """Answer a client of HTTP/1.0: it knows no chunks, and keeps a connection only if told."""

    _is_unframed = False

    def send(self, message: Any) -> Any:
        """Let the end of the connection be the end of a body of unknown length."""
        if self._is_unframed:
            self.expected_content_length = len(message.get("body", b""))
        elif not self.response_started and message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if any(name.lower() == b"content-length" for name, _ in headers):
                headers += [(b"connection", b"keep-alive")] if self.keep_alive else []
            else:
                self._is_unframed, self.keep_alive, self.chunked_encoding = True, False, False
            message = {**message, "headers": headers}
        return super().send(message)


class BoundedProtocol(HttpToolsProtocol):
    """Speak HTTP on one connection, within the limits.

    Attributes:
        others_in_flight: Requests that are answered without a task of uvicorn's.
    """

    others_in_flight = 0

    def __init__(self, server: Owner) -> None:
        super().__init__(
            config=server.config, server_state=server.state, app_state=server.lifespan.state
        )
        self.owner = server
        self._cycle_class = Cycle if server.access_log is None else LoggedCycle
        self.limits = server.limits
        self._is_refused = False
        self._refusal = b""
        self._is_half_closed = False
        self._is_whole = True
        self._is_head = False
        self._upgrades = False
        self._chunk = 0
        self._header_bytes = 0  # of the chunks after the one in which the request began
        self._body_bytes = 0
        self._length = 0
        self._hosts = 0
        self._is_coded = False  # otherwise than in chunks
        self._own_paths = {server.limits.health_path, server.limits.ready_path} - {""}
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    # -- reading: what is written out here instead of calling super() is uvicorn's own, and
    # runs for every request; each further call would cost one part in a hundred of it.

    def connection_made(self, transport: Any) -> None:
        """Give the client its time for the first request."""
        self.connections.add(self)
        self.transport, self.flow, self.scheme = transport, FlowControl(transport), "http"
        # uvicorn asks a socket object, which costs ten times as much.
        self.server = _address(transport.get_extra_info("sockname"))
        self.client = _address(transport.get_extra_info("peername"))
        self._arm(self.limits.read_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let nothing hold us any more: neither a timer nor, in a circle, our last exchange."""
        self._disarm()
        self._unstall()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # uvicorn forgets it if the client broke off
        self.cycle = None  # type: ignore[assignment] # nor has it one at the beginning

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn's gives None: close
        """Answer a client that has ended its own half, if that takes but a moment.

        It may as well be gone for good, which looks the same: then the app has to know.
        """
        # Behind what is answered now there may be the beginning of a head, or what was refused.
        is_whole = self._is_whole or self._is_head
        if not is_whole or self.cycle is None or self.cycle.response_complete:
            return False
        self._is_half_closed = True
        self._end_after_answer()
        self.loop.call_later(_HALF_CLOSED, self.transport.close)
        return True

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless this client was refused already."""
        if self._is_refused:
            return
        self._chunk = len(data)
        self._header_bytes += self._chunk
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(400, "this is no HTTP request")
            return
        except httptools.HttpParserUpgrade:
            self._upgrade()
            return
        if self._is_whole:
            if self._timer is not None and self.scope is not None:  # empty lines begin nothing
                self._disarm()
        elif not self._is_refused:
            self._wait_for_more()

    def _wait_for_more(self) -> None:
        if self._is_head and (
            self._header_bytes > self.limits.max_header or self._is_head_too_large()
        ):
            self._refuse_head()
        elif self._timer is None:
            self._arm(self.limits.read_timeout)

    def _upgrade(self) -> None:
        self._disarm()
        if self._should_upgrade():
            self.handle_websocket_upgrade()
        else:
            self._unsupported_upgrade_warning()

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "root_path": "",
            "headers": self.headers,
            "state": self.app_state.copy(),
            "extensions": {IS_CLOSING: self.transport.is_closing},  # type: ignore[dict-item] # ours
        }  # type: ignore[typeddict-item] # the rest follows with the headers
        self._is_whole, self._is_head, self._upgrades = False, True, False
        self._header_bytes = self._body_bytes = self._length = self._hosts = 0
        self._is_coded = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        name = name.lower()
        if name == b"content-length":
            self._length = int(value[:18]) if value.isdigit() else 0
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        elif name == b"host":
            self._hosts += 1
        elif name == b"transfer-encoding":
            self._is_coded = value.lower() != b"chunked"
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Decide who answers: the app, one of our own answers, or nobody."""
        self._is_head = False
        if self._is_refused:
            return
        self.scope["method"] = self.parser.get_method().decode("ascii")
        if self.parser.should_upgrade() and self._should_upgrade():
            self._upgrades = True
            super().on_headers_complete()
        elif max(self._header_bytes, self._chunk) > self.limits.max_header and (
            self._is_head_too_large()
        ):
            self._refuse_head()
        elif self._length > self.limits.max_body:
            self._refuse_body()
        elif self._is_coded:
            self._refuse(501, "the only transfer coding known here is chunked")
        elif self._hosts != 1 and (self._hosts or self.parser.get_http_version() == "1.1"):
            self._refuse(400, "there must be one Host")
        else:
            self._start_exchange()

    def _start_exchange(self) -> None:
        parsed = httptools.parse_url(self.url)
        version = self.parser.get_http_version()
        path = parsed.path.decode("ascii")
        scope, owner = self.scope, self.owner
        if version != "1.1":
            scope["http_version"] = version
        scope["path"] = urllib.parse.unquote(path) if "%" in path else path
        scope["raw_path"] = parsed.path
        scope["query_string"] = parsed.query or b""
        if parsed.host is not None:
            self._take_host(parsed)
        app = self.app
        if path in self._own_paths and scope["method"] in ("GET", "HEAD"):
            app = self._health(path)
        elif len(self.tasks) + self.others_in_flight >= self.limits.max_concurrency:
            app = BUSY
        before = self.cycle
        cycle_class = self._cycle_class if version == "1.1" else Http10Cycle
        self.cycle = cycle = cycle_class(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=self.parser.should_keep_alive() and not owner.is_draining,
            on_response=self.on_response_complete,
        )
        if owner.access_log is not None:
            cycle.on_response = functools.partial(self._ended, cycle, time.perf_counter())
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))

    def _take_host(self, parsed: Any) -> None:
        """Let the host of ``GET http://host/path`` overrule the header (RFC 9112, 3.2.2)."""
        host = parsed.host if parsed.port is None else b"%b:%d" % (parsed.host, parsed.port)
        self.headers[:] = [(n, host if n == b"host" else value) for n, value in self.headers]

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; one that was announced has been measured already."""
        if not self._length:
            self._body_bytes += len(body)
            if self._body_bytes > self.limits.max_body and not self._is_refused:
                self._refuse_body()
        cycle = self.cycle
        if self._is_refused or self._upgrades or cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._is_whole = True
        cycle = self.cycle
        if not (self._is_refused or self._upgrades or cycle.response_complete):
            cycle.more_body = False
            cycle.message_event.set()

    def _is_head_too_large(self) -> bool:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return size > self.limits.max_header

    def _health(self, path: str) -> App:
        if path == self.limits.health_path:
            return _ALIVE
        return _DRAINING if self.owner.is_draining else _READY

    # -- answering

    def _ended(self, cycle: Any, began: float) -> None:
        """Log an exchange that ended, and wait for the next one."""
        self.owner.access_log.add(  # type: ignore[union-attr] # else we are not called
            client=self.client[0] if self.client else "-",
            method=cycle.scope["method"],
            path=cycle.scope["path"],
            status=cycle.status,
            seconds=time.perf_counter() - began,
        )
        self.on_response_complete()

    def announce_close(self) -> None:
        """Have the answer in the making, if it has not begun, say that the connection ends."""
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False

    def pause_writing(self) -> None:
        """Give a client that does not read its time."""
        super().pause_writing()
        self._stall = self.loop.call_later(self.limits.write_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        super().resume_writing()
        self._unstall()

    # -- refusing

    def _refuse(self, status: int, said: str) -> None:
        """Answer by ourselves and drop the rest of what the client sends.

        Whole requests that came before are answered first.
        """
        self._is_refused = True
        self._disarm()
        self._refusal = _raw_answer(status, said)
        if self.owner.access_log is not None:
            self._log_refusal(status, self.owner.access_log)
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._say_refusal()
            return
        self._end_after_answer()
        if self.pipeline and self.pipeline[0][0] is cycle and cycle.more_body:
            self.pipeline.popleft()
        elif cycle.more_body:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self._refusal = b""
            self._say_refusal()

    def _log_refusal(self, status: int, log: AccessLog) -> None:
        is_known = not self._is_head and not self._is_whole
        log.add(
            client=self.client[0] if self.client else "-",
            method=self.scope["method"] if is_known else "-",
            path=self.url.partition(b"?")[0].decode("latin-1") if is_known else "-",
            status=status,
            seconds=0.0,
        )

    def _end_after_answer(self) -> None:
        """Have the end follow the last answer; only then, for every answer pays for a call."""
        self.on_response_complete = self._answered_last  # type: ignore[method-assign] # see above
        for cycle in (self.cycle, *(waiting for waiting, _ in self.pipeline)):
            if self.owner.access_log is None and isinstance(cycle, RequestResponseCycle):
                cycle.on_response = self.on_response_complete

    def _answered_last(self) -> None:
        if not self.pipeline and (self._is_refused or self._is_half_closed):
            self.server_state.total_requests += 1
            if self._is_refused:
                self._say_refusal()
            else:
                self.transport.close()
        else:
            super().on_response_complete()

    def _say_refusal(self) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(self._refusal)
        if self.transport.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):
                self.transport.write_eof()
        self.loop.call_later(_REFUSAL_LINGER, self.transport.close)

    def _refuse_head(self) -> None:
        self._refuse(431, f"the headers are larger than {self.limits.max_header} bytes")

    def _refuse_body(self) -> None:
        self._refuse(413, f"the body is larger than {self.limits.max_body} bytes")

    def _late(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._is_whole:  # nothing was begun: there is nobody to answer
            self.transport.close()
        else:
            self._refuse(408, f"the request did not arrive within {self.limits.read_timeout:g} s")

    def _arm(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _unstall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def _address(name: Any) -> tuple[str, int] | None:
    """Give host and port; None for a Unix socket, whose ends have names or none."""
    return (name[0], name[1]) if isinstance(name, tuple) else None


def _answer(
    status: int,
    body: bytes,
    *headers: tuple[bytes, bytes],
    content_type: bytes = b"application/json",
) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        fields = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        await send(
            {"type": "http.response.start", "status": status, "headers": [*fields, *headers]}
        )
        await send({"type": "http.response.body", "body": body})

    return app


_ALIVE = _answer(200, b'{"status": "alive"}')
_READY = _answer(200, b'{"status": "ready"}')
_DRAINING = _answer(503, b'{"status": "draining"}')
_FAILED = _answer(500, problems.details(500, "internal error"), content_type=problems.CONTENT_TYPE)
BUSY = _answer(
    503,
    problems.details(503, "too many requests at once"),
    (b"retry-after", b"1"),
    content_type=problems.CONTENT_TYPE,
)


def _raw_answer(status: int, said: str) -> bytes:
    body = problems.details(status, said)
    head = (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
        f"content-type: {problems.CONTENT_TYPE.decode()}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
