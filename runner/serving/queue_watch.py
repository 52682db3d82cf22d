"""Notice connections that wait for a busy worker, and have one that is free accept them.

Each worker has a queue of its own, so that the load is split evenly. A queue that is not taken
up is found by whoever watches all of them: the kernel, which only decides here.

The rules of this file:

1. A queue that has a connection is watched no further for a while: its worker is asked whether
   it turns, and whether it would begin a request at once. If it says so it accepts by itself.
2. Else the others are asked to accept one connection of that queue, each one at a time, and
   only if they are free. Who does not turn does not get to it: nobody has to know who is free.
3. If nobody was free for a while, those accept whose calls are short; if there are none either,
   all do: so the limits on what may wait, and the health paths, answer for the worker. That is
   remembered, but whoever is free is asked first each time.
4. While no connection waits nothing is done at all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from runner.serving.orders import Order

PATIENCE = 0.1
"""Seconds that a connection waits for somebody to become free."""
LONG_PATIENCE = 0.3
"""Seconds that it waits for somebody whose calls are short."""

_GRACE = 0.01  # so long a worker may take to say that it turns
_REST = 0.025  # so long a queue whose worker turns is not looked at
_STEP = 0.01
_REMEMBERED = 1.0  # so long nobody is taken to be free, or soon to be, after nobody was


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """Ask one worker something of one queue."""

    worker: int
    order: Order
    queue: int


@dataclasses.dataclass(kw_only=True)
class _Queue:
    """Hold what is known of one queue.

    Attributes:
        look_at: When to look at it again; until then it is not watched.
        asked_at: When its worker was asked whether it turns; None if that is not open.
        stuck_since: When it was found that its worker does not take it up; None if it does.
    """

    look_at: float = 0.0
    asked_at: float | None = None
    stuck_since: float | None = None


class QueueWatch:
    """Decide whom to ask; all times are seconds of one clock that never goes back.

    Args:
        slots: How many queues there are.
    """

    def __init__(self, slots: int) -> None:
        self._queues = [_Queue() for _ in range(slots)]
        self._asked_to_take: dict[int, Order] = {}
        self._none_free_until = self._none_soon_until = 0.0
        self._taken_by_free = self._taken_soon = 0.0

    def watched(self, now: float) -> list[int]:
        """Give the queues that a connection is to be noticed in: those that are calm."""
        return [
            slot
            for slot, queue in enumerate(self._queues)
            if queue.stuck_since is None and queue.asked_at is None and queue.look_at <= now
        ]

    def look_at(self) -> float:
        """Say when to look again without a connection that comes; infinite for never."""
        open_ones = [
            queue.look_at
            for queue in self._queues
            if queue.stuck_since is not None or queue.asked_at is not None or queue.look_at
        ]
        return min(open_ones, default=float("inf"))

    def look(self, waiting: Iterable[int], workers: Iterable[int], now: float) -> list[Asked]:
        """Look at all queues.

        Args:
            waiting: The queues that have a connection.
            workers: Those that accept; a queue whose worker is not among them is stuck.
            now: The time.

        Returns:
            Whom to ask what.
        """
        has, alive = set(waiting), list(workers)
        asked = []
        for slot, queue in enumerate(self._queues):
            if slot not in has:
                self._calm(queue, now)
            elif queue.stuck_since is None:
                asked += self._suspect(slot, queue, alive, now)
            if slot in has and queue.stuck_since is not None:
                queue.look_at = now + _STEP
                asked += self._call_others(slot, queue, alive, now)
        return asked

    def turns(self, slot: int, now: float, *, is_busy: bool) -> None:
        """Take a worker's word that it turns."""
        queue = self._queues[slot]
        if queue.asked_at is None:
            return
        queue.asked_at = None
        if is_busy:
            queue.stuck_since, queue.look_at = now, now
        else:
            queue.look_at = now + _REST

    def took(self, slot: int, now: float, *, has_taken: bool) -> None:
        """Take a worker's word whether it has accepted what it was asked to."""
        order = self._asked_to_take.pop(slot, None)
        if has_taken:
            if order is Order.TAKE:
                self._taken_by_free = now
            elif order is Order.TAKE_SOON:
                self._none_free_until = now + _REMEMBERED
            if order is not Order.TAKE_ANYWAY:
                self._taken_soon, self._none_soon_until = now, 0.0
            for queue in self._queues:
                if queue.stuck_since is not None:
                    queue.look_at = now

    def forget(self, slot: int) -> None:
        """Expect no answer of a worker that is replaced."""
        self._asked_to_take.pop(slot, None)
        queue = self._queues[slot]
        if queue.asked_at is not None:
            queue.asked_at, queue.look_at = None, 0.0

    def _calm(self, queue: _Queue, now: float) -> None:
        queue.stuck_since = None
        if queue.asked_at is not None and now - queue.asked_at >= _GRACE:
            queue.asked_at = None
        if queue.asked_at is None and queue.look_at <= now:
            queue.look_at = 0.0

    def _suspect(self, slot: int, queue: _Queue, alive: list[int], now: float) -> list[Asked]:
        if slot not in alive or (queue.asked_at is not None and now - queue.asked_at >= _GRACE):
            queue.asked_at, queue.stuck_since = None, now
        elif queue.asked_at is None and queue.look_at <= now:
            queue.asked_at, queue.look_at = now, now + _GRACE
            return [Asked(worker=slot, order=Order.SAY, queue=slot)]
        return []

    def _call_others(self, slot: int, queue: _Queue, alive: list[int], now: float) -> list[Asked]:
        order = self._order_for(queue.stuck_since or now, now)
        called = [
            worker
            for worker in alive
            if worker not in self._asked_to_take and (order is not Order.TAKE or worker != slot)
        ]
        self._asked_to_take |= dict.fromkeys(called, order)
        return [Asked(worker=worker, order=order, queue=slot) for worker in called]

    def _order_for(self, stuck_since: float, now: float) -> Order:
        """Say how far to go for a queue that has been stuck for a while."""
        if now - max(stuck_since, self._taken_by_free) >= PATIENCE:
            self._none_free_until = now + _REMEMBERED
        if now - max(stuck_since, self._taken_soon) >= LONG_PATIENCE:
            self._none_soon_until = now + _REMEMBERED
        if now - stuck_since < _STEP or now >= self._none_free_until:
            return Order.TAKE
        return Order.TAKE_ANYWAY if now < self._none_soon_until else Order.TAKE_SOON
