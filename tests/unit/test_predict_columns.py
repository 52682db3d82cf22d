"""A model gets its rows with the dtypes of its training data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from support.prediction_apps import answered, app_of, faults_of, post, send

from runner import load_model, save_model

DATA = pd.DataFrame(
    {
        "zone": pd.Categorical([20, 10, 30], categories=[20, 10, 30]),
        "count": [1, 2, 3],
        "city": ["Rome", None, "Oslo"],
        "price": [1.5, np.nan, 2.0],
        "day": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]).astype("M8[ns]"),
        "at": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]).tz_localize("UTC"),
        "half": np.array([1, 2, 3], dtype="float32"),
        "level": pd.Categorical([0.5, 1.5, 0.5]),
        "sure": pd.Categorical([True, False, True]),
        "seen": pd.Series([True, None, False], dtype=object),
        "mixed": pd.Series([1, "a", None], dtype=object),
        "wait": pd.to_timedelta([1, 2, 3], unit="h"),
        "arrow": pd.Series([1, 2, 3], dtype="Int16"),
        "flag": [True, False, True],
        "small": np.array([1, 2, 3], dtype="uint8"),
    }
)
ROW = {
    "zone": 10,
    "count": 2,
    "city": "Rome",
    "price": 1.5,
    "day": "2026-01-01T00:00:00",
    "at": "2026-01-01T00:00:00Z",
    "half": 1.5,
    "level": 1.5,
    "sure": False,
    "seen": True,
    "mixed": "a",
    "wait": "PT1H",
    "arrow": 3,
    "flag": True,
    "small": 1,
}


class Telling:
    """Tell by which dtypes it was asked, and the codes of its categories."""

    def predict(self, rows: Any) -> Any:
        """Tell."""
        types = {name: str(kind) for name, kind in rows.dtypes.items()}
        return [types | {"code": int(code)} for code in rows["zone"].cat.codes]


TYPES = {str(name): str(kind) for name, kind in DATA.dtypes.items()}


def loaded(folder: Path) -> Any:
    """The model as it is read with its card."""
    save_model(Telling(), folder / "m.joblib", data=DATA)
    return load_model(folder / "m.joblib")[0]


def test_an_example_of_several_rows_says_of_what_kind_the_data_is() -> None:
    """Integers stay integers, and a category has the code that it had."""
    found = answered(Telling(), ROW, example=DATA)["prediction"]
    assert found == TYPES | {"code": 1}


def test_the_card_says_it_too(tmp_path: Path) -> None:
    """So an example need be no DataFrame."""
    found = answered(loaded(tmp_path), ROW, example=ROW)["prediction"]
    assert found == TYPES | {"code": 1}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"zone": 11}, "one of"),
        ({"count": 1.5}, "an integer"),
        ({"count": None}, "an integer"),
        ({"small": 256}, "<= 255"),
        ({"day": "soon"}, "RFC"),
        ({"day": "2026-01-01T00:00:00Z"}, "no timezone"),
        ({"at": "2026-01-01T00:00:00"}, "a timezone"),
        ({"day": "0001-01-01T00:00:00"}, "Out of bounds"),
        ({"half": 1e300}, "<= 3.4"),
        ({"level": 9.9}, "one of 0.5, 1.5"),
        ({"seen": "yes"}, "a boolean or null"),
    ],
)
def test_what_the_data_cannot_have_is_refused(wrong: dict[str, Any], said: str) -> None:
    """Instead of changing the column's dtype."""
    (detail,) = faults_of(post(app_of(Telling(), example=DATA), ROW | wrong)).values()
    assert said in detail


def test_what_had_nulls_may_be_null() -> None:
    """Also a string."""
    found = answered(Telling(), ROW | {"city": None, "price": None}, example=DATA)["prediction"]
    assert found == TYPES | {"code": 1}


def test_a_null_in_the_example_makes_no_objects() -> None:
    """The column is one of numbers."""

    class Kinds:
        """Tell the kinds of its columns."""

        feature_names_in_ = np.array(["a", "b"])

        def predict(self, rows: Any) -> Any:
            """Tell."""
            return [[str(kind) for kind in rows.dtypes]] * len(rows)

    example = {"a": None, "b": "x"}
    found = answered(Kinds(), example, example=example)["prediction"]
    assert found[0] == "float64"


def test_a_model_may_know_names_from_the_example_only() -> None:
    """It gets a DataFrame, or dicts, if it answers to no array."""

    class ByFrame:
        """Pick a column."""

        def predict(self, rows: Any) -> Any:
            """Double."""
            return (rows.loc[:, "a"] * 2).tolist()

    class ByDict:
        """Pick a key."""

        def predict(self, rows: Any) -> Any:
            """Double."""
            return [row["a"] * 2 if isinstance(row, dict) else row.a for row in rows]

    for model in (ByFrame(), ByDict()):
        assert answered(model, {"b": 0, "a": 2}, example={"b": 1, "a": 1}) == {"prediction": 4}


