"""Pass one request on to a server, and its answer back, by their bytes.

The rules of this file:

1. Only the request's head was looked at. So nothing that follows may be taken for another one: the
   head says that the connection ends with the answer, and no more is passed on than it says that
   its body has, unless that comes in chunks. What comes after the head of a WebSocket's handshake
   is held until the server has said 101, and never passed on if it says anything else.
2. A client that takes nothing of its answer for ``write_timeout`` is cut, however long the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

from runner.supervise.request_heads import body_length, is_handshake, read_head

CHUNK = 65_536
_LOOK_EVERY = 1.0
_CONNECT_WITHIN = 10.0
_SWITCHED = b"HTTP/1.1 101"
_NOTHING = -1  # not even wait for what would be said

Address = tuple[str, int] | str
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connected(target: Address | None) -> Streams:
    """Connect to a server.

    Raises:
        OSError: It does not take the connection, or not in time.
    """
    async with asyncio.timeout(_CONNECT_WITHIN):
        if isinstance(target, tuple):
            return await asyncio.open_connection(*target)
        return await asyncio.open_unix_connection(target)


async def pass_on(head: bytes, client: Streams, server: Streams, write_timeout: float) -> bool:
    """Pass one request on to a server, and its answer back; the server is left by then.

    Args:
        head: The request's; the rest of it comes from the client.
        client: What comes from who asks, and goes there.
        server: What comes from who answers, and goes there.
        write_timeout: Seconds in which the client has to take something; 0: no limit.

    Returns:
        Whether it answered anything.
    """
    (reader, writer), (answers, asks) = client, server
    asks.write(head)
    may_say_more: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    sending = asyncio.ensure_future(_send(reader, asks, may_say_more))
    try:
        if is_handshake(head):
            begun = await read_head(answers)
            may_say_more.set_result(sys.maxsize if begun.startswith(_SWITCHED) else _NOTHING)
        else:
            may_say_more.set_result(body_length(head))
            begun = await _read(answers, writer)
        if begun:
            await _copy(answers, writer, write_timeout, begun)
        return bool(begun)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        asks.transport.abort()


async def _send(
    reader: asyncio.StreamReader, asks: asyncio.StreamWriter, may_say_more: asyncio.Future[int]
) -> None:
    while not may_say_more.done() and not reader.at_eof():
        await asyncio.wait([may_say_more], timeout=_LOOK_EVERY)
    if may_say_more.done() and may_say_more.result() != _NOTHING:
        await _copy(reader, asks, most=may_say_more.result())
    else:
        await reader.read(1)  # the client's end, or a second request, whose head nobody has read
        asks.write_eof()


async def _copy(
    source: asyncio.StreamReader,
    to: asyncio.StreamWriter,
    write_timeout: float = 0.0,
    begun: bytes = b"",
    most: int = sys.maxsize,
) -> None:
    """Pass bytes on as fast as they are taken, and their end.

    Args:
        source: Where they come from.
        to: Where they go; nothing is left to be sent when it ends.
        write_timeout: Seconds in which some have to be taken; 0: no limit.
        begun: What was read before.
        most: Bytes that are passed on; at more it ends, and their end is nobody's.
    """
    to.transport.set_write_buffer_limits(0)
    data = begun or await _read(source, to)
    while data:
        if not most:
            return
        data = data[:most]
        most -= len(data)
        to.write(data)
        await _drain(to, write_timeout)
        data = await _read(source, to)
    if to.can_write_eof():
        to.write_eof()


async def _drain(to: asyncio.StreamWriter, write_timeout: float) -> None:
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
