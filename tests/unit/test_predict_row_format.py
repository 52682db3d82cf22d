"""What rows a model takes is told by an example, its own names, or its number of features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from runner.predict.row_format import input_converter_for, knows_its_features, row_format_of

FRAME = pd.DataFrame({"b": [1.0, 2.0], "a": [3.0, 5.0]})
NAMED = LinearRegression().fit(FRAME, [1.0, 2.0])
COUNTED = LinearRegression().fit(FRAME.to_numpy(), [1.0, 2.0])


def test_an_example_names_the_features_in_order() -> None:
    """For a model that knows no names."""
    rows = row_format_of(COUNTED, {"x": 1, "y": 2.5})
    assert rows.names == ("x", "y")
    assert rows.hints == (float, float)
    assert rows.example == {"x": 1, "y": 2.5}
    assert rows.example_or_zeros() == (1.0, 2.5)


def test_the_models_own_order_comes_before_the_examples() -> None:
    """An example in another order is no mistake."""
    assert row_format_of(NAMED, {"a": 1, "b": 2}).names == ("b", "a")


def test_a_model_may_say_it_all() -> None:
    """By its names, or by its number of features."""
    assert row_format_of(NAMED, None).names == ("b", "a")
    assert row_format_of(COUNTED, None).names == ()
    assert row_format_of(COUNTED, None).length == 2
    assert knows_its_features(NAMED)
    assert not knows_its_features(object())


@pytest.mark.parametrize(
    "example",
    [
        {"b": 1.0, "a": 3.0},
        FRAME.iloc[0],
        FRAME.iloc[[0]],
        {"b": np.float64(1), "a": np.float32(3)},
    ],
)
def test_an_example_may_come_as_pandas_or_numpy_have_it(example: Any) -> None:
    """It is JSON then."""
    assert row_format_of(NAMED, example).example == {"b": 1.0, "a": 3.0}


@pytest.mark.parametrize("example", [[1, 2], (1, 2), np.array([1.0, 2.0]), np.array([[1.0, 2.0]])])
def test_an_example_may_have_no_names(example: Any) -> None:
    """Then rows are arrays."""
    rows = row_format_of(COUNTED, example)
    assert rows.names == ()
    assert rows.example == [1, 2]


def test_what_an_example_is_decides_what_is_taken() -> None:
    """Strings for a string; numbers and null for a null."""
    rows = row_format_of(object(), {"a": "x", "b": None, "c": True, "d": float("nan")})
    assert rows.hints == (str, float | None, bool, float | None)
    assert rows.example["d"] is None
    assert not rows.is_numeric()


@pytest.mark.parametrize(
    ("model", "example", "said"),
    [
        (object(), None, "object does not say which features it takes: give an example"),
        (NAMED, {"a": 1}, r"the example lacks \['b'\]; LinearRegression was fitted with"),
        (NAMED, {"a": 1, "b": 1, "c": 1}, r"the example has \['c'\]; LinearRegression"),
        (COUNTED, {"a": 1}, "the example has 1 features; LinearRegression was fitted with 2"),
        (COUNTED, {"a": 1, "b": [1]}, "a feature is a number or a string"),
        (COUNTED, 3, "give one row"),
        (COUNTED, {}, "give one row"),
    ],
)
def test_an_example_that_cannot_be_is_told_at_once(model: Any, example: Any, said: str) -> None:
    """Not by the first request."""
    with pytest.raises(TypeError, match=said):
        row_format_of(model, example)


def test_an_array_is_given_where_it_will_do() -> None:
    """A DataFrame for each call would cost more than the prediction."""
    grid = input_converter_for(row_format_of(NAMED, None), NAMED)
    assert isinstance(grid([(1.0, 2.0)]), np.ndarray)
    assert grid([(1.0, None)]).dtype == float


def test_a_frame_is_given_where_an_array_is_answered_otherwise() -> None:
    """The model is right, not the faster way to it."""

    class Choosy:
        """Answers by its column where there is one."""

        feature_names_in_ = np.array(["b", "a"])

        def predict(self, rows: Any) -> Any:
            """Tell how it was asked."""
            return np.array([isinstance(rows, pd.DataFrame)] * len(rows))

    given = input_converter_for(row_format_of(Choosy(), None), Choosy())([(1.0, 2.0)])
    assert [*given.columns] == ["b", "a"]
