"""Read bodies and write answers: small ones on the loop, large ones in a thread, one at a time.

The size of the body decides, for reading, validating and writing alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import TypeVar

from runner.predict.serial_thread import SerialThread

SMALL = 16_384
"""Bytes of a body up to which no work on it takes longer than 50 ms."""

Found = TypeVar("Found")


class BodyWork:
    """Do the work on the bodies of one worker; its thread begins with the first large one."""

    def __init__(self) -> None:
        self._thread: SerialThread | None = None

    async def run(self, size: int, act: Callable[[], Found]) -> Found:
        """Give what a function gives, or raise what it raises.

        Args:
            size: Bytes of the body that it works on.
            act: The function.
        """
        if size <= SMALL:
            return act()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found] = loop.create_future()
        self._thread = self._thread or SerialThread("bodies")
        self._thread.run(lambda: _resolve(loop, future, act))
        return await future

    def close(self) -> None:
        """Let the thread end after what it was given."""
        if self._thread is not None:
            self._thread.close()
            self._thread = None


def _resolve(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[Found], act: Callable[[], Found]
) -> None:
    if future.cancelled():  # nobody waits any more
        return
    try:
        found = act()
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
        _set(loop, future, functools.partial(future.set_exception, error))
    else:
        _set(loop, future, functools.partial(future.set_result, found))


def _set(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[Found], act: Callable[[], None]
) -> None:
    def unless_cancelled() -> None:
        if not future.done():
            act()

    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(unless_cancelled)
