"""Run one thing after another in a thread."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable

_SWITCH_EVERY = 0.0005


class SerialThread:
    """Hold a thread that runs what it is given, in order.

    An executor's threads are waited for when Python ends: a model that hangs would keep it from
    ending. This one is not.

    Args:
        name: By which debuggers show it.
    """

    def __init__(self, name: str) -> None:
        # Else the loop keeps a thread that has just finished waiting for 5 ms.
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_EVERY))
        self._given: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=f"predict-{name}", daemon=True).start()

    def run(self, act: Callable[[], None]) -> None:
        """Give the thread something to do, which must not raise."""
        self._given.put(act)

    def close(self) -> None:
        """Let the thread end after what it was given."""
        self._given.put(None)

    def _work(self) -> None:
        while (act := self._given.get()) is not None:
            act()
