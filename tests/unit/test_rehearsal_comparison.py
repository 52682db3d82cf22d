"""Two answers, compared by what they mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.rehearsal.comparison import Difference, Tolerance, differences


def fields(expected: Any, now: Any, **tolerance: Any) -> list[str]:
    """The fields in which an answer differs from a JSON value."""
    given = Tolerance(is_given=True, **tolerance) if tolerance else Tolerance()
    return [found.field for found in differences(expected, json.dumps(now).encode(), given)]


def test_json_is_compared_by_value() -> None:
    """Neither the order of fields nor blanks nor how a number is written tells anything."""
    assert list(differences('{"a": 1.0, "b": [true]}', b'{"b":[true],"a":1}')) == []
    assert list(differences(b"[1,2]", b"[1, 2]")) == []
    assert fields({"n": float("nan")}, {"n": float("nan")}) == []
    assert fields("setosa", "setosa") == []


def test_each_field_that_differs_is_pointed_at_in_the_order_of_before() -> None:
    """By a JSON pointer, with both values; what is on one side alone too."""
    before = {"label": "a", "p": [0.1, 0.9], "a/b": 1, "gone": None}
    now = b'{"p": [0.2, 0.9], "label": "b", "a/b": 2, "new": true}'
    assert list(differences(before, now)) == [
        Difference("/label", '"a"', '"b"'),
        Difference("/p/0", "0.1", "0.2"),
        Difference("/a~1b", "1", "2"),
        Difference("/gone", "null", "(missing)"),
        Difference("/new", "(missing)", "true"),
    ]


@pytest.mark.parametrize(
    ("before", "now"), [(1, True), (["1"], [1]), (None, 0), ([1], [1, 2]), (0, [])]
)
def test_another_kind_of_value_differs(before: Any, now: Any) -> None:
    """Also where Python calls them equal."""
    assert len(fields(before, now)) == 1


def test_numbers_may_differ_by_a_rounding_error_and_whole_ones_not_at_all() -> None:
    """A label is exact, however large it is."""
    assert fields(0.1 + 0.2, 0.3) == []
    assert fields(0.3, 0.3001) == [""]
    assert fields(10**12, 10**12 + 1) == [""]
    assert fields(10**400, 10**400 + 1) == [""]


def test_a_tolerance_that_was_given_holds_for_all_numbers() -> None:
    """By its absolute or its relative part."""
    assert fields([100, 0.5], [101, 0.52], absolute=1.0, relative=0.0) == []
    assert fields([100, 0.5], [101, 0.52], relative=0.02, absolute=0.0) == ["/1"]


def test_what_is_no_json_is_compared_as_it_is() -> None:
    """And where both look the same at first, the place is told."""
    assert list(differences("well", b"well")) == []
    assert list(differences("well", b"ill")) == [Difference("", "well", "ill")]
    (found,) = differences(b"x" * 999 + b"a", b"x" * 999 + b"b")
    assert "from byte 999" in found.before
    assert found.before != found.now


def test_what_is_nested_without_end_ends_nothing() -> None:
    """Neither what the parser takes nor what it refuses."""
    deep = "[" * 900 + "]" * 900
    assert list(differences(deep, deep.replace("[]", "[1]").encode())) != []
    assert len([*differences("[" * 100_000, b"[" * 99_999)]) == 1
