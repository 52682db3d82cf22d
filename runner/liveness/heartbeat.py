"""Tell, by questions and answers, whether a process or a loop still turns.

The rules of this file:

1. Nothing is written while nobody asks: who is watched is asked a few times within the timeout,
   and answers from the very loop that is to turn.
2. What counts is how long a question has waited, and only while we ourselves were awake: a
   machine that slept, or a tree of processes that was stopped as a whole, proves nothing. So a
   look that comes late counts for no more than one that came in time.
"""

from __future__ import annotations

_LOOKS = 8  # within the timeout


class Heartbeat:
    """Watch one loop; all times are seconds of one clock that never goes back.

    Args:
        timeout: How long a question may wait for its answer; 0: for ever.

    Attributes:
        timeout: That.
        every: Seconds between two looks; infinite if there is no timeout.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.every = timeout / _LOOKS if timeout else float("inf")
        self._silent = 0.0
        self._looked_at: float | None = None
        self._is_waiting = False

    def look(self, now: float) -> bool:
        """Count the time since the last look.

        Returns:
            Whether to ask now: the last question has its answer.
        """
        if self._is_waiting and self._looked_at is not None:
            self._silent += min(now - self._looked_at, self.every)
        self._looked_at = now
        asks = not self._is_waiting
        self._is_waiting = True
        return asks

    def answered(self) -> None:
        """Take an answer."""
        self._is_waiting, self._silent = False, 0.0

    @property
    def is_overdue(self) -> bool:
        """Tell whether the question has waited for too long."""
        return bool(self.timeout) and self._silent >= self.timeout

    def due_at(self, now: float) -> float:
        """Say when to look next; infinite for never."""
        if not self.timeout or self._looked_at is None:
            return now if self.timeout else float("inf")
        return self._looked_at + self.every
