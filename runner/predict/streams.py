"""Answer by a stream what a generator gives, item by item.

The rules of this file:

1. What is asked of the generator was sent before: nothing is gathered ahead of the client but the
   items of a few milliseconds, and what the transport holds.
2. A plain generator runs in one thread, always the same. Its steps take turns with those of other
   streams there; an async one runs on the loop (see ``stream_steps``).
3. An error before the first item is a problem like any other. One after it is told in the stream,
   as an event ``error`` or as a last line, which is a problem; and except in events, whose end is
   clean, the body is then cut off: a client sees that it is not whole.
4. When the client goes away, or the service ends, the generator is closed.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol

from runner.http.problems import NotedFailureError
from runner.predict.media_types import EVENTS, MediaType, negotiated
from runner.predict.problem_error import ProblemError
from runner.predict.serial_thread import SerialThread
from runner.predict.stream_steps import LoopSteps, Step, Steps, ThreadSteps

_MOST_COLLECTED = 16_000_000

FRAMED: tuple[str, ...] = (MediaType.LINES, EVENTS, MediaType.JSON)
"""What streams are written in, unless the author says otherwise; the first if nobody does."""

HEADERS = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
"""What keeps a proxy from gathering a stream."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Framing:
    """Say how items become a body.

    Attributes:
        before: What is written before each item.
        after: What is written after it.
        start: What the body begins with.
        between: What stands between two items.
        end: What a whole body ends with.
        problem: How a problem is written; empty if it cannot be.
        ends_cleanly: A problem in the body is enough: the body need not be cut off.
    """

    before: bytes = b""
    after: bytes = b""
    start: bytes = b""
    between: bytes = b""
    end: bytes = b""
    problem: bytes = b""
    ends_cleanly: bool = False


