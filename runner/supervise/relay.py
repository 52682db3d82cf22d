"""Answer clients where no worker accepts: before anything serves, and for servers of another kind.

The rules of this file:

1. While nothing serves, connections are accepted here: the health path answers 200, the readiness
   path 503, and whoever asks for something else waits, as in the listener's own queue.
2. Once workers accept, nothing is accepted here; who waits is passed on to them.
3. A server that listens by itself cannot accept from our listeners: then every connection is passed
   on to it, and the two paths are answered here.
4. A connection is passed on for one request, by its bytes: only the head is looked at. It says who
   the client is (``X-Forwarded-For``), and that it ends with the answer, unless it is to become a
   WebSocket. One that is unclear is refused: see `runner.supervise.request_heads`.
5. Whoever may not ask is refused here as well: nobody waits in vain, and what is passed on to a
   server of another kind passes no other gate. Such a server gets no key to see.
6. Where the service speaks TLS so do we, and pass on what we have opened: to a server without it,
   or to our workers, which know us by a word. Who has waited without TLS by then is refused.
7. So many wait or are passed on, and no more: others are told to come again. Where room is
   lacking, whoever has not asked within a moment goes. So the two paths are always answered.
8. At the end, what is passed on goes on, and who waits, or asks only then, is told to come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import logging
import re
import secrets
import socket
from collections.abc import Sequence

from runner import net
from runner.access.gate import Asked, Fields, Gate
from runner.access.origins import origin_in
from runner.access.refusal import RefusedRequestError
from runner.bodies.sending_time import SendingTime
from runner.config import AddressSet, Limits
from runner.liveness.readiness import Readiness, readiness_answer
from runner.supervise.passing import (
    CHUNK,
    Address,
    Streams,
    Upload,
    connected,
    pass_on,
)
from runner.supervise.request_heads import (
    asked_in,
    body_length,
    passed_on,
    read_head,
    without_keys_in,
)
from runner.telemetry.request_trace import trace_in
from runner.tls.server_tls import ServerTls
from runner.tls.transport import TlsTransport

log = logging.getLogger(__name__)

MOST = 256  # that wait or are passed on; half as many as may be open
_LOOK_EVERY = 1.0
_PAUSE = 1.0
_SILENT_FOR = 0.25
_END_WITHIN = 1.0
_TELL_EVERY = 10.0
_OWN_TLS = "; if it speaks TLS itself, leave that out: it gets requests without"
_ASKED = re.compile(rb"(?:GET|HEAD) ([^ ?]*)[^ ]* HTTP/1\.[01]\r\n")
_TLS = b"\x16"  # a client's first word of it, which has no end that one could wait for
_UNCLEAR = "this is no HTTP request, or one that two readers could read in two ways"
_COME_AGAIN = ((b"retry-after", b"1"),)


class Relay:
    """Stand in front of whatever serves; it begins by accepting nothing.

    Args:
        listeners: The supervisor's; it neither opens nor closes them.
        limits: Which paths it answers itself, and how long a head may take.
        proxies: Those whose word on the client is passed on.
        gate: Lets requests in.
        tls: By what clients speak TLS; None: they do not.

    Attributes:
        tls: As above; whoever serves may bring it.
        speaks_tls: Whoever serves does, be it by files that we do not know.
        word: By which workers know a connection of ours.
        readiness: What the readiness path tells while something serves.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        limits: Limits,
        proxies: AddressSet,
        gate: Gate | None = None,
        tls: ServerTls | None = None,
    ) -> None:
        self._listeners, self._limits, self._gate = list(listeners), limits, gate or Gate()
        self._proxies, self.tls = proxies, tls
        self.word = f"\0{secrets.token_hex(16)}"
        self.speaks_tls, self._says_word = tls is not None, False
        self.readiness = Readiness.READY
        self._target: Address | None = None
        self._is_passed_to_other = False  # whose own business no key is
        self._is_over = False
        self._may_go_on = asyncio.Event()  # something serves, or nothing will any more
        self._tasks: set[asyncio.Task[None]] = set()
        self._silent: dict[asyncio.Task[None], float] = {}  # and since when
        self._look: asyncio.TimerHandle | None = None
        self._held, self._told_at = 0, float("-inf")
        self._is_wanted = self._is_accepting = False

    def hold(self) -> None:
        """Accept; nothing serves, so let clients wait. At the end there is nothing to wait for."""
        if self._is_over:
            return
        self._may_go_on.clear()
        self._is_wanted = True
        self._accept()

    def leave_to_workers(self) -> None:
        """Accept nothing more: workers do, and who waits here comes to them."""
        if self._listeners:
            self._is_wanted, self._says_word = False, self.speaks_tls
            self._stop_accepting()
            self._is_passed_to_other = False
            self._pass_on_to(_address_of(self._listeners[0]))

    def pass_to(self, host: str, port: int) -> None:
        """Accept, and pass all of it on to a server."""
        self._is_passed_to_other = True
        self._pass_on_to((host, port))
        self._is_wanted, self._says_word = True, False
        self._accept()

    def end(self) -> None:
        """Accept no more, for good; what is passed on goes on, who waits is told to come again."""
        self._is_wanted, self._is_over = False, True
        self._stop_accepting()
        self._listeners.clear()
        self._may_go_on.set()

    async def close(self) -> None:
        """Cut who has asked nothing; wait a moment for what is still passed on, then cut it."""
        self.end()
        for task in self._silent:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_END_WITHIN)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _pass_on_to(self, target: Address) -> None:
        self._target = target
        self._may_go_on.set()

    # -- accepting

    def _accept(self) -> None:
        """Accept, if it is to be and there is room."""
        if self._is_wanted and not self._is_accepting and len(self._tasks) < 2 * MOST:
            self._is_accepting = True
            for listener in self._listeners:
                asyncio.get_running_loop().add_reader(listener, self._take, listener)

    def _stop_accepting(self) -> None:
        self._is_accepting = False
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)

    def _take(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return  # another was faster, or the client has gone
        except OSError as error:  # no further file may be opened
            log.warning("no connection could be accepted: %s", error.strerror)
            self._stop_accepting()
            loop.call_later(_PAUSE, self._accept)
            return
        connection.setblocking(False)
        task = loop.create_task(self._converse(connection))
        self._tasks.add(task)
        self._silent[task] = loop.time()
        task.add_done_callback(lambda _: connection.close())  # also if it never began
        task.add_done_callback(self._ended)
        if len(self._tasks) >= 2 * MOST:
            self._stop_accepting()
            self._make_room()

    def _make_room(self) -> None:
        """End who has been silent for a moment, and look again, until there is room."""
        loop = asyncio.get_running_loop()
        if self._look:
            self._look.cancel()
        if not self._is_wanted or len(self._tasks) < 2 * MOST:
            return
        for task, since in [*self._silent.items()]:
            if since <= loop.time() - _SILENT_FOR:
                del self._silent[task]
                task.cancel()
        self._look = loop.call_later(_SILENT_FOR, self._make_room)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._silent.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("a connection was cut", exc_info=error)
        self._accept()

    # -- one connection

    async def _converse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client has gone, or was too slow
            address = connection.getpeername()
            client = str(address[0]) if isinstance(address, tuple) else ""
            reader, writer = await self._opened(connection)
            try:
                await self._answer(client, reader, writer)
            finally:
                await _close(writer)

    async def _opened(self, connection: socket.socket) -> Streams:
        if self.tls is None:
            return await asyncio.open_connection(sock=connection, limit=self._most_head())
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=self._most_head())
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = TlsTransport(protocol, self.tls)
        await loop.connect_accepted_socket(lambda: transport, connection)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _answer(
        self, client: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head, time = await self._asked(reader)
        asked = None
        try:
            if answer := self._own_answer(head):
                writer.write(answer)
            elif head:
                passed = self._checked(head, client, is_tls=_is_tls(writer))
                asked = asked_in(head)
                upload = Upload(reader, body_length(head), self._limits, time)
                if (allowed := self._admit(asked)) is not None:
                    writer.write(_answer(204, b"", allowed))
                else:
                    await self._hold(passed, upload, (reader, writer))
        except RefusedRequestError as refused:
            writer.write(self._refusal(refused, head, asked))
            writer.write_eof()
            await _pass_over(reader)

    def _checked(self, head: bytes, client: str, *, is_tls: bool) -> bytes:
        """Give a head as it is passed on.

        Raises:
            RefusedRequestError: It is none, or an unclear one.
        """
        most = self._most_head()
        if len(head) > most:
            raise RefusedRequestError(431, f"the headers are larger than {most} bytes")
        if passed := passed_on(head, client, self._proxies, is_tls=is_tls):
            return passed
        raise RefusedRequestError(400, _UNCLEAR)

    def _admit(self, asked: Asked) -> Fields | None:
        """Let a request in, or give the answer to a browser that asks whether it may ask.

        Raises:
            RefusedRequestError: It is not let in.
        """
        allowed = self._gate.preflight(asked.method, asked.fields)
        if allowed is None:
            self._gate.admit(asked)
        return allowed

    def _refusal(self, refused: RefusedRequestError, head: bytes, asked: Asked | None) -> bytes:
        """Write the answer to a request that is refused, as workers do."""
        cors = self._gate.cors
        fields = [(b"content-type", refused.content_type), *refused.fields]
        fields += trace_in(head).fields()
        if cors is not None and asked is not None:
            fields += cors.answer_fields(origin_in(asked.fields))
        return _answer(refused.status, refused.body, fields, has_body=_has_body(head))

    async def _asked(self, reader: asyncio.StreamReader) -> tuple[bytes, SendingTime]:
        """Read a head; give the time, too, that the whole request has."""
        now, seconds = asyncio.get_running_loop().time, self._limits.read_timeout
        async with asyncio.timeout(seconds or None):
            first = await reader.read(1)
        time = SendingTime(now(), seconds)
        async with asyncio.timeout(seconds or None):
            head = b"" if first == _TLS else first + await read_head(reader)
        time.hold_up(now())
        if task := asyncio.current_task():
            self._silent.pop(task, None)
        return head, time

    async def _hold(self, head: bytes, upload: Upload, client: Streams) -> None:
        """Let a client wait until something serves, and pass its request on.

        Raises:
            RefusedRequestError: Too many wait, nothing will serve any more, or it was not answered.
        """
        if self._held >= MOST:
            raise RefusedRequestError(503, "too many requests wait", _COME_AGAIN)
        self._held += 1
        try:
            if not await self._can_pass_on(client[0]):
                return
            if self._is_over:
                raise RefusedRequestError(503, "the service ends", _COME_AGAIN)
            if self.speaks_tls and not _is_tls(client[1]):
                raise RefusedRequestError(400, "this service speaks TLS")
            await self._pass_on(head, upload, client)
        finally:
            self._held -= 1

    def _most_head(self) -> int:
        return max(self._limits.max_header, 1024)

    def _own_answer(self, head: bytes) -> bytes:
        """Answer the two paths; nothing for others."""
        asked = _ASKED.match(head)
        path = asked[1].decode("ascii", "replace") if asked else ""
        if not path or path not in {self._limits.health_path, self._limits.ready_path}:
            return b""
        if path != self._limits.ready_path:
            status, body = 200, _state(b"alive")
        elif self._is_over:
            status, body = 503, _state(b"draining")
        elif self._may_go_on.is_set():
            status, body = readiness_answer(self.readiness)
        else:
            status, body = 503, _state(b"starting")
        fields = [(b"content-type", b"application/json"), *trace_in(head).fields()]
        return _answer(status, body, fields, has_body=_has_body(head))

    async def _can_pass_on(self, reader: asyncio.StreamReader) -> bool:
        """Wait until something serves, or nothing will; not for a client that has gone."""
        while not self._may_go_on.is_set():
            if reader.at_eof():
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._may_go_on.wait()
        return True

    async def _pass_on(self, head: bytes, upload: Upload, client: Streams) -> None:
        try:
            answers, asks = await connected(self._target)
        except OSError:
            raise RefusedRequestError(502, "what serves cannot be reached") from None
        if self._is_passed_to_other and self._gate.keys is not None:
            head = without_keys_in(head)
        if self._says_word:
            name = client[1].get_extra_info("client_name", "")
            asks.write(f"{self.word} {name}\n".encode())
        if not await pass_on(head, upload, client, (answers, asks), self._limits.write_timeout):
            self._tell_of_silence()
            raise RefusedRequestError(502, "what serves gave no answer")
        await _pass_over(client[0])

    def _tell_of_silence(self) -> None:
        """Say now and then that what serves ends connections without an answer."""
        now = asyncio.get_running_loop().time()
        if self._is_passed_to_other and now - self._told_at > _TELL_EVERY:
            self._told_at = now
            hint = _OWN_TLS if self.speaks_tls else ""
            log.warning("what serves ended a connection without an answer%s", hint)


def _is_tls(writer: asyncio.StreamWriter) -> bool:
    return writer.get_extra_info("sslcontext") is not None


def _state(said: bytes) -> bytes:
    return b'{"status": "%b"}' % said


def _has_body(head: bytes) -> bool:
    return not head.startswith(b"HEAD ")


def _answer(status: int, body: bytes, fields: Fields, *, has_body: bool = True) -> bytes:
    """Write a whole answer that ends the connection."""
    more = [*fields, (b"connection", b"close")]
    if status != http.HTTPStatus.NO_CONTENT:
        more.append((b"content-length", b"%d" % len(body)))
    lines = b"".join(b"%b: %b\r\n" % field for field in more)
    phrase = http.HTTPStatus(status).phrase.encode()
    head = b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, phrase, lines)
    return head + body if has_body else head


async def _pass_over(reader: asyncio.StreamReader) -> None:
    """Read what nobody wants, for a moment: unread it would reset the answer."""
    async with asyncio.timeout(_END_WITHIN):
        while await reader.read(CHUNK):
            pass


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what is left of an answer of our own, for a moment."""
    writer.close()
    try:
        async with asyncio.timeout(_END_WITHIN):
            await writer.wait_closed()
    finally:
        writer.transport.abort()


def _address_of(listener: socket.socket) -> Address:
    address = listener.getsockname()
    return (
        (net.reachable(address[0]), int(address[1])) if isinstance(address, tuple) else str(address)
    )
