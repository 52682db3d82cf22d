"""Results become JSON, whatever gives them."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest

from runner.predict.result_encoding import encode_json, one_result_per_row


@dataclasses.dataclass
class Point:
    """A result with a field."""

    x: float


class Model(pydantic.BaseModel):
    """A result that pydantic writes."""

    day: date


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.int64(3), b"3"),
        (np.float32(1.5), b"1.5"),
        (np.float64(0.1), b"0.1"),
        (np.bool_(True), b"true"),
        (np.str_("a"), b'"a"'),
        (np.array([[1, 2]]), b"[[1,2]]"),
        ({"a": np.array([0.5])}, b'{"a":[0.5]}'),
        (pd.Series([1, 2]), b"[1,2]"),
        (pd.DataFrame({"a": [1], "b": ["x"]}), b'[{"a":1,"b":"x"}]'),
        (pd.NA, b"null"),
        (Point(1.0), b'{"x":1.0}'),
        (Model(day=date(2026, 1, 2)), b'{"day":"2026-01-02"}'),
        (date(2026, 1, 2), b'"2026-01-02"'),
        ([float("nan"), np.float64("inf")], b"[null,null]"),
    ],
)
def test_a_result_becomes_json(value: Any, text: bytes) -> None:
    """Numbers are numbers; what JSON has not is null."""
    assert encode_json(value) == text


def test_what_json_cannot_say_is_an_error() -> None:
    """It names the type."""
    with pytest.raises(TypeError, match="object is nothing that JSON can say"):
        encode_json(object())


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (np.array([1, 2]), [1, 2]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (pd.DataFrame({"a": [1, 2]}), [{"a": 1}, {"a": 2}]),
        ((1, 2), [1, 2]),
    ],
)
def test_a_batch_gives_one_result_for_each_row(given: Any, values: list[Any]) -> None:
    """Whatever it is returned in."""
    assert one_result_per_row(given, 2) == values


@pytest.mark.parametrize("given", [np.array([1]), [1, 2, 3], np.float64(1)])
def test_results_that_are_not_one_for_each_row_are_an_error(given: Any) -> None:
    """Else clients would get each other's answers."""
    with pytest.raises(ValueError, match="came back for 2 rows"):
        one_result_per_row(given, 2)
