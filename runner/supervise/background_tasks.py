"""Run what a supervisor has to do beside its events; what fails there is said, and has somebody."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)


def _leave_it() -> None:
    """Do without what a task was to find out."""


class BackgroundTasks:
    """Hold the tasks of the running loop, until all are ended."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_ending = False

    def begin(
        self, work: Coroutine[Any, Any, None], if_it_fails: Callable[[], object] = _leave_it
    ) -> None:
        """Start a task.

        Args:
            work: What it does.
            if_it_fails: Decides what then; the error was logged.
        """
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._finished(task, if_it_fails))

    def keep(self, work: Callable[[], Coroutine[Any, Any, None]], again_in: float) -> None:
        """Start what never ends, and start it again some seconds after it has failed."""

        def start() -> None:
            if not self._is_ending:
                self.begin(work(), lambda: self._loop.call_later(again_in, start))

        start()

    def repeat(self, look: Callable[[], Any], every: float) -> None:
        """Call something, or await what it returns, now and then every so many seconds."""

        async def repeating() -> None:
            while True:
                found = look()
                if inspect.isawaitable(found):
                    await found
                await asyncio.sleep(every)

        self.keep(repeating, every)

    async def end(self) -> None:
        """Cancel all."""
        self._is_ending = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None], if_it_fails: Callable[[], object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a task of the supervisor failed", exc_info=error)
            if_it_fails()
