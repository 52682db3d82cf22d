"""Draw the last hour of traffic as a line that fits a card, and errors below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

WIDTH, HEIGHT = 240, 36
_MOST = 60


def lines_of(points: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Give two lines in SVG's form, ``x,y x,y``; none if there is nothing to be drawn.

    Args:
        points: Of a service's history, oldest first.
    """
    requests, errors = _rates(points, "requests"), _rates(points, "errors")
    highest = max(requests, default=0.0)
    if len(requests) < 2 or highest <= 0:
        return {}
    return {"requests": _line(requests, highest), "errors": _line(errors, highest)}


def _rates(points: Sequence[dict[str, Any]], name: str) -> list[float]:
    """Give so many a second, over spans of which there are not too many to be seen."""
    span = math.ceil(len(points) / _MOST) or 1
    parts = [points[start : start + span] for start in range(0, len(points), span)]
    return [_sum(part, name) / (_sum(part, "seconds") or 1.0) for part in parts]


def _sum(points: Sequence[dict[str, Any]], name: str) -> float:
    values = (point.get(name) for point in points)
    return sum(value for value in values if isinstance(value, int | float) and value > 0)


def _line(values: list[float], highest: float) -> str:
    step = WIDTH / (len(values) - 1)
    places = (
        (place * step, HEIGHT - 1 - min(value / highest, 1.0) * (HEIGHT - 2))
        for place, value in enumerate(values)
    )
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
