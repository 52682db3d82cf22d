"""Results become JSON, whatever gives them."""

from __future__ import annotations

import collections
import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest

from runner.predict.result_encoding import encode_json, one_result_per_row

DAYS = pd.date_range("2026-01-01", periods=2)


@dataclasses.dataclass
class Point:
    """A result with a field."""

    x: float


class Word(str):
    """A string of a class of its own."""

    __slots__ = ()


class Priced(pydantic.BaseModel):
    """A result with a name for others."""

    price: float = pydantic.Field(alias="Price")
    model_config = pydantic.ConfigDict(populate_by_name=True)


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
        (np.datetime64("2026-01-02"), b'"2026-01-02"'),
        (np.timedelta64(90, "m"), b'"PT5400S"'),
        (np.timedelta64(3, "M"), b'"3 months"'),
        (np.longdouble(1.5), b"1.5"),
        (Path("a/b"), b'"a/b"'),
        (collections.deque([1]), b"[1]"),
        (range(2), b"[0,1]"),
        ({"a": 1}.values(), b"[1]"),
        ({"a": 1}.keys(), b'["a"]'),
        (Word("a"), b'"a"'),
        ({True: 1, None: 2}, b'{"true":1,"null":2}'),
        (Priced(price=1), b'{"Price":1.0}'),
        (pydantic.AnyUrl("http://a.b"), b'"http://a.b/"'),
        (pydantic.SecretStr("secret"), b'"**********"'),
        (np.array(["2026-01-02", "NaT"], dtype="M8[D]"), b'["2026-01-02",null]'),
        (pd.Timestamp("2026-01-02", tz="UTC"), b'"2026-01-02T00:00:00+00:00"'),
        (pd.Timedelta(90, "s"), b'"P0DT0H1M30S"'),
        (pd.Period("2026-01"), b'"2026-01"'),
        (pd.NaT, b"null"),
        (pd.Series(pd.Categorical(["a", None])), b'["a",null]'),
        (pd.Series(DAYS), b'["2026-01-01T00:00:00","2026-01-02T00:00:00"]'),
        (pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}), b'[{"n":1},{"n":null}]'),
        ({np.int64(3): np.int64(4)}, b'{"3":4}'),
        ({DAYS[0]: {True: 1}}, b'{"2026-01-01T00:00:00":{"true":1}}'),
    ],
)
def test_a_result_becomes_json(value: Any, text: bytes) -> None:
    """Numbers are numbers; what JSON has not is null."""
    assert encode_json(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (pd.Series([1, 2], index=["a", "b"]), b'{"a":1,"b":2}'),
        (pd.Series([1, 2], index=["a", "a"]), b'[["a",1],["a",2]]'),
        (pd.Series([1, 2], index=[1, "1"]), b'[[1,1],["1",2]]'),
        (pd.Series([1, 2], index=[np.nan, 1.5]), b'{"null":1,"1.5":2}'),
        (pd.Series([1], index=[pd.NaT]), b'{"null":1}'),
        (pd.Series([1, 2], index=DAYS), b'{"2026-01-01T00:00:00":1,"2026-01-02T00:00:00":2}'),
        (pd.DataFrame({"n": [1]}, index=["a"]), b'[{"index":"a","n":1}]'),
        (pd.DataFrame({"n": [1]}, index=pd.Index(["a"], name="id")), b'[{"id":"a","n":1}]'),
        (pd.DataFrame({"id": [1]}, index=pd.Index(["a"], name="id")), b'[{"index_id":"a","id":1}]'),
        (pd.DataFrame({"n": [1, 2]}).iloc[1:], b'[{"index":1,"n":2}]'),
        (
            pd.DataFrame({"g": [1, 1], "n": [3, 5]}).groupby("g").agg({"n": ["min", "max"]}),
            b'[{"g":1,"n.min":3,"n.max":5}]',
        ),
    ],
)
def test_an_index_that_says_something_is_kept(value: Any, text: bytes) -> None:
    """As keys of an object, or as columns of a table."""
    assert encode_json(value) == text


def test_columns_of_one_name_are_an_error() -> None:
    """One of them would be lost."""
    with pytest.raises(ValueError, match="two columns of one name"):
        encode_json(pd.DataFrame([[1, 2]], columns=["a", "a"]))


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
        (pd.Series([1, 2], index=["a", "b"]), [1, 2]),
        ((np.array([1, 2]), [0.1, 0.2]), [[1, 0.1], [2, 0.2]]),
        ({"mean": np.array([1, 2]), "sd": [3, 4]}, [{"mean": 1, "sd": 3}, {"mean": 2, "sd": 4}]),
        (np.array(["2026-01-01", "2026-01-02"], dtype="M8[D]"), [*np.array(DAYS, dtype="M8[D]")]),
    ],
)
def test_a_batch_gives_one_result_for_each_row(given: Any, values: list[Any]) -> None:
    """Whatever it is returned in."""
    assert one_result_per_row(given, 2) == values


@pytest.mark.parametrize("given", [np.array([1]), [1, 2, 3], np.float64(1), (1, 2), "ab", {1, 2}])
def test_results_that_are_not_one_for_each_row_are_an_error(given: Any) -> None:
    """Else clients would get each other's answers."""
    with pytest.raises(ValueError, match="came back for 2 rows"):
        one_result_per_row(given, 2)
