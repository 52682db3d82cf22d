"""Follow what a service is asked, from one version to the next, and how much memory it takes."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from runner.processes import shared_out_memory
from runner.traffic.traffic import EVERY, History, Traffic, TrafficReader

_LATELY = 60.0  # seconds
_AT_LEAST = 1.0
_MOST_WORKERS = 16  # of which each has a line of its own


class TrafficWatch:
    """Follow one service.

    Args:
        folder: Gives the one that supervisor, runs and kernels share.
        pids: Gives the processes whose memory counts.
        workers: Gives those of them that answer now, each at its place.
    """

    def __init__(
        self,
        folder: Callable[[], Path],
        pids: Callable[[], Iterable[int]],
        workers: Callable[[], Sequence[int]] = tuple,
    ) -> None:
        self._folder, self._pids, self._workers = folder, pids, workers
        self._readers: dict[int, TrafficReader] = {}
        self._ended = Traffic(at=time.time())
        self._history = History(self._ended)
        self._is_counted = False
        self._memory: int | None = None

    def begin(self, run: int, name: str) -> None:
        """Read what a run counts that comes to serve."""
        if reader := TrafficReader.find(self._folder(), name):
            self._readers[run] = reader
            self._is_counted = True

    def end(self, run: int) -> None:
        """Keep what a run has counted that is there no more; the second time nothing happens."""
        if reader := self._readers.pop(run, None):
            last = dataclasses.replace(reader.now(), in_flight=0, waiting=0)
            self._ended = self._ended.plus(last)

    async def look_on(self) -> None:
        """Add a point to the history, again and again."""
        while True:
            await asyncio.sleep(EVERY)
            pids, workers = {*self._pids()}, [*self._workers()]
            found = await asyncio.to_thread(_memory_of, pids.union(workers))
            self._memory = sum(found[pid] for pid in pids)
            of_workers = tuple(found[pid] or None for pid in workers[:_MOST_WORKERS])
            self._history.add(self._now(), self._memory, of_workers)

    def _now(self) -> Traffic:
        now = Traffic(at=time.time())
        for each in (self._ended, *(reader.now() for reader in self._readers.values())):
            now = now.plus(each)
        return now

    def status(self) -> dict[str, Any] | None:
        """Say how much is asked, all in all and lately; None if nothing is counted."""
        if not self._is_counted:
            return None
        now = self._now()
        lately, seconds = self._history.latest(_LATELY)
        fresh = now.since(self._history.last)
        lately, seconds = lately.plus(fresh), seconds + now.at - self._history.last.at
        return {
            "requests": now.requests,
            "errors": now.errors,
            "refused": now.refused,
            "gone": now.gone,
            "in_flight": now.in_flight,
            "waiting": now.waiting,
            "per_second": round(lately.requests / max(seconds, _AT_LEAST), 3),
            "p50": lately.quantile(0.5),
            "p99": lately.quantile(0.99),
            "memory": self._memory,
        }

    def minutes(self) -> list[tuple[float, int, int]]:
        """Sum the last hour by the minute: when, requests and errors, if any."""
        found: dict[float, tuple[int, int]] = {}
        for point in self._history.points:
            if point.requests:
                minute = point.at // 60 * 60
                requests, errors = found.get(minute, (0, 0))
                found[minute] = (requests + point.requests, errors + point.errors)
        return [(minute, *counts) for minute, counts in found.items()]

    def history(self) -> dict[str, Any]:
        """Give the points of the last hour, the oldest first."""
        return {"every": EVERY, "points": [point.as_dict() for point in self._history.points]}


def _memory_of(pids: Iterable[int]) -> dict[int, int]:
    return {pid: shared_out_memory(pid) for pid in pids}
