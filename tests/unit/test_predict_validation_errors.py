"""Every fault of a value is found, not just the first."""

from __future__ import annotations

import dataclasses
import enum
import typing
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from support.hinted_types import Flat, Place

from runner.predict.problem_error import InvalidField
from runner.predict.validation_errors import (
    MOST_INVALID_FIELDS,
    invalid_fields_in,
    problem_of_fields,
    unknown_fields_in,
    validation_problem,
)


class Colour(enum.Enum):
    """What an enum allows."""

    RED = "red"
    BLUE = "blue"


class Open(msgspec.Struct):
    """A Struct that lets unknown fields pass."""

    size: float


INTEGER = "expected an integer, got a string"
UNKNOWN = 'unknown field; expected "rooms", "tags"'


def found(value: Any, hint: Any) -> dict[str, str]:
    return {fault.field: fault.detail for fault in invalid_fields_in(value, hint, ())}


@pytest.mark.parametrize(
    ("value", "hint", "detail"),
    [
        ("1", float, "expected a number, got a string"),
        (True, float, "expected a number, got a boolean"),
        (None, int, "expected an integer, got null"),
        (1.5, int, "expected an integer, got a number"),
        ({}, list[int], "expected an array, got an object"),
        ([1], Flat, "expected an object, got an array"),
        (1.5, int | str, "expected an integer or a string, got a number"),
        ("c", Literal["a", "b"], 'expected one of "a", "b", got "c"'),
        ("green", Colour | None, 'expected one of "red", "blue", got "green"'),
        (-1, Annotated[float, msgspec.Meta(ge=0)], "expected a number >= 0.0, got -1"),
        ([1], tuple[int, int], "expected an array of length 2, got one of 1"),
        ("x", uuid.UUID, 'invalid UUID, got "x"'),
        (3, datetime, "expected a date and time (RFC 3339), got an integer"),
        (10**400, float, "expected a finite number"),
    ],
)
def test_a_fault_says_what_was_expected_and_what_was_there(
    value: Any, hint: Any, detail: str
) -> None:
    """In the words of JSON, not of Python."""
    assert found(value, hint) == {"": detail}


def test_every_fault_is_found_however_deep() -> None:
    """Missing, unknown and wrong ones at once, each with its pointer."""
    value = {"a": [{"rooms": 1}, {"rooms": "2", "tags": [1, "b", None], "x/y": 0}, {}]}
    assert found(value, dict[str, list[Flat]]) == {
        "/a/1/rooms": "expected an integer, got a string",
        "/a/1/tags/0": "expected a string, got an integer",
        "/a/1/tags/2": "expected a string, got null",
        "/a/1/x~1y": 'unknown field; expected "rooms", "tags"',
        "/a/2/rooms": "missing; expected an integer",
    }


@pytest.mark.parametrize(
    ("value", "hint", "faults"),
    [
        ([1, "x"], tuple[int, ...], {"/1": "expected an integer, got a string"}),
        (["x", {"rooms": "y"}], tuple[int, Flat], {"/0": INTEGER, "/1/rooms": INTEGER}),
        ([1, "x"], Sequence[int], {"/1": INTEGER}),
        ({"a": "x"}, Mapping[str, int], {"/a": INTEGER}),
        ({"a": 1}, dict[int, int], {"/a": 'expected an integer as a key, got "a"'}),
        (["x"], int | list[int], {"/0": INTEGER}),
        ({"rooms": "x"}, Flat | int, {"/rooms": INTEGER}),
        ([{"rooms": 1, "x": 1}], int | list[Flat | None], {"/0/x": UNKNOWN}),
    ],
)
def test_a_fault_is_told_where_it_stands(value: Any, hint: Any, faults: dict[str, str]) -> None:
    """In whatever holds it: a tuple, an abstract sequence, one type of several, a key."""
    assert found(value, hint) == faults


@pytest.mark.parametrize(
    "hint", [Flat | int, list[Flat | None], tuple[Flat, ...], Sequence[Flat], tuple[Flat, int]]
)
def test_no_unknown_field_passes_in_whatever_holds_it(hint: Any) -> None:
    """A misspelt field with a default would be ignored."""
    flat = {"rooms": 1, "tag": ["old"]}
    value = {Flat | int: flat, tuple[Flat, int]: [flat, 1]}.get(hint, [flat])
    assert len(list(unknown_fields_in(value, hint))) == 1


def test_what_is_right_has_no_fault() -> None:
    """The careful pass agrees with msgspec."""
    assert found({"city": "Rome"}, Place) == {}
    assert found(None, Flat | None) == {}
    assert found({"rooms": 1}, Flat) == {}


def test_dataclasses_and_typed_dicts_take_no_unknown_field() -> None:
    """Msgspec lets them pass; a Struct says by itself whether it does."""
    assert [fault.field for fault in unknown_fields_in({"city": "a", "x": 1}, Place)] == ["/x"]
    assert [fault.field for fault in unknown_fields_in([{"rooms": 1, "x": 1}], list[Flat])] == [
        "/0/x"
    ]
    assert not list(unknown_fields_in({"size": 1, "x": 1}, Open))


def test_a_type_is_looked_at_once_however_many_values_are_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To find its fields anew for each would take minutes of a body of a megabyte."""

    @dataclasses.dataclass
    class Room:
        size: int

    looks: list[Any] = []
    hints_of = typing.get_type_hints
    monkeypatch.setattr(
        typing,
        "get_type_hints",
        lambda *args, **more: looks.append(args) or hints_of(*args, **more),
    )
    assert not list(unknown_fields_in([{"size": 1}] * 1000, list[Room]))
    assert len(looks) == 1


def test_the_list_of_faults_is_bounded() -> None:
    """A large body does not make a larger answer."""
    assert len(validation_problem(["x"] * 1000, list[int], "").errors) == MOST_INVALID_FIELDS


def test_the_first_fault_is_the_detail() -> None:
    """Who reads no further than the detail knows what to do, and that there is more."""
    faults = [
        InvalidField(field="/a", detail="missing"),
        InvalidField(field="/b", detail="missing"),
    ]
    assert problem_of_fields(faults).detail == "/a: missing (and 1 more, see errors)"
    assert problem_of_fields(faults[:1]).detail == "/a: missing"
