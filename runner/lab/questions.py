"""Ask what may take long, such as a supervisor or a disk, without holding up Jupyter's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from runner.supervise.detached_thread import in_a_thread

_T = TypeVar("_T")


class Questions:
    """Have each question under way once, in a thread, however many wait for its answer.

    So one that is never answered holds one thread, and not one for each who has asked since.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Future[Any]] = {}

    async def ask(self, about: Hashable, call: Callable[[], _T], patience: float) -> _T:
        """Wait for the answer of ``call``, or for that of the same question which is under way.

        Args:
            about: What makes it the same.
            call: Asks, in a thread.
            patience: Seconds to wait at most.

        Raises:
            TimeoutError: There was none in time.
        """
        asked = self._under_way.get(about)
        if asked is None:
            asked = self._under_way[about] = in_a_thread(call)
            asked.add_done_callback(lambda done: self._forget(about, done))
        async with asyncio.timeout(patience):
            answer: _T = await asyncio.shield(asked)
        return answer

    def _forget(self, about: Hashable, done: asyncio.Future[Any]) -> None:
        del self._under_way[about]
        if not done.cancelled():
            done.exception()  # nobody may be waiting for it any more
