"""The line of a card: what is drawn of the last hour."""

from __future__ import annotations

from typing import Any

import pytest

from runner.cockpit.sparkline import HEIGHT, WIDTH, lines_of


def point(requests: Any, errors: Any = 0, seconds: Any = 10.0) -> dict[str, Any]:
    return {"requests": requests, "errors": errors, "seconds": seconds}


def places(line: str) -> list[list[float]]:
    return [[*map(float, each.split(","))] for each in line.split()]


def test_the_highest_rate_is_at_the_top_and_nothing_at_the_bottom() -> None:
    """From the left edge to the right one; errors on the same scale."""
    lines = lines_of([point(0), point(100, 50), point(20, seconds=1.0)])
    assert places(lines["requests"]) == [
        [0, HEIGHT - 1],
        [WIDTH / 2, HEIGHT / 2],
        [WIDTH, 1],
    ]
    assert places(lines["errors"])[1][1] > places(lines["requests"])[1][1]


def test_a_whole_hour_has_few_places() -> None:
    """More could not be told apart."""
    assert len(places(lines_of([point(1)] * 360)["requests"])) == 60


@pytest.mark.parametrize(
    "points", [[], [point(1)], [point(0), point(0)], [{}, {}], [point("a"), point(None)]]
)
def test_without_traffic_nothing_is_drawn(points: list[dict[str, Any]]) -> None:
    """Neither of what has no numbers."""
    assert lines_of(points) == {}
