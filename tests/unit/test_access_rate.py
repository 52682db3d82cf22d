"""How often somebody may ask."""

from __future__ import annotations

import pytest

from runner.access.rate import Rate


class Clock:
    """Be a clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("per_second", "at_once"), [(50.0, 50), (0.5, 1), (1.0, 1)])
def test_a_second_may_be_asked_for_at_once_and_no_more(per_second: float, at_once: int) -> None:
    """Who waits as long as told may ask again, and not before."""
    clock = Clock()
    rate = Rate(per_second, clock)
    assert [rate.take() for _ in range(at_once)] == [0.0] * at_once
    wait = rate.take()
    assert wait == pytest.approx(1 / per_second)
    clock.now += wait * 0.9
    assert rate.take() > 0
    clock.now += wait * 0.11
    assert rate.take() == 0


def test_what_was_not_asked_for_is_not_kept() -> None:
    """An hour of silence gives a second's worth."""
    clock = Clock()
    rate = Rate(2, clock)
    clock.now = 3600.0
    assert [rate.take() > 0 for _ in range(3)] == [False, False, True]
