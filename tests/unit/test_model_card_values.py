"""A card holds what people say of their models, whatever it is made of."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from runner.model.card_values import card_value
from runner.model.features import features


class Kind(enum.StrEnum):
    """An enumeration of texts."""

    SMALL = "small"


class Settings:
    """What can be made a dictionary, and is no Series."""

    def __repr__(self) -> str:
        return "Settings()"

    def to_dict(self) -> dict[str, Any]:
        """Give the settings."""
        return {"a": 1}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (np.float64(0.5), 0.5),
        (np.float32("nan"), None),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1, np.nan], [np.inf, 2]]), [[1.0, None], [None, 2.0]]),
        (np.array(["a", None], object), ["a", None]),
        (np.array(5), 5),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (np.array([["2026-01-02", "NaT"]], "M8[D]"), [["2026-01-02", None]]),
        ({9, 10}, [10, 9]),  # by their texts, for sets of any kinds
        ({np.int64(3): {(1, 2): (1,)}, None: {2, 1}}, {"3": {"(1, 2)": [1]}, "None": [1, 2]}),
        (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
        (pd.Timedelta(days=1), "1 days 00:00:00"),
        (pd.Interval(0, 1), "(0, 1]"),
        (pd.Period("2026-01"), "2026-01"),
        ([pd.NaT, pd.NA, float("nan"), float("-inf")], [None] * 4),
        (pd.Series([1, None]), [1.0, None]),
        (pd.Series([0.5], index=["a"]), {"a": 0.5}),
        (pd.Series(pd.to_datetime(["2026-01-02", None])), ["2026-01-02", None]),
        (pd.DataFrame({"a": [1], 2: [None]}), {"a": [1], "2": [None]}),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {"a": [2]}),
        (Settings(), "Settings()"),
        (pd.Categorical(["a", None]), ["a", None]),
        (pd.Index(["a"]), ["a"]),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (decimal.Decimal("0.5"), 0.5),
        (Path("a"), "a"),
        (Kind.SMALL, "small"),
        (SVC(), "SVC()"),
        (10**20, 10**20),
        (np.float64, "numpy.float64"),
        (np.dtype("f8"), "dtype('float64')"),
        (json.dumps, "json.dumps"),
    ],
)
def test_a_fact_is_written_as_json(value: Any, written: Any) -> None:
    """What JSON does not have is null, or its text."""
    found = card_value({"fact": value})["fact"]
    assert found == written
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_parameters_that_are_estimators_are_their_text() -> None:
    """As those of a pipeline are."""
    assert card_value(make_pipeline(SVC()).get_params())["steps"] == [["svc", "SVC()"]]


def test_a_fact_that_holds_itself_ends() -> None:
    """It is cut."""
    endless: list[Any] = []
    endless.append(endless)
    json.dumps(card_value(endless))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area": [1.5, np.nan, np.inf],
            "rooms": pd.array([1, None, 3], dtype="Int64"),
            "city": ["a", None, "b"],
            "size": pd.Categorical(["s", "l", None]),
            "band": pd.cut([1, 2, 3], [0, 1.5, np.inf]),
            "built": pd.to_datetime(["2026-01-02", None, "2025-01-02"]),
            "new": [True, False, True],
            "none": [None, None, None],
        }
    )


def test_columns_of_all_kinds_are_described(frame: pd.DataFrame) -> None:
    """Ranges are those of numbers that JSON has; the others have their types."""
    found = features(frame)
    assert found["feature_names"] == list(frame.columns)
    assert found["feature_ranges"] == {"area": [1.5, 1.5], "rooms": [1.0, 3.0], "new": [0.0, 1.0]}
    assert found["feature_types"]["size"]["categories"] == ["l", "s"]
    assert found["feature_types"]["built"]["dtype"].startswith("datetime64")
    json.dumps(found, allow_nan=False)


def test_names_choose_the_columns_of_a_larger_table(frame: pd.DataFrame) -> None:
    """Those of others are refused."""
    assert features(frame, ["rooms", "area"])["feature_ranges"]["rooms"] == [1.0, 3.0]
    with pytest.raises(ValueError, match="feature_names has 2 names, and data has 8 columns"):
        features(frame, ["x", "y"])


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ([[1, 2], [3, np.nan]], {"0": [1.0, 3.0], "1": [2.0, 2.0]}),
        (np.array([["a", 1], ["b", 2]], object), {"1": [1.0, 2.0]}),
        (np.array([["a"], ["b"]]), {}),
        (sparse.csr_matrix([[0, 2], [1, 0]]), {"0": [0.0, 1.0], "1": [0.0, 2.0]}),
    ],
)
def test_rows_have_ranges_where_they_are_numbers(data: Any, found: Any) -> None:
    """Arrays, lists and sparse matrices."""
    assert features(data)["feature_ranges"] == found


@pytest.mark.parametrize("data", [["a text", "another"], pd.Series(["a text"]), np.arange(3)])
def test_what_has_no_columns_has_no_description(data: Any) -> None:
    """As the texts of a classifier of texts."""
    assert features(data) == {}
