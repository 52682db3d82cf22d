"""Count what all workers of a run answer.

A worker adds to plain numbers of its own, and copies them to its slot of a memory that all
workers share: a few times a second while anything changes, at a scrape, and at its end. So a
request costs a few additions, an idle worker nothing, and any worker can tell the sum. A
worker that takes a dead one's place goes on from its numbers.
"""

from __future__ import annotations

import array
import asyncio
import collections
import contextlib
import dataclasses
import enum
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path

from runner.telemetry.statuses import is_failure
from runner.traffic.shared_counts import SharedCounts

# 1 to 5: any other of that class.
STATUSES = (1, 2, 3, 4, 5, 200, 400, 404, 405, 406, 413, 415, 422, 500, 501, 503, 504, 505)
LATENCIES = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_PUBLISH_AFTER = 0.25

# Where the numbers of an endpoint stand, from the first of them.
_STATUS = {status: place for place, status in enumerate(STATUSES)}
_LATENCY = len(STATUSES)
_SECONDS = _LATENCY + len(LATENCIES) + 1
_SIZE = _SECONDS + 1
_ROWS = _SIZE + len(SIZES) + 1
_CALL_SECONDS = _ROWS + 1
_GONE = _CALL_SECONDS + 1
_IN_FLIGHT = _GONE + 1
_WAITING = _IN_FLIGHT + 1
_UNRECORDED = _WAITING + 1
WIDTH = _UNRECORDED + 1


class ErrorKind(enum.StrEnum):
    """Sort the requests that got no prediction."""

    INVALID = "invalid"
    FAILED = "failed"
    BUSY = "busy"
    LATE = "late"
    GONE = "gone"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EndpointCounts:
    """Hold what was counted for one endpoint.

    Attributes:
        answered: How many requests by status; under 1 to 5 those of any rare one of that class.
        latencies: How many requests up to each of ``LATENCIES`` and beyond the one before, and
            last how many beyond them all.
        seconds: How long all requests took together.
        sizes: How many calls by their number of rows, in the way of ``latencies``, by ``SIZES``.
        rows: How many rows all calls had together.
        call_seconds: Seconds that all calls took together.
        gone: How many requests lost their client before the answer.
        in_flight: How many requests are begun and not answered.
        waiting: How many of them wait for a call.
        unrecorded: How many the request log should have, and has not; of all endpoints together.
    """

    answered: dict[int, int]
    latencies: tuple[int, ...]
    seconds: float
    sizes: tuple[int, ...]
    rows: int
    call_seconds: float
    gone: int
    in_flight: int
    waiting: int
    unrecorded: int

    @property
    def errors(self) -> dict[ErrorKind, int]:
        """Sort what was not answered well."""
        errors = dict.fromkeys(ErrorKind, 0)
        errors[ErrorKind.GONE] = self.gone
        for status, count in self.answered.items():
            if _class_of(status) >= 4:
                errors[_error_kind_of(status)] += count
        return errors

    @property
    def failed(self) -> int:
        """Give how many requests the service has failed at."""
        errors = self.errors
        return errors[ErrorKind.FAILED] + errors[ErrorKind.BUSY] + errors[ErrorKind.LATE]


class EndpointCounter:
    """Count for one endpoint in one worker.

    Attributes:
        in_flight: How many requests are begun, and not known to be answered.
        well_answered: The seconds of each answer of status 200 that was not told by
            ``request_answered``, since the model was called for it; counted when they are
            published.
    """

    __slots__ = ("_counters", "_values", "in_flight", "well_answered")

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._values = [0.0] * WIDTH
        self.well_answered: list[float] = []  # no more than are between two publications
        self.in_flight = 0

    def values(self) -> list[float]:
        """Give the numbers, in the order of their places."""
        values, seconds = self._values, self.well_answered
        if seconds:
            seconds.sort()
            ends = [0, *(bisect_right(seconds, latency) for latency in LATENCIES), len(seconds)]
            for place, (start, end) in enumerate(pairwise(ends), _LATENCY):
                values[place] += end - start
            values[_STATUS[200]] += len(seconds)
            values[_SECONDS] += math.fsum(seconds)
            self.in_flight -= len(seconds)
            seconds.clear()
        values[_IN_FLIGHT] = self.in_flight
        return values

    def go_on_from(self, values: list[float]) -> None:
        """Take the numbers of a worker that is there no more, but for what it had in hand."""
        self.well_answered.clear()
        self._values, self.in_flight = values, 0
        values[_WAITING] = 0

    def request_started(self) -> None:
        """Count a request that has come."""
        self.in_flight += 1
        if not self._counters.is_dirty:
            self._counters.publish_soon()

    def request_answered(self, status: int, seconds: float) -> None:
        """Count a request's answer, after ``request_started``."""
        values = self._values
        values[_STATUS.get(status) or _STATUS[_class_of(status)]] += 1
        values[_LATENCY + bisect_left(LATENCIES, seconds)] += 1
        values[_SECONDS] += seconds
        self.in_flight -= 1
        if not self._counters.is_dirty:
            self._counters.publish_soon()

    def request_abandoned(self) -> None:
        """Count a request whose client has gone, in place of ``request_answered``."""
        self._values[_GONE] += 1
        self.in_flight -= 1
        if not self._counters.is_dirty:
            self._counters.publish_soon()

    def requests_unrecorded(self, count: int) -> None:
        """Count requests that the request log could not take."""
        self._values[_UNRECORDED] += count
        if not self._counters.is_dirty:
            self._counters.publish_soon()

    def model_called(self, size: int, seconds: float) -> None:
        """Count a call of the model."""
        values = self._values
        values[_SIZE + bisect_left(SIZES, size)] += 1
        values[_ROWS] += size
        values[_CALL_SECONDS] += seconds
        if not self._counters.is_dirty:
            self._counters.publish_soon()

    def set_waiting(self, count: int) -> None:
        """Note how many requests wait for a call."""
        self._values[_WAITING] = count
        if not self._counters.is_dirty:
            self._counters.publish_soon()


