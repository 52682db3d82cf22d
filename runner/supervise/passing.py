"""Pass one request on to a server, and its answer back, by their bytes.

The rules of this file:

1. Nothing that follows a request may be taken for another one: its head says that the connection
   ends with the answer, and no more is passed on than its body has. What comes after the head of a
   WebSocket's handshake is held until the server has said 101, and never passed on if it says
   anything else.
2. A body is passed on as it came, and read by the framing, the bytes and the time that bodies have
   everywhere. The time is the client's: while the server takes nothing, it stands.
3. A client that takes nothing of its answer for ``write_timeout`` is cut, however long the answer.
"""

from __future__ import annotations

import asyncio
import contextlib

from runner.access.refusal import RefusedRequestError
from runner.bodies.request_body import RequestBody, too_large
from runner.bodies.sending_time import SendingTime, late
from runner.config import Limits
from runner.supervise.request_heads import is_handshake, read_head

CHUNK = 65_536
_LOOK_EVERY = 1.0
_CONNECT_WITHIN = 10.0
_SWITCHED = b"HTTP/1.1 101"

Address = tuple[str, int] | str
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ClientGoneError(ConnectionError):
    """Tell that a client's connection broke, and not the one to who answers."""


class Upload:
    """Take a request's body from a client as it comes, within the limits.

    Args:
        reader: What comes from the client.
        length: Of the body, by its head.
        limits: Bound its bytes, and the time of the request.
        time: Of the request, which stands while nothing is read.

    Raises:
        RefusedRequestError: It is announced to be too large.
    """

    def __init__(
        self, reader: asyncio.StreamReader, length: int, limits: Limits, time: SendingTime
    ) -> None:
        if length > limits.max_body:
            raise too_large(limits.max_body)
        self._body = RequestBody(length, limits.max_body)
        self._reader, self._time, self._seconds = reader, time, limits.read_timeout
        self._unread = b""

    async def piece(self) -> bytes:
        """Give what came of it, in its framing; nothing at its end, or at the client's.

        Raises:
            RefusedRequestError: It is too large, comes too slowly, or is no body.
            ClientGoneError: The connection broke.
        """
        while not self._body.is_whole:
            if not self._body.has_more:
                data = await self._read()
                if not data:
                    return b""
                self._unread += data
            before = self._unread
            _, self._unread = self._body.read(before)
            if taken := before[: len(before) - len(self._unread)]:
                return taken
        return b""

    async def _read(self) -> bytes:
        now = asyncio.get_running_loop().time
        self._time.go_on(now())
        try:
            async with asyncio.timeout(self._time.left(now()) if self._seconds else None):
                return await self._reader.read(CHUNK)
        except TimeoutError:
            raise late(self._seconds) from None
        except OSError as error:
            raise ClientGoneError from error
        finally:
            self._time.hold_up(now())

    async def has_ended(self) -> bool:
        """Wait behind the whole body; tell the client's end from a request that nobody has read."""
        return not self._unread and not await self._reader.read(1)


async def connected(target: Address | None) -> Streams:
    """Connect to a server.

    Raises:
        OSError: It does not take the connection, or not in time.
    """
    async with asyncio.timeout(_CONNECT_WITHIN):
        if isinstance(target, tuple):
            return await asyncio.open_connection(*target)
        return await asyncio.open_unix_connection(target)


async def pass_on(
    head: bytes, upload: Upload, client: Streams, server: Streams, write_timeout: float
) -> bool:
    """Pass one request on to a server, and its answer back; the server is left by then.

    Args:
        head: The request's.
        upload: Its body.
        client: What comes from who asks, and goes there.
        server: What comes from who answers, and goes there.
        write_timeout: Seconds in which the client has to take something; 0: no limit.

    Returns:
        Whether it answered anything.

    Raises:
        RefusedRequestError: It did not, for the client sent no whole request.
        ClientGoneError: Nor is there a client.
    """
    (reader, writer), (answers, asks) = client, server
    asks.write(head)
    switches: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    if is_handshake(head):
        sending = asyncio.ensure_future(_send_if_switched(reader, asks, switches))
    else:
        sending = asyncio.ensure_future(_send_body(upload, asks))
    try:
        begun = await (read_head(answers) if is_handshake(head) else _read(answers, writer))
        switches.set_result(begun.startswith(_SWITCHED))
        if begun:
            await _give(begun, writer, write_timeout)
            await _copy(answers, writer, write_timeout)
    finally:
        sending.cancel()
        [failure] = await asyncio.gather(sending, return_exceptions=True)
        asks.transport.abort()
    if not begun and isinstance(failure, (RefusedRequestError, ClientGoneError)):
        raise failure
    return bool(begun)


async def _send_body(upload: Upload, asks: asyncio.StreamWriter) -> None:
    try:
        while piece := await upload.piece():
            await _give(piece, asks)
        if not await upload.has_ended():
            return  # nothing of it is passed on, and its end is nobody's
    except (RefusedRequestError, ClientGoneError):
        asks.transport.abort()  # so that no answer is waited for
        raise
    _end(asks)


async def _send_if_switched(
    reader: asyncio.StreamReader, asks: asyncio.StreamWriter, switches: asyncio.Future[bool]
) -> None:
    while not switches.done() and not reader.at_eof():
        await asyncio.wait([switches], timeout=_LOOK_EVERY)
    if switches.done() and switches.result():
        await _copy(reader, asks)
    else:
        await reader.read(1)  # the client's end, or a second request, whose head nobody has read
        _end(asks)


async def _copy(
    source: asyncio.StreamReader, to: asyncio.StreamWriter, write_timeout: float = 0.0
) -> None:
    """Pass bytes on as fast as they are taken, and their end.

    Args:
        source: Where they come from.
        to: Where they go; nothing is left to be sent when it ends.
        write_timeout: Seconds in which some have to be taken; 0: no limit.

    Raises:
        TimeoutError: They were not taken.
    """
    while data := await _read(source, to):
        await _give(data, to, write_timeout)
    _end(to)


def _end(to: asyncio.StreamWriter) -> None:
    if to.can_write_eof():
        to.write_eof()


async def _give(data: bytes, to: asyncio.StreamWriter, write_timeout: float = 0.0) -> None:
    """Write some bytes; none of them is left to be sent when it ends."""
    to.transport.set_write_buffer_limits(0)
    to.write(data)
    before = to.transport.get_write_buffer_size() + 1
    while (left := to.transport.get_write_buffer_size()) < before:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(write_timeout or None):
                await to.drain()
                return
        before = left
    raise TimeoutError


async def _read(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> bytes:
    try:
        return await source.read(CHUNK)
    except OSError:
        to.transport.abort()  # who has gone on one side is missed on the other
        raise
