"""Figures in few letters."""

from __future__ import annotations

import pytest

from runner.traffic.traffic_text import milliseconds, rate, size, sparkline


@pytest.mark.parametrize(
    ("values", "drawn"),
    [([], ""), ([0, 0], "  "), ([1], "█"), ([0, 1, 1_000_000], " ▁█"), ([1, 2, 4, 8], "▂▃▅█")],
)
def test_whatever_is_more_than_nothing_is_seen(values: list[float], drawn: str) -> None:
    """And nothing is a gap."""
    assert sparkline(values) == drawn


def test_many_values_are_summed_from_the_newest_on() -> None:
    """The last letter is as long a time as those before."""
    assert sparkline([9, 1, 1, 2, 2], width=3) == "█▂▄"
    assert len(sparkline([1] * 361)) <= 60


def test_figures_have_their_units() -> None:
    """Three digits at most that say something."""
    assert [rate(value) for value in (0, 0.25, 12.3, 4567.8)] == [
        "0/s",
        "0.25/s",
        "12/s",
        "4,568/s",
    ]
    assert [milliseconds(value) for value in (None, 0.00019, 0.0042, 0.25, 1.5)] == [
        "",
        "0.19 ms",
        "4.2 ms",
        "250 ms",
        "1,500 ms",
    ]
    sizes = ["", "0 B", "999 B", "1.5 MB", "210 MB"]
    assert [size(value) for value in (None, 0, 999, 1.5e6, 2.1e8)] == sizes