class Counters:
    """Count in one worker, and sum over all.

    To be made before the workers are forked; each then takes its slot.

    Args:
        names: The endpoints; the empty name, for requests of no endpoint, is added.
        slots: How many workers there may be at a time.

    Attributes:
        is_dirty: Something has changed that is not published, and will be.
    """

    def __init__(self, names: Sequence[str], slots: int) -> None:
        self._counters = {name: EndpointCounter(self) for name in ("", *names)}
        self._width = len(self._counters) * WIDTH
        self._slots = slots
        self._shared = SharedCounts(slots * self._width * 8)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_dirty = False
        self.take_slot(0)

    def __getitem__(self, name: str) -> EndpointCounter:
        """Give who counts for an endpoint."""
        return self._counters[name]

    def take_slot(self, slot: int) -> None:
        """Go on from the numbers of the worker that had this slot before."""
        self._first = slot * self._width
        left = self._slot(slot)
        for place, counter in enumerate(self._counters.values()):
            counter.go_on_from(left[place * WIDTH : (place + 1) * WIDTH])
        self.publish()

    @contextlib.contextmanager
    def restored(self) -> Iterator[None]:
        """Forget, at the end, what this worker has counted meanwhile."""
        kept = [counter.values()[:] for counter in self._counters.values()]
        yield
        for counter, values in zip(self._counters.values(), kept, strict=True):
            counter.go_on_from(values)
        self.publish()

    def publish_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Publish by a worker's loop from now on, whenever something has changed."""
        self._loop = loop
        self.is_dirty = False

    def take(self, answered: collections.deque[tuple[int, float]], in_flight: int) -> None:
        """Count for an app that does not do so itself, and publish it if anything has changed.

        Args:
            answered: Statuses, 0 of a client that has gone, and seconds; emptied. Threads may add
                to it meanwhile.
            in_flight: How many requests are begun and not answered.
        """
        counter = self[""]
        if not answered and counter.in_flight == in_flight:
            return
        while answered:
            status, seconds = answered.popleft()
            if status:
                counter.request_answered(status, seconds)
            else:
                counter.request_abandoned()
        counter.in_flight = in_flight
        self.publish()

    # -- showing

    def publish(self) -> None:
        """Show this worker's numbers to the others."""
        self.is_dirty = False
        values = chain.from_iterable(counter.values() for counter in self._counters.values())
        numbers = memoryview(array.array("d", values))
        self._shared.memory[self._first : self._first + self._width] = numbers

    def publish_soon(self) -> None:
        """Publish within a moment, if there is a loop to do it."""
        if self._loop is not None:
            self.is_dirty = True
            self._loop.call_later(_PUBLISH_AFTER, self.publish)

    def total(self) -> dict[str, EndpointCounts]:
        """Sum the numbers of all workers, by endpoint; another's may be a moment old."""
        self.publish()
        return total_of(self._shared.memory, [*self._counters])

    def show_to_others(self, folder: Path, run: str) -> None:
        """Let all processes of ours that know a run read what is counted for it.

        Raises:
            OSError: They cannot be told.
        """
        self._shared.tell(folder, run, {"names": [*self._counters], "width": WIDTH})

    def _slot(self, slot: int) -> list[float]:
        return list[float](self._shared.memory[slot * self._width : (slot + 1) * self._width])


def total_of(memory: Sequence[float], names: Sequence[str]) -> dict[str, EndpointCounts]:
    """Sum the numbers of all workers, by endpoint.

    Args:
        memory: What they share.
        names: The endpoints, as they stand there for each worker.
    """
    width = len(names) * WIDTH
    slots = [memory[first : first + width] for first in range(0, len(memory), width)]
    sums = [sum(column) for column in zip(*slots, strict=True)]
    return {
        name: _counts_of(sums[place * WIDTH : (place + 1) * WIDTH])
        for place, name in enumerate(names)
    }


def _class_of(status: int) -> int:
    """Give a status' class, which is itself one of ours: 4 of 404 and 4; without any, 5."""
    found = status if status < 10 else status // 100
    return found if 1 <= found <= 5 else 5


def _counts_of(values: list[float]) -> EndpointCounts:
    whole = [int(value) for value in values]
    return EndpointCounts(
        answered=dict(zip(STATUSES, whole[:_LATENCY], strict=True)),
        latencies=tuple(whole[_LATENCY:_SECONDS]),
        seconds=values[_SECONDS],
        sizes=tuple(whole[_SIZE:_ROWS]),
        rows=whole[_ROWS],
        call_seconds=values[_CALL_SECONDS],
        gone=whole[_GONE],
        in_flight=whole[_IN_FLIGHT],
        waiting=whole[_WAITING],
        unrecorded=whole[_UNRECORDED],
    )


def _error_kind_of(status: int) -> ErrorKind:
    if status == 503:
        return ErrorKind.BUSY
    if status == 504:
        return ErrorKind.LATE
    is_ours = is_failure(status if status >= 100 else status * 100)
    return ErrorKind.FAILED if is_ours else ErrorKind.INVALID
