"""Decide when a worker that ended is started again, and when there is no use in it.

The rules of this file:

1. A worker that left by itself is followed at once.
2. So is one that died. After five deaths within ten seconds each waits for a second.
3. Five that die within ten seconds, the last before it was ready, are a crash loop.
4. What cannot be started is tried again a second later.
"""

from __future__ import annotations

import dataclasses

from runner.serving.worker_link import WorkerLink

_CRASHES, _CRASH_WINDOW, _CRASH_DELAY = 5, 10.0, 1.0


@dataclasses.dataclass(kw_only=True)
class Restart:
    """Start a worker in the place of one that ended.

    Attributes:
        slot: The number of both.
        at: When.
        reason: Why the other ended.
        stacks: Where it hung, if it did.
    """

    slot: int
    at: float
    reason: str
    stacks: str


class Restarts:
    """Hold what is to be started; all times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._crashes: list[float] = []
        self._open: dict[int, Restart] = {}

    def __len__(self) -> int:
        return len(self._open)

    def worker_ended(self, worker: WorkerLink, reason: str, stacks: str, now: float) -> str:
        """Have a worker followed by another.

        Returns:
            Why there is no use in it; empty if there is.
        """
        restart = Restart(slot=worker.slot, at=now, reason=reason, stacks=stacks)
        if not worker.is_leaving and self._crashes_often(now):
            if not worker.is_ready:
                return f"{_CRASHES} workers died within {_CRASH_WINDOW:g} s; the last: {reason}"
            restart.at += _CRASH_DELAY
        self._open[worker.slot] = restart
        return ""

    def take_due(self, now: float) -> list[Restart]:
        """Take those whose time has come."""
        due = [restart for restart in self._open.values() if now >= restart.at]
        for restart in due:
            del self._open[restart.slot]
        return due

    def put_off(self, restart: Restart, why: str, now: float) -> None:
        """Try again later what could not be done."""
        restart.at, restart.reason = now + _CRASH_DELAY, f"{restart.reason}; {why}"
        self._open[restart.slot] = restart

    def due_at(self) -> float:
        """Say when the next one is due; infinite for never."""
        return min((restart.at for restart in self._open.values()), default=float("inf"))

    def clear(self) -> None:
        """Start none."""
        self._open.clear()

    def _crashes_often(self, now: float) -> bool:
        self._crashes = [then for then in self._crashes if now - then < _CRASH_WINDOW] + [now]
        return len(self._crashes) >= _CRASHES