def test_a_pipeline_takes_texts() -> None:
    """As a string, or by the name that the example gives it."""
    texts = ["good fine", "bad poor", "fine", "poor"]
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0])
    bare = app_of(model, example="some text")
    assert post(bare, "poor").json() == {"prediction": 0}
    assert post(bare, {"text": "fine"}).json() == {"prediction": 1}
    assert post(bare, {"instances": ["fine", "poor"]}, path="/invocations").json() == {
        "predictions": [1, 0]
    }
    assert post(bare, 3).status_code == 422
    assert answered(model, {"review": "fine"}, example={"review": "good"}) == {"prediction": 1}


def test_a_model_that_makes_words_of_integers_gets_integers() -> None:
    """By an array it would get 3.0, which is another word; one row cannot tell that."""
    numbers = pd.DataFrame({"a": [0, 1, 2, 3] * 5, "b": [0, 1, 0, 1, 1] * 4})
    classes = (numbers["a"] + numbers["b"] > 2).astype(int)
    words = FunctionTransformer(lambda rows: pd.DataFrame(rows).astype(str))
    model = make_pipeline(words, OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    model.fit(numbers, classes)
    app = app_of(model, example=numbers)
    rows = numbers.to_dict("records")
    found = post(app, {"instances": rows}, path="/invocations").json()["predictions"]
    assert found == model.predict(numbers).tolist()
    assert len({*found}) == 2


def test_narrow_floats_stay_narrow() -> None:
    """A model calculates by them, and its probabilities have other bits then."""
    data = pd.DataFrame({"a": np.linspace(0, 1, 20, dtype="float32")})
    model = LogisticRegression().fit(data, (data["a"] > 0.4).astype(int))
    app = app_of(model, example=data, probabilities=True)
    for row in range(0, 20, 7):
        found = post(app, {"a": float(data["a"][row])}).json()["probabilities"]
        assert [*found.values()] == model.predict_proba(data.iloc[[row]])[0].tolist()


@pytest.mark.parametrize("kind", ["interval", "datetime64"])
def test_categories_that_json_cannot_name_are_told_at_once(kind: str) -> None:
    """Their texts would be other categories, by which a model predicts other classes."""
    numbers = pd.Series([1, 2, 3])
    made = pd.cut(numbers, 2) if kind == "interval" else pd.to_datetime(numbers).astype("category")
    with pytest.raises(
        TypeError, match=rf"'bin' has categories of the kind '{kind}'.*astype\(str\)"
    ):
        app_of(Telling(), example=pd.DataFrame({"bin": made}))


def test_an_example_unlike_the_data_is_told_at_once(tmp_path: Path) -> None:
    """By what serve raises for all examples that do not fit."""
    with pytest.raises(TypeError, match="no row such as the model was trained on: /zone"):
        app_of(loaded(tmp_path), example=ROW | {"zone": 11})


def test_one_of_very_many_categories_is_known() -> None:
    """Though the schema does not list them."""
    words = pd.DataFrame({"zone": pd.Categorical([f"w{number}" for number in range(1_200)])})
    app = app_of(Telling(), example=words)
    assert post(app, {"zone": "w0"}).json()["prediction"]["code"] == 0
    assert "expected one of" in faults_of(post(app, {"zone": "other"}))["/zone"]


def test_a_row_as_pandas_writes_it_to_csv_is_read() -> None:
    """Categories of numbers, nulls, dates without a time, durations."""
    whole = DATA[["zone", "day", "wait", "seen", "arrow", "price"]].assign(arrow=[1, None, 3])
    data = whole.astype({"arrow": "Int16"})
    app = app_of(Saying(), example=data)
    rows = Saying().predict(data)
    sent = send(
        app, data.to_csv(index=False).encode(), path="/invocations",
        headers={"content-type": "text/csv"},
    )  # fmt: skip
    assert sent.json() == {"predictions": rows}


def test_a_tensor_may_have_nulls_where_the_data_had() -> None:
    """As MLflow's and KServe's first formats may; elsewhere the schema refuses them."""
    data = pd.DataFrame({"zone": pd.Categorical([3, 1, None])})
    app = app_of(Telling(), example=data)
    tensor = {"name": "zone", "datatype": "INT64", "shape": [2], "data": [1, None]}
    asked, path = {"inputs": [tensor]}, "/v2/models/predict/infer"
    (output,) = post(app, asked, path=path).json()["outputs"]
    assert output["data"][1] == '["category",-1]'
    refused = post(app_of(Telling(), example=data.dropna()), asked, path=path)
    assert (refused.status_code, "got null" in refused.json()["error"]) == (422, True)


class Saying:
    """Say each row in words."""

    def predict(self, rows: Any) -> Any:
        """Say."""
        return [" ".join(map(str, row)) for row in rows.itertuples(index=False)]
