"""Run calls in a bounded number of threads, and count what is in flight."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

_IDLE_SECONDS = 10.0


class Pool:
    """Start threads when they are needed, and let them end when they are not.

    Nothing is started before the first call, so a pool may be inherited by a fork.
    The threads are daemons: an app that never returns must not keep the process alive.

    Args:
        size: The most threads, and the most requests in flight that ``enter`` allows.

    Attributes:
        done: Requests that are in flight no longer.
    """

    def __init__(self, size: int) -> None:
        self.done = 0
        self._size = size
        self._change = threading.Condition(threading.Lock())
        self._calls: deque[Callable[[], None]] = deque()
        self._in_flight = self._threads = self._idle = 0
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        """Tell whether another call would have to wait for one of the threads."""
        return self._threads >= self._size and self._idle <= len(self._calls)

    def enter(self) -> bool:
        """Count one more in flight; False, and nothing counted, if there are too many."""
        with self._change:
            is_free = self._in_flight < self._size
            self._in_flight += is_free
            return is_free

    def leave(self) -> None:
        """Count one less in flight."""
        with self._change:
            self._in_flight -= 1
            self.done += 1

    def enter_again(self) -> None:
        """Take the last ``leave`` back, even if that makes too many."""
        with self._change:
            self._in_flight += 1
            self.done -= 1

    def start(self, call: Callable[[], None]) -> None:
        """Run a call, which must not raise, in the next thread that is free.

        Raises:
            RuntimeError: The system gives us no thread at all.
        """
        with self._change:
            self._calls.append(call)
            if self._idle >= len(self._calls):
                self._change.notify()
            elif self._threads < self._size:
                self._start_thread()

    def close(self) -> None:
        """Let the threads end that have nothing to do."""
        with self._change:
            self._is_closed = True
            self._change.notify_all()

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._work, name="runner-wsgi", daemon=True).start()
        except RuntimeError:
            if not self._threads:
                self._calls.pop()
                raise
        else:
            self._threads += 1

    def _work(self) -> None:
        while (call := self._next()) is not None:
            call()

    def _next(self) -> Callable[[], None] | None:
        with self._change:
            self._idle += 1
            self._change.wait_for(lambda: self._calls or self._is_closed, _IDLE_SECONDS)
            self._idle -= 1
            if self._calls:
                return self._calls.popleft()
            self._threads -= 1
            return None
