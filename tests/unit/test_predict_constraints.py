"""Constraints in pydantic's words hold as those of msgspec do."""

from __future__ import annotations

import dataclasses
import re
import sys
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import annotated_types
import msgspec
import pydantic
import pytest
from pydantic import AfterValidator, Field
from support.prediction_apps import answered, app_of, faults_of, post

from runner.predict.constraints import with_constraints
from runner.predict.endpoint_factory import endpoints_of
from runner.predict.targets import EndpointOptions


def function_of(hint: Any) -> Any:
    """A function of one parameter."""

    def echo(value):  # type: ignore[no-untyped-def] # its hint is given below
        return value

    echo.__annotations__ = {"value": hint}
    return echo


@dataclasses.dataclass
class Flat:
    """Has a field of pydantic's."""

    rooms: Annotated[int, Field(ge=1)]


class Cat(pydantic.BaseModel):
    """One of two."""

    kind: Literal["cat"]


class Dog(pydantic.BaseModel):
    """The other."""

    kind: Literal["dog"]
    age: int


Animal = Annotated[Cat | Dog, Field(discriminator="kind")]


def even(value: int) -> int:
    """Refuse what is odd."""
    if value % 2:
        raise ValueError("odd")
    return value


@pytest.mark.parametrize(
    ("hint", "right", "wrong", "field"),
    [
        (Annotated[float, Field(gt=0, le=5)], 5, 0, "/value"),
        (Annotated[int, Field(multiple_of=3)], 6, 7, "/value"),
        (Annotated[str, Field(min_length=2, pattern="^a")], "ab", "b", "/value"),
        (Annotated[int | None, Field(ge=0)], None, -1, "/value"),
        (Annotated[int, annotated_types.Gt(0)], 1, 0, "/value"),
        (Annotated[int, annotated_types.Interval(ge=0, lt=3)], 2, 3, "/value"),
        (list[Annotated[int, Field(ge=0)]], [1], [1, -1], "/value/1"),
        (Annotated[list[int], Field(max_length=1)], [1], [1, 2], "/value"),
        (dict[str, Annotated[float, Field(lt=1)]], {"a": 0}, {"a": 1}, "/value/a"),
        (Annotated[int, Field(ge=0)] | None, 0, -1, "/value"),
        (Annotated[int, AfterValidator(even)], 2, 3, "/value"),
        (Annotated[int, annotated_types.Predicate(lambda value: value > 0)], 1, 0, "/value"),
        (Annotated[str, annotated_types.Len(1, 2)], "a", "abc", "/value"),
        (Annotated[date, Field(gt=date(2020, 1, 1))], "2021-01-01", "2019-01-01", "/value"),
        (Annotated[Decimal, Field(gt=0)], "1.5", "-1", "/value"),
        (Annotated[str, Field(pattern=re.compile("^x"))], "xy", "y", "/value"),
        (pydantic.constr(max_length=2), "ab", "abc", "/value"),
        (pydantic.StrictInt, 1, "1", "/value"),
        (pydantic.NaiveDatetime, "2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "/value"),
        (Flat | None, {"rooms": 1}, {"rooms": 0}, "/value/rooms"),
        (Animal, {"kind": "dog", "age": 1}, {"kind": "dog", "age": "x"}, "/value/age"),
    ],
)
def test_a_constraint_is_checked(hint: Any, right: Any, wrong: Any, field: str) -> None:
    """Wherever in a hint it stands."""
    app = app_of(function_of(hint))
    assert post(app, {"value": right}).json() == right
    assert [*faults_of(post(app, {"value": wrong}))] == [field]


def test_a_dataclass_of_pydantics_fields_takes_the_body() -> None:
    """And knows its fields, as another does."""
    app = app_of(function_of(Flat))
    assert post(app, {"rooms": 2}).json() == {"rooms": 2}
    assert "/rooms" in faults_of(post(app, {"rooms": 0}))
    assert "/storey" in faults_of(post(app, {"rooms": 1, "storey": 1}))


def test_constraints_are_described() -> None:
    """In the JSON schema, with title, description and examples."""
    hint = Annotated[float, Field(gt=0, description="In square metres", examples=[50])]
    (endpoint,) = endpoints_of(function_of(hint), "", EndpointOptions())
    described = endpoint.schema.describe()["properties"]["value"]
    assert described == {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "In square metres",
        "examples": [50],
    }


def test_what_is_not_of_these_is_left_alone() -> None:
    """Any object may annotate a hint."""
    for hint in (int, Annotated[int, "metres"], Annotated[int, msgspec.Meta(gt=0)], list[int]):
        assert with_constraints(hint) == hint


def test_a_constraint_that_cannot_hold_is_told_at_once() -> None:
    """A number has no length."""
    with pytest.raises(TypeError, match="cannot be served"):
        app_of(function_of(Annotated[int, Field(min_length=1)]))


def test_a_field_as_default_is_told_at_once() -> None:
    """With what to write."""

    def area(side: float = pydantic.Field(gt=0)) -> float:
        return side

    with pytest.raises(TypeError, match=r"write side: Annotated\[float, Field\(…\)\]"):
        app_of(area)


def test_an_alias_within_a_field_is_told_at_once() -> None:
    """No call would see it."""
    with pytest.raises(TypeError, match="'value' has an alias within its Field"):
        app_of(function_of(Annotated[float, Field(alias="price")]))


def test_pydantic_need_not_be_used_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """It imports its parts when they are asked for, so a bare import of it has no Field."""
    monkeypatch.delitem(sys.modules, "pydantic.fields")
    assert answered(function_of(Annotated[int, annotated_types.Gt(0)]), {"value": 1}) == 1


def test_a_strict_model_reads_what_json_has() -> None:
    """A date is a string there, and a tuple an array, which pydantic knows of JSON only."""

    class Visit(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(strict=True)
        day: date
        place: tuple[int, int]

    value = {"day": "2026-01-01", "place": [1, 2]}
    assert answered(function_of(Visit), value) == value


@pytest.mark.parametrize("field", [Field(2.0, gt=0), Field(default_factory=float), Field(None)])
def test_a_default_within_a_field_is_told_at_once(field: Any) -> None:
    """The function would not see it."""
    with pytest.raises(TypeError, match=r"value: Annotated\[…, Field\(…\)\] = …"):
        app_of(function_of(Annotated[float, field]))


def test_a_default_stands_behind_the_constraint() -> None:
    """As ever."""

    def area(side: Annotated[float, Field(gt=0)] = 2) -> float:
        return side * side

    assert answered(area, {}) == 4
