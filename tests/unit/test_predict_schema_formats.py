"""A schema says what is taken: what it allows is answered, what it forbids is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional

import jsonschema
import numpy as np
import pydantic
import pytest
from numpy.typing import NDArray
from pydantic import Field
from support.hinted_types import Box, Flat, Place, Tree

from runner.predict.endpoint_factory import endpoints_of
from runner.predict.endpoints import Endpoint
from runner.predict.made_examples import example_for
from runner.predict.problem_error import ProblemError
from runner.predict.schema import json_schema_of
from runner.predict.targets import EndpointOptions

MOMENT = {"type": "string", "format": "date-time"}


@dataclasses.dataclass
class Visit:
    """Has what msgspec leaves out in all places."""

    at: datetime
    prices: list[Decimal | None]
    rooms: dict[int, time]
    before: Optional["Visit"] = None  # noqa: UP037, UP045 - as authors write it


@pydantic.dataclasses.dataclass
class Checked:
    """A dataclass of pydantic's."""

    rooms: Annotated[int, Field(gt=0)]


def endpoint_of(hint: Any) -> Endpoint:
    def echo(x):  # type: ignore[no-untyped-def] # its hint is given below
        return x

    echo.__annotations__ = {"x": hint, "return": hint}
    (endpoint,) = endpoints_of(echo, "", EndpointOptions())
    return endpoint


def is_allowed(value: Any, schema: Any) -> bool:
    """By others' reader of schemas, with its own idea of formats."""
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(schema, format_checker=checker).is_valid(value)


def is_taken(endpoint: Endpoint, value: Any) -> bool:
    try:
        endpoint.schema.convert(value)
    except ProblemError:
        return False
    return True


def test_what_msgspec_leaves_out_is_said_wherever_it_stands() -> None:
    """In fields, items, values, among several types, and in a class that refers to itself."""
    found = json_schema_of(list[Visit])["$defs"]["Visit"]["properties"]
    assert found["at"] == MOMENT
    number, text, nothing = found["prices"]["items"]["anyOf"][0]["anyOf"] + [{"type": "null"}]
    assert (number, text, nothing in found["prices"]["items"]["anyOf"]) == (
        {"type": "number"}, {"type": "string", "format": "decimal"}, True,
    )  # fmt: skip
    assert found["rooms"]["propertyNames"] == {"pattern": "^-?[0-9]+$"}
    assert found["rooms"]["additionalProperties"] == {"type": "string", "format": "time"}


HINTS = [
    *(int, float, str, bool, int | None, int | str, int | list[int], Flat | int, Flat, Place),
    *(Box[int], Tree, Checked, list[Flat], dict[str, float], dict[int, float], set[int]),
    *(tuple[int, str], tuple[int, ...], Sequence[int], Mapping[str, int], Literal["a", 1], date),
    *(NDArray[np.float64], NDArray[np.int64], pydantic.PositiveInt, pydantic.RootModel[list[int]]),
    Annotated[int, Field(ge=0, le=3)],
    Annotated[str, Field(pattern="^a+$", max_length=3)],
    Annotated[dict[str, int], Field(min_length=2)],
    Annotated[int | None, Field(gt=1)],
]
VALUES = [
    *(None, 0, 1, -1, 1.5, 1.0, "a", "aa", "1", "", True, [], [1], ["a"], [1, "a"], [1.5], {}),
    *({"rooms": 1}, {"rooms": 0}, {"rooms": "x"}, {"rooms": 1, "more": 1}, {"city": "Rome"}),
    *(
        {"value": 1},
        {"name": "a"},
        {"1": 2},
        {"a": 1},
        {"a": 1, "b": 2},
        [{"rooms": 1}],
        [[1], [2]],
    ),
    "2026-01-01",
]


@pytest.mark.parametrize("hint", HINTS, ids=str)
def test_a_schema_allows_what_is_taken_and_nothing_else(hint: Any) -> None:
    """So a client that is made of openapi.json sends what is answered."""
    endpoint = endpoint_of(hint)
    schema = endpoint.schema.describe()
    is_named = "x" in schema.get("properties", {})
    values = [{"x": value} for value in VALUES] if is_named else VALUES
    unlike = [each for each in values if is_allowed(each, schema) != is_taken(endpoint, each)]
    assert unlike == []


@pytest.mark.parametrize(
    "hint", [*HINTS, datetime, time, Decimal, Visit, pydantic.HttpUrl, pydantic.UUID4], ids=str
)
def test_each_has_an_example(hint: Any) -> None:
    """Which is what readiness stands on."""
    endpoint = endpoint_of(hint)
    example = example_for(endpoint)
    assert example is not None
    assert is_taken(endpoint, example)


def test_an_example_of_a_date_has_a_zone_only_where_it_may() -> None:
    """One type of pydantic's wants it, and another does not."""
    for hint in (pydantic.NaiveDatetime, pydantic.AwareDatetime):
        assert example_for(endpoint_of(hint)) is not None
