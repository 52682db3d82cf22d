"""Take items from a generator step by step, each as soon as it is there.

The rules of this file:

1. A plain generator runs in a thread. A step of it takes items for a few milliseconds, 64 KB at
   most; then other streams have their turn in that thread.
2. What a step has taken is given away while it waits for more: an item does not wait for the next.
3. A further step begins when all of the last was taken.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

from runner.predict.serial_thread import SerialThread

_STEP_SECONDS, _STEP_BYTES = 0.002, 65_536

Write = Callable[[Any], bytes]
"""Writes an item."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """Hold what came of a generator.

    Attributes:
        pieces: The items, written; empty if there is none yet.
        is_last: The generator has ended, or failed.
        error: What it raised behind the items.
    """

    pieces: bytes = b""
    is_last: bool = False
    error: BaseException | None = None


class Steps(Protocol):
    """Be what takes items."""

    async def take(self) -> Step:
        """Wait for items, or for the end; there may be none for once."""

    async def close(self) -> None:
        """Close the generator."""


class LoopSteps:
    """Take the items of an async generator, one by one.

    Args:
        source: The generator.
        write: Writes an item.
    """

    def __init__(self, source: AsyncIterator[Any], write: Write) -> None:
        self._source, self._write = source, write

    async def take(self) -> Step:
        """Wait for an item, or for the end."""
        await asyncio.sleep(0)  # others have their turn, even if it never waits
        try:
            return Step(pieces=self._write(await anext(self._source)))
        except StopAsyncIteration:
            return Step(is_last=True)
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            return Step(is_last=True, error=error)

    async def close(self) -> None:
        """Close the generator."""
        if close := getattr(self._source, "aclose", None):
            with contextlib.suppress(Exception):  # nobody is there to be told
                await close()


class ThreadSteps:
    """Take the items of a plain generator in a thread.

    Args:
        source: The generator.
        write: Writes an item.
        thread: Where it runs.
        note_line: Takes note of how long a step waited there.
    """

    def __init__(
        self,
        source: Iterator[Any],
        write: Write,
        thread: SerialThread,
        note_line: Callable[[float], None],
    ) -> None:
        self._source, self._write = source, write
        self._thread, self._note_line = thread, note_line
        self._loop = asyncio.get_running_loop()
        self._there = asyncio.Event()
        self._pieces: collections.deque[bytes] = collections.deque()
        self._is_waited_for = False
        self._step: asyncio.Task[Step] | None = None
        thread.streams += 1

    async def take(self) -> Step:
        """Wait for items, or for the end."""
        step = self._step
        if step is None:
            step = self._step = self._begun()
            await asyncio.wait({step}, timeout=2 * _STEP_SECONDS)  # few take longer
        if not step.done():
            self._is_waited_for = True  # first, and then looked: the thread does it in turn
            if not self._pieces:
                await self._there.wait()
        self._is_waited_for = False
        self._there.clear()
        is_over = step.done()  # asked first: all that it has taken is there then
        pieces = b"".join(self._pieces.popleft() for _ in range(len(self._pieces)))
        if not is_over:
            return Step(pieces=pieces)
        self._step = None
        return dataclasses.replace(step.result(), pieces=pieces)

    def _begun(self) -> asyncio.Task[Step]:
        self._there.clear()
        work = _Timed(self._work)
        step = asyncio.ensure_future(self._thread.result_of(work))
        step.add_done_callback(lambda _: self._there.set())
        step.add_done_callback(lambda _: self._note_line(work.waited))
        return step

    async def close(self) -> None:
        """Close the generator; one that is in the midst of a step, behind it."""
        self._thread.streams -= 1
        if close := getattr(self._source, "close", None):
            self._thread.run(lambda: _closed(close))

    def _work(self) -> Step:
        size, is_going_on, until = 0, True, time.monotonic() + _STEP_SECONDS
        try:
            while is_going_on:
                piece = self._write(next(self._source))
                self._pieces.append(piece)
                if self._is_waited_for:
                    self._tell()
                size += len(piece)
                is_going_on = size < _STEP_BYTES and time.monotonic() < until
        except StopIteration:
            return Step(is_last=True)
        except BaseException as error:  # noqa: BLE001 - the author's code may raise anything
            return Step(is_last=True, error=error)
        return Step()

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._there.set)


class _Timed:
    """Do something, and know how long it waited before."""

    def __init__(self, act: Callable[[], Step]) -> None:
        self.waited = 0.0
        self._act, self._asked = act, time.monotonic()

    def __call__(self) -> Step:
        self.waited = time.monotonic() - self._asked
        return self._act()


def _closed(close: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):  # nobody is there to be told
        close()