_FRAMINGS: dict[str, Framing] = {
    MediaType.LINES: Framing(after=b"\n", problem=b"%b\n"),
    EVENTS: Framing(
        before=b"data: ", after=b"\n\n", problem=b"event: error\ndata: %b\n\n", ends_cleanly=True
    ),
    MediaType.JSON: Framing(start=b"[", between=b",", end=b"]"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream:
    """Hold what is to be sent item by item.

    Attributes:
        source: Gives the items.
        encode: Writes an item.
        media_type: What the body is.
    """

    source: Iterator[Any] | AsyncIterator[Any]
    encode: Callable[[Any], bytes]
    media_type: str


def is_stream(value: Any) -> bool:
    """Tell what gives items one after another, and not all at once."""
    return isinstance(value, Iterator | AsyncIterator) and not hasattr(value, "readinto")


def stream_of(
    source: Any, encode: Callable[[Any], bytes], media_type: str | None, accept: bytes
) -> Stream:
    """Choose how the items of a generator are written.

    Args:
        source: The generator.
        encode: Writes an item as JSON.
        media_type: What the author says that the body is; None leaves it to the client.
        accept: What the client takes.

    Raises:
        ProblemError: 406, the client takes nothing of what there is.
    """
    if media_type is not None and media_type not in _FRAMINGS:
        return Stream(source=source, encode=_as_it_is, media_type=media_type)
    chosen = media_type or negotiated(accept, FRAMED)
    return Stream(source=source, encode=encode, media_type=chosen)


class Caller(Protocol):
    """Be who called the function that gave a generator."""

    def thread(self) -> SerialThread:
        """Give a thread in which a plain generator runs."""

    def note_line(self, seconds: float) -> None:
        """Take note that a step waited for other steps."""

    def problem(self, error: BaseException) -> ProblemError:
        """Log an error of the author's, and say what a client may know of it."""


class RunningStream:
    """Take from a generator what is to be sent.

    Args:
        stream: What is sent.
        caller: Who called for it.

    Attributes:
        cut_by: What failed in a way that only the end of the connection tells; None if nothing did.
        is_noted: The log has what failed.
    """

    def __init__(self, stream: Stream, caller: Caller) -> None:
        self.cut_by: ProblemError | None = None
        self.is_noted = False
        self._stream, self._caller = stream, caller
        self._framing = _FRAMINGS.get(stream.media_type, Framing())
        self._steps: Steps = (
            LoopSteps(stream.source, self._framed)
            if isinstance(stream.source, AsyncIterator)
            else ThreadSteps(stream.source, self._framed, caller.thread(), caller.note_line)
        )
        self._first = b""
        self._has_begun = self._has_ended = self._is_closed = False

    @property
    def has_failed(self) -> bool:
        """Tell whether its client has got less than all, for a reason of ours."""
        return self.is_noted or self.cut_by is not None

    async def begin(self, deadline: float | None = None) -> None:
        """Wait for the first item, and keep it.

        Args:
            deadline: Until when, by the loop's clock.

        Raises:
            ProblemError: There is none in time, or it failed.
        """
        step = Step()
        try:
            async with asyncio.timeout_at(deadline):
                while not (step.pieces or step.is_last):
                    step = await self._steps.take()
        except BaseException as reason:
            await self.close()
            if isinstance(reason, TimeoutError):
                raise ProblemError(504, "there was no item within the client's time") from None
            raise
        if step.error is not None and not step.pieces:
            raise self._caller.problem(step.error) from step.error
        self._first = self._framing.start + self._written(step)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body piece by piece; an error of the generator's ends it."""
        yield self._first
        while not self._has_ended:
            if pieces := self._written(await self._steps.take()):
                yield pieces

    async def close(self) -> None:
        """Close the generator."""
        self._has_ended = True
        if not self._is_closed:
            self._is_closed = True
            await self._steps.close()

    def _written(self, step: Step) -> bytes:
        """Give what a step has brought, and what follows the last item, if it was the last."""
        self._has_ended = self._has_ended or step.is_last
        if step.error is not None:
            problem = self._caller.problem(step.error)
            self.is_noted = problem is not step.error  # the author's own is not logged
            self.cut_by = None if self._framing.ends_cleanly else problem
            return step.pieces + (
                self._framing.problem % problem.body() if self._framing.problem else b""
            )
        return step.pieces + (self._framing.end if step.is_last else b"")

    def _framed(self, item: Any) -> bytes:
        framing, before = self._framing, self._framing.before
        if self._has_begun:
            before = framing.between + before
        self._has_begun = True
        return before + self._stream.encode(item) + framing.after


async def send_stream(
    running: RunningStream,
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """Send a stream, whose head was sent, to its end, or to the client's.

    Args:
        running: What is sent.
        receive: Tells that the client has gone.
        send: Takes the pieces, and waits while the client does not read.

    Raises:
        NotedFailureError: It is cut off, and the log says why.
    """

    async def pump() -> None:
        async for piece in running.pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    tasks = [asyncio.ensure_future(pump()), asyncio.ensure_future(_until_gone(receive))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await running.close()
    if running.cut_by is None:
        await send({"type": "http.response.body", "body": b""})
    elif running.is_noted:
        raise NotedFailureError


async def collected(running: RunningStream) -> bytes:
    """Gather a stream into one JSON array.

    Raises:
        ProblemError: It failed, or is too long.
    """
    await running.begin()
    found: list[bytes] = []
    size = 0
    async for piece in running.pieces():
        found.append(piece)
        size += len(piece)
        if size > _MOST_COLLECTED:
            await running.close()
            raise ProblemError(406, "this stream is too long to be gathered: ask for it by itself")
    if running.cut_by is not None:
        raise running.cut_by
    return b"".join(found)


def array_of(source: Any, encode: Callable[[Any], bytes]) -> Stream:
    """Have a generator's items written as one JSON array."""
    return Stream(source=source, encode=encode, media_type=MediaType.JSON)


async def _until_gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _as_it_is(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item)
    raise TypeError(f"a stream of a type of its own takes bytes and strings, not {item!r:.80}")
