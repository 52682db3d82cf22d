"""Know which workers have died while they ran a point, and have such a point run alone.

The rules of this file:

1. A worker's death counts for all points that ran there. It does not if the scheduler expected it,
   as when it was retired, nor for a point that had not begun there.
2. A point for which one counts runs alone in its worker from then on. So each further death is
   its own, and none of its neighbours' from before.
3. It is the scheduler that remembers them. How many it forgives by its own settings plays no part.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from runner.errors import KernelDiedError

if TYPE_CHECKING:
    from distributed import Scheduler

MOST = 3
"""Workers that may die while they run a point before it has failed."""


def workers_that_died(topic: str, key: str, dask_scheduler: Scheduler) -> list[str]:
    """Name the workers that have died while they ran a task; to be called at the scheduler.

    Args:
        topic: Under which workers say what they begin.
        key: The task's.
        dask_scheduler: The scheduler; dask puts it here by this name.
    """
    task = dask_scheduler.tasks.get(key)
    events: Sequence[tuple[float, Any]] = dask_scheduler.get_events(topic)
    begun = [str(said["worker_name"]) for _, said in events if said["key"] == key]
    return last(begun, task.suspicious if task else 0)


def last(begun: list[str], deaths: int) -> list[str]:
    """Give those that a task has begun on last, of which so many have died."""
    return begun[max(0, len(begun) - deaths) :]


def failure(died: Sequence[str]) -> KernelDiedError:
    """Say why a point is not run again."""
    return KernelDiedError(f"{len(died)} workers died while they ran it: {', '.join(died)}")


class Company:
    """Have the points of one worker run side by side, or one of them alone."""

    def __init__(self) -> None:
        self._entry = asyncio.Lock()  # its holder alone may enter; who runs alone keeps it
        self._idle = asyncio.Event()
        self._idle.set()
        self._running = 0

    @contextlib.asynccontextmanager
    async def joined(self, *, alone: bool) -> AsyncIterator[None]:
        """Wait for one's turn, in the order of coming, and hold it.

        Args:
            alone: No other point is to run meanwhile.
        """
        async with contextlib.AsyncExitStack() as entry:
            await entry.enter_async_context(self._entry)
            if alone:
                await self._idle.wait()
            else:
                await entry.aclose()
            self._running += 1
            self._idle.clear()
            try:
                yield
            finally:
                self._running -= 1
                if not self._running:
                    self._idle.set()
