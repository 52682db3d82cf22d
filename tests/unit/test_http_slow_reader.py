"""Who does not take an answer is cut off, and who takes it slowly only where there is no room."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest

from runner.config import Limits
from runner.http.buffers import ByteCount
from runner.http.slow_reader import SlowReader


class Loop:
    """Have a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> Any:
        entry = (self.now + seconds, call)
        self.calls.append(entry)
        return types.SimpleNamespace(
            cancel=lambda: entry in self.calls and self.calls.remove(entry)
        )

    def next(self) -> None:
        """Go to the time of the next call, and make it."""
        entry = min(self.calls)
        self.calls.remove(entry)
        self.now = entry[0]
        entry[1]()


class Link:
    """Be a client that takes so many bytes a second."""

    def __init__(self, size: int, rate: float) -> None:
        self.limits, self.loop, self.transport = Limits(write_timeout=30), Loop(), self
        self.size, self.rate, self.is_aborted = size, rate, False

    def get_write_buffer_size(self) -> int:
        return max(0, self.size - int(self.rate * self.loop.now))

    def get_extra_info(self, name: str) -> None:
        return None

    def abort(self) -> None:
        self.is_aborted = True


def cut_after(rate: float, *, others: int = 0) -> float | None:
    """Seconds until a client that takes an answer of 10 MB at a rate is cut off; None if never."""
    link: Any = Link(10_000_000, rate)
    unsent = ByteCount(20_000_000)
    unsent.add(others)
    watch = SlowReader(link, unsent)
    assert unsent.held == others + 10_000_000
    while not link.is_aborted and link.get_write_buffer_size():
        link.loop.next()
    watch.end()
    assert unsent.held == others
    assert not link.loop.calls
    return float(link.loop.now) if link.is_aborted else None


@pytest.mark.parametrize(("rate", "seconds"), [(0, 30), (100, 30), (200, None), (1e6, None)])
def test_who_takes_next_to_nothing_is_cut_off(rate: float, seconds: float | None) -> None:
    """After the write timeout; 4 KB within it are progress."""
    assert cut_after(rate) == seconds


@pytest.mark.parametrize(("rate", "seconds"), [(0, 5), (60_000, 5), (70_000, None)])
def test_at_the_bound_a_client_has_to_read(rate: float, seconds: float | None) -> None:
    """64 KB a second, lest a few that take single bytes fill the memory."""
    assert cut_after(rate, others=15_000_000) == seconds
