"""Say what a service was asked and how it answered: as a whole, and within the last hour."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from runner.traffic.counters import LATENCIES, WIDTH, EndpointCounts, ErrorKind, total_of
from runner.traffic.shared_counts import FoundCounts

EVERY = 10.0  # seconds between two points
_MOST = 360  # points: an hour
_SUMS = ("requests", "errors", "refused", "gone", "seconds", "rows", "calls")
_IN_HAND = ("in_flight", "waiting")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Traffic:
    """Be what was counted until a moment.

    Attributes:
        at: That moment, by the wall clock.
        requests: How many were answered.
        errors: How many of them the service has failed at: 5xx, but for 501 and 505.
        refused: At how many who asked has failed: these and 4xx.
        gone: How many lost their client before the answer.
        in_flight: How many are begun and not answered.
        waiting: How many of them wait for a call of the model.
        latencies: How many took as long as each of `LATENCIES`, and last those beyond.
        seconds: How long all took together.
        rows: How many rows all calls of the model had together.
        calls: How many calls.
    """

    at: float
    requests: int = 0
    errors: int = 0
    refused: int = 0
    gone: int = 0
    in_flight: int = 0
    waiting: int = 0
    latencies: tuple[int, ...] = (0,) * (len(LATENCIES) + 1)
    seconds: float = 0.0
    rows: int = 0
    calls: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, EndpointCounts], at: float) -> Self:
        """Sum what was counted for a service's own endpoints; of one without any, for all of it."""
        own = [each for name, each in counts.items() if name] or [*counts.values()]
        return cls(
            at=at,
            requests=sum(sum(each.answered.values()) for each in own),
            errors=sum(each.failed for each in own),
            refused=sum(each.errors[ErrorKind.INVALID] for each in own),
            gone=sum(each.gone for each in own),
            in_flight=sum(each.in_flight for each in own),
            waiting=sum(each.waiting for each in own),
            latencies=tuple(map(sum, zip(*(each.latencies for each in own), strict=True))),
            seconds=sum(each.seconds for each in own),
            rows=sum(each.rows for each in own),
            calls=sum(sum(each.sizes) for each in own),
        )

    def since(self, earlier: Traffic) -> Traffic:
        """Give what came after an earlier moment; what is in hand is as it is now."""
        changes = {name: getattr(self, name) - getattr(earlier, name) for name in _SUMS}
        pairs = zip(self.latencies, earlier.latencies, strict=True)
        latencies = tuple(now - then for now, then in pairs)
        return dataclasses.replace(self, latencies=latencies, **changes)

    def plus(self, other: Traffic) -> Traffic:
        """Give both together, as at our moment."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in (*_SUMS, *_IN_HAND)}
        latencies = tuple(map(sum, zip(self.latencies, other.latencies, strict=True)))
        return dataclasses.replace(self, latencies=latencies, **sums)

    def quantile(self, part: float) -> float | None:
        """Say in how many seconds that part was answered, within the width of a bucket.

        Returns:
            None if nothing was; the longest bound for what took longer than that.
        """
        wanted, below = part * sum(self.latencies), 0
        if not wanted:
            return None
        edges = (0.0, *LATENCIES, LATENCIES[-1])
        for place, count in enumerate(self.latencies):
            if below + count >= wanted:
                start, end = edges[place], edges[place + 1]
                return start + (end - start) * (wanted - below) / count
            below += count
        return edges[-1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """Be what happened within a span of some seconds.

    Attributes:
        at: Its end, by the wall clock.
        seconds: Its length.
        requests: Answered in it; likewise ``errors`` and ``refused``, as `Traffic` has them.
        p50: In how many seconds half of them were; None if there were none. Likewise ``p99``.
        rows_per_call: Rows in one call of the model, on average; None if there was no call.
        memory: Bytes that the service's processes had at its end; None if nobody has looked.
        worker_memory: Likewise of each worker, in their order, as far as they are looked at.
    """

    at: float
    seconds: float
    requests: int
    errors: int
    refused: int
    p50: float | None
    p99: float | None
    rows_per_call: float | None
    memory: int | None = None
    worker_memory: tuple[int | None, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Give it for JSON."""
        return dataclasses.asdict(self)


class History:
    """Keep an hour of points.

    Args:
        begin: What had been counted before the first.
        most: How many are kept.
    """

    def __init__(self, begin: Traffic, most: int = _MOST) -> None:
        self._last = begin
        self._points: collections.deque[tuple[Traffic, Point]] = collections.deque(maxlen=most)

    @property
    def points(self) -> list[Point]:
        """Give them, the oldest first."""
        return [point for _, point in self._points]

    @property
    def last(self) -> Traffic:
        """Give all that was counted until the last point."""
        return self._last

    def add(
        self,
        now: Traffic,
        memory: int | None = None,
        worker_memory: tuple[int | None, ...] = (),
    ) -> Point:
        """Add a point from the last moment until this one."""
        change = now.since(self._last)
        point = Point(
            at=now.at,
            seconds=now.at - self._last.at,
            requests=change.requests,
            errors=change.errors,
            refused=change.refused,
            p50=change.quantile(0.5),
            p99=change.quantile(0.99),
            rows_per_call=change.rows / change.calls if change.calls else None,
            memory=memory,
            worker_memory=worker_memory,
        )
        self._points.append((change, point))
        self._last = now
        return point

    def latest(self, seconds: float) -> tuple[Traffic, float]:
        """Sum what happened in the last points, of about so many seconds; and give how many."""
        found, span = Traffic(at=self._last.at), 0.0
        for change, point in reversed(self._points):
            if span and span + point.seconds > seconds:
                break
            found, span = found.plus(change), span + point.seconds
        return found, span


class TrafficReader:
    """Read what the workers of one run count, whichever process they are in.

    Args:
        counts: Their memory.
    """

    def __init__(self, counts: FoundCounts) -> None:
        self._counts, self._names = counts, [str(name) for name in counts.facts["names"]]

    @classmethod
    def find(cls, folder: Path, run: str) -> Self | None:
        """Find what a run counts; None if it counts nothing, or not as we do.

        Args:
            folder: Which its supervisor, the run and its kernel share.
            run: Its name.
        """
        found = FoundCounts.find(folder, run)
        is_ours = found is not None and found.facts.get("width") == WIDTH
        return cls(found) if found is not None and is_ours and found.facts.get("names") else None

    def now(self) -> Traffic:
        """Give what was counted until now, or a moment ago."""
        return Traffic.of(total_of(self._counts.memory, self._names), time.time())

    def by_endpoint(self) -> dict[str, EndpointCounts]:
        """Give it for each endpoint."""
        return total_of(self._counts.memory, self._names)
