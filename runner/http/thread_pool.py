"""Run what may take any time in threads that a process need not wait for when it ends."""

from __future__ import annotations

import collections
import queue
import threading
from collections.abc import Callable


class ThreadPool:
    """Run calls in daemon threads: an app that never returns must not keep the process alive.

    Threads are started when they are needed, so a pool may be made before a fork.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._idle: collections.deque[None] = collections.deque()  # one for each idle thread
        self._threads: list[threading.Thread] = []

    @property
    def has_calls_waiting(self) -> bool:
        """Tell that a call waits for a thread."""
        return not self._calls.empty()

    def start(self, call: Callable[[], None]) -> None:
        """Run a call, which must not raise, in the next thread that is free.

        Raises:
            RuntimeError: The system gives us no thread at all.
        """
        if self._idle:
            self._idle.pop()
        elif len(self._threads) < self._most:
            try:
                thread = threading.Thread(target=self._work, name="wsgi", daemon=True)
                thread.start()
                self._threads.append(thread)
            except RuntimeError:
                if not self._threads:
                    raise
        self._calls.put(call)

    def close(self) -> None:
        """Let the threads end when they have nothing to do."""
        for _ in self._threads:
            self._calls.put(None)

    def _work(self) -> None:
        while call := self._calls.get():
            call()
            self._idle.append(None)
