"""1.0 is an integer, as JSON Schema has it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pytest
from support.prediction_apps import answered, app_of, faults_of, post

from runner.predict.problem_error import ProblemError
from runner.predict.schema import TypedSchema


@dataclasses.dataclass
class Room:
    """Be a structured hint."""

    size: int
    tags: list[int] | None = None


@pytest.mark.parametrize(
    ("hint", "body", "value"),
    [
        (int, b"1.0", 1),
        (int, b"1e2", 100),
        (int | None, b"-0.0", 0),
        (list[int], b"[1.0, 2]", [1, 2]),
        (dict[str, int], b'{"a": 3.0}', {"a": 3}),
        (tuple[int, float], b"[1.0, 2.0]", (1, 2.0)),
        (Sequence[int], b"[1.0]", [1]),
        (Mapping[str, int], b'{"a": 1.0}', {"a": 1}),
        (str | list[int], b"[1.0]", [1]),
        (Annotated[int, msgspec.Meta(ge=0)], b"9007199254740992.0", 2**53),
        (Literal[1, 2], b"2.0", 2),
        (int | str, b"1.0", 1),
        (list[int] | str, b"[1.0]", [1]),
        (Room, b'{"size": 2.0, "tags": [1.0]}', Room(2, [1])),
        (float, b"1.0", 1.0),
        (list[Annotated[int, {"unit": "m"}]], b"[1.0, 2]", [1, 2]),
    ],
)
def test_a_number_without_a_fraction_is_an_integer(hint: Any, body: bytes, value: Any) -> None:
    """Wherever the type says integer, also from a value that is no JSON text."""
    schema = TypedSchema(hint, lambda item: item)
    for found in (schema.decode(body), schema.convert(msgspec.json.decode(body))):
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    "number", ["1.5", "1e308", "1e400", "-1e400", "9007199254740994.0", "1e-9"]
)
def test_any_other_number_is_none(number: str) -> None:
    """Beyond 2^53 a double may have been another integer when it was sent."""
    schema = TypedSchema(list[int], lambda item: item)
    with pytest.raises(ProblemError) as caught:
        schema.decode(f"[1.0, {number}]".encode())
    assert [fault.field for fault in caught.value.errors] == ["/1"]


def test_it_holds_for_arguments() -> None:
    """Of functions, and of arrays of integers."""

    def total(n: int, xs: np.ndarray[Any, np.dtype[np.int64]]) -> int:
        return n + int(xs.sum())

    assert answered(total, {"n": 1.0, "xs": [[2.0, 3], [4, 5]]}) == 15
    assert faults_of(post(app_of(total), {"n": 1.5, "xs": [1]})) == {
        "/n": "expected an integer, got a number"
    }
