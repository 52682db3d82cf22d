"""Ask what may take long, such as a supervisor or a disk, without holding up a loop."""

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
        self._asked: dict[Hashable, asyncio.Future[Any]] = {}

    async def ask(
        self,
        about: Hashable,
        call: Callable[[], _T],
        patience: float | None,
        *,
        stays_true: float = 0.0,
    ) -> _T:
        """Wait for the answer of ``call``, or for that of the same question which is under way.

        Args:
            about: What makes it the same.
            call: Asks, in a thread.
            patience: Seconds to wait at most; None: as long as it takes.
            stays_true: Seconds for which who asks the same is given the answer that there is.

        Raises:
            TimeoutError: There was none in time.
        """
        asked = self._asked.get(about)
        if asked is None:
            asked = self._asked[about] = in_a_thread(call)
            asked.add_done_callback(lambda done: self._answered(about, done, stays_true))
        async with asyncio.timeout(patience):
            answer: _T = await asyncio.shield(asked)
        return answer

    def _answered(self, about: Hashable, done: asyncio.Future[Any], stays_true: float) -> None:
        # It is looked at, as nobody may be waiting for it any more.
        has_failed = done.cancelled() or done.exception() is not None
        if has_failed or not stays_true:
            del self._asked[about]
        else:
            done.get_loop().call_later(stays_true, self._asked.pop, about)
