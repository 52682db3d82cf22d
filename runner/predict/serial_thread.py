"""Run things in threads that nobody waits for when Python ends.

An executor's threads are waited for: a model that hangs would keep Python from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from runner.http.thread_context import ThreadContext
from runner.telemetry.request_trace import current

_SWITCH_EVERY = 0.0005

Result = TypeVar("Result")


class SerialThread:
    """Hold a thread that runs what it is given, in order.

    Args:
        name: By which debuggers show it.
        context: What it finds set; what this thread has set if it is not given.

    Attributes:
        streams: How many streams have it, each for as long as it lasts.
    """

    def __init__(self, name: str, context: ThreadContext | None = None) -> None:
        # Else the loop keeps a thread that has just finished waiting for 5 ms.
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_EVERY))
        self.streams = 0
        self._given: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._count_given = self._count_done = 0  # each is counted by one thread alone
        run = (context or ThreadContext()).run
        threading.Thread(target=run, args=[self._work], name=f"predict-{name}", daemon=True).start()

    @property
    def load(self) -> int:
        """How much it has to do: what it was given and has not done, and its streams."""
        return self._count_given - self._count_done + self.streams

    def run(self, act: Callable[[], None]) -> None:
        """Give the thread something to do, which must not raise."""
        self._count_given += 1
        self._given.put(act)

    async def result_of(self, act: Callable[[], Result]) -> Result:
        """Have something done, and wait for its result, or for what it raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        if (trace := current.get()) is not None:
            act = functools.partial(trace.run, act)
        self.run(functools.partial(_settle, future, act, loop))
        try:
            return await future
        finally:
            # What was raised knows this frame, and the future what was raised: a circle, which
            # would keep the request's body until the collector comes.
            del future

    def close(self) -> None:
        """Let the thread end after what it was given."""
        self._given.put(None)

    def _work(self) -> None:
        while (act := self._given.get()) is not None:
            act()
            del act  # it has the request's body
            self._count_done += 1


def _settle(
    future: asyncio.Future[Result], act: Callable[[], Result], loop: asyncio.AbstractEventLoop
) -> None:
    """Do something in a thread, and give its future the result, or what it raised."""
    try:
        settle: Callable[[], None] = functools.partial(_set_result, future, act())
    except BaseException as error:  # noqa: BLE001 - raised where it is waited for
        settle = functools.partial(_set_exception, future, error)
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(settle)
    del future, settle  # what was raised knows this frame, too


def _set_result(future: asyncio.Future[Result], result: Result) -> None:
    if not future.done():
        future.set_result(result)


def _set_exception(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


class SerialThreads:
    """Hold some threads, each made when all others have something to do.

    They have the context of the thread that makes this.

    Args:
        name: By which debuggers show them.
        most: How many there may be.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._context = ThreadContext()
        self._threads: list[SerialThread] = []

    def least_busy(self) -> SerialThread:
        """Give the one that has least to do."""
        found = min(self._threads, key=lambda thread: thread.load, default=None)
        if found is None or (found.load and len(self._threads) < self._most):
            found = SerialThread(self._name, self._context)
            self._threads.append(found)
        return found

    def close(self) -> None:
        """Let the threads end after what they were given."""
        for thread in self._threads:
            thread.close()
        self._threads = []
