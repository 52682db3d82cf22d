"""What a sweep says, also of a hundred thousand points."""

from __future__ import annotations

from pathlib import Path

from runner.sweep.outcomes import PENDING, Outcome
from runner.sweep.points import Point
from runner.sweep.summary import dry_run_text


class Uncompared(Point):
    """Be a point that is looked up, not compared with all others."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("each with each would take minutes")

    __hash__ = None  # type: ignore[assignment]


def test_a_list_of_many_points_compares_none_with_all_others() -> None:
    """Names tell them apart."""
    points = [
        Uncompared(name=name, chosen={}, values={}, record=Path(name), identity="1")
        for name in ("k=1", "k=2", "k=3")
    ]
    outcomes = {point.name: Outcome(status=PENDING) for point in points}
    said = dry_run_text(points, outcomes, points[1:])
    assert [line.split()[:2] for line in said.splitlines()[:3]] == [
        ["keep", "k=1"],
        ["run", "k=2"],
        ["run", "k=3"],
    ]
