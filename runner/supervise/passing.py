"""Pass one request on to a server, and its answer back, by their bytes.

The rules of this file:

1. Only the request's head was looked at. So nothing that follows may be taken for another one: the
   head says that the connection ends with the answer, and no more is passed on than it says that
   its body has, unless that comes in chunks. What comes after the head of a WebSocket's handshake
   is held until the server has said 101, and never passed on if it says anything else.
2. A client that takes nothing of its answer for ``write_timeout`` is cut, however long the answer;
   so is one that sends nothing of its body for ``read_timeout``. Where one in chunks ends we do not
   know.
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


class LateBodyError(TimeoutError):
    """Tell that a client has sent nothing of its body for too long."""


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


async def pass_on(
    head: bytes, client: Streams, server: Streams, read_timeout: float, write_timeout: float
) -> bool:
    """Pass one request on to a server, and its answer back; the server is left by then.

    Args:
        head: The request's; the rest of it comes from the client.
        client: What comes from who asks, and goes there.
        server: What comes from who answers, and goes there.
        read_timeout: Seconds in which it has to send some of its body; 0: no limit.
        write_timeout: Seconds in which the client has to take something; 0: no limit.

    Returns:
        Whether it answered anything.

    Raises:
        LateBodyError: It did not, for the client sent no whole request.
    """
    (reader, writer), (answers, asks) = client, server
    asks.write(head)
    may_say_more: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    sending = asyncio.ensure_future(_send(reader, asks, may_say_more, read_timeout))
    try:
        if is_handshake(head):
            begun = await read_head(answers)
            may_say_more.set_result(sys.maxsize if begun.startswith(_SWITCHED) else _NOTHING)
        else:
            may_say_more.set_result(body_length(head))
            begun = await _read(answers, writer)
        if begun:
            await _give(begun, writer, write_timeout)
            await _copy(answers, writer, write_timeout)
    finally:
        sending.cancel()
        [failure] = await asyncio.gather(sending, return_exceptions=True)
        asks.transport.abort()
    if not begun and isinstance(failure, LateBodyError):
        raise failure
    return bool(begun)


async def _send(
    reader: asyncio.StreamReader,
    asks: asyncio.StreamWriter,
    may_say_more: asyncio.Future[int],
    read_timeout: float,
) -> None:
    while not may_say_more.done() and not reader.at_eof():
        await asyncio.wait([may_say_more], timeout=_LOOK_EVERY)
    if may_say_more.done() and may_say_more.result() != _NOTHING:
        most = may_say_more.result()
        within = read_timeout if read_timeout and 0 < most < sys.maxsize else None
        try:
            await _copy(reader, asks, most=most, within=within)
        except LateBodyError:
            asks.transport.abort()  # so that no answer is waited for
            raise
    else:
        await reader.read(1)  # the client's end, or a second request, whose head nobody has read
        asks.write_eof()


async def _copy(
    source: asyncio.StreamReader,
    to: asyncio.StreamWriter,
    write_timeout: float = 0.0,
    most: int = sys.maxsize,
    within: float | None = None,
) -> None:
    """Pass bytes on as fast as they are taken, and their end.

    Args:
        source: Where they come from.
        to: Where they go; nothing is left to be sent when it ends.
        write_timeout: Seconds in which some have to be taken; 0: no limit.
        most: Bytes that are passed on; at more it ends, and their end is nobody's.
        within: Seconds in which the source has to give some of them; None: no limit.

    Raises:
        LateBodyError: It gave none.
        TimeoutError: They were not taken.
    """
    data = await _read(source, to, within)
    while data:
        if not most:
            return
        data = data[:most]
        most -= len(data)
        await _give(data, to, write_timeout)
        data = await _read(source, to, within if most else None)
    if to.can_write_eof():
        to.write_eof()


async def _give(data: bytes, to: asyncio.StreamWriter, write_timeout: float) -> None:
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


async def _read(
    source: asyncio.StreamReader, to: asyncio.StreamWriter, within: float | None = None
) -> bytes:
    try:
        async with asyncio.timeout(within):
            return await source.read(CHUNK)
    except TimeoutError:
        raise LateBodyError from None
    except OSError:
        to.transport.abort()  # who has gone on one side is missed on the other
        raise
