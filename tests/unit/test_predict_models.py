"""Models as endpoints: the shape of their answers, and that they are the model's own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from support.prediction_apps import answered, app_of, faults_of, post

from runner.predict.endpoint_factory import endpoints_of
from runner.predict.targets import EndpointOptions

FRAME, SPECIES = load_iris(return_X_y=True, as_frame=True)
ROW = dict(zip(FRAME.columns, [6.0, 2.7, 4.5, 1.5], strict=True))
CLASSES = ["setosa", "versicolor", "virginica"]


@pytest.fixture(scope="module")
def model() -> Any:
    return LogisticRegression(max_iter=1000).fit(FRAME.to_numpy(), SPECIES)


def test_the_answer_is_the_prediction(model: Any) -> None:
    """As a JSON number, under a key that the author may choose."""
    assert answered(model, ROW, example=ROW) == {"prediction": 1}
    assert answered(model, ROW, example=ROW, answer="val") == {"val": 1}


def test_the_author_may_shape_the_answer(model: Any) -> None:
    """By a function of the prediction; or of all that was asked for."""
    assert answered(model, ROW, example=ROW, answer=lambda species: [species]) == [1]
    shaped = answered(
        model, ROW, example=ROW, class_names=CLASSES, answer=lambda whole: whole["class"]
    )
    assert shaped == "versicolor"


def test_classes_and_probabilities_are_opt_in(model: Any) -> None:
    """By the class's name, or else the class itself; they are those of predict_proba."""
    shown = answered(model, ROW, example=ROW, probabilities=True, class_names=CLASSES)
    assert shown["class"] == "versicolor"
    shares = model.predict_proba(np.array([[*ROW.values()]]))[0].tolist()
    assert shown["probabilities"] == dict(zip(CLASSES, shares, strict=True))
    assert [*answered(model, ROW, example=ROW, probabilities=True)["probabilities"]] == [*"012"]


def test_a_name_by_class_stands_at_its_own_probability(model: Any) -> None:
    """In whatever order the names are given; a class without one is called as it is."""
    names = {2: "virginica", 0: "setosa"}
    shown = answered(model, ROW, example=ROW, probabilities=True, class_names=names)
    shares = model.predict_proba(np.array([[*ROW.values()]]))[0].tolist()
    assert shown["probabilities"] == dict(zip(["setosa", "1", "virginica"], shares, strict=True))


def test_probabilities_need_one_name_for_each_class(model: Any) -> None:
    """Else one of them would be lost, or stand at another class."""
    several = RandomForestClassifier(2).fit(FRAME, np.c_[SPECIES, SPECIES])
    for target, names, said in (
        (model, ["a", "a", "b"], "needs one name"),
        (model, {3: "d"}, "needs one name"),
        (several, None, "has several outputs"),
        (Unclassed(), None, "has no classes_"),
    ):
        with pytest.raises(TypeError, match=said):
            app_of(target, example=ROW, probabilities=True, class_names=names)


class Unclassed:
    """A model of an author's own, whose probabilities have their names."""

    def predict(self, rows: Any) -> Any:
        """Tell nothing."""
        return ["no"] * len(rows)

    def predict_proba(self, rows: Any) -> Any:
        """Tell of two classes."""
        return pd.DataFrame({"no": [0.75] * len(rows), "yes": [0.25] * len(rows)})


def test_a_model_of_ones_own_may_list_its_classes() -> None:
    """And give its probabilities as a DataFrame."""
    model = Unclassed()
    model.classes_ = ["no", "yes"]  # type: ignore[attr-defined] # as authors do
    found = answered(model, ROW, example=ROW, probabilities=True)
    assert found == {"prediction": "no", "probabilities": {"no": 0.75, "yes": 0.25}}


def test_class_names_may_be_given_by_class(model: Any) -> None:
    """What has no name is null."""
    named = answered(model, ROW, example=ROW, class_names={0: "setosa"})
    assert named == {"prediction": 1, "class": None}


def test_what_a_model_has_not_is_told_at_once(model: Any) -> None:
    """Probabilities of a model that has none, names for other classes."""
    machine = SVC().fit(FRAME.to_numpy(), SPECIES)
    with pytest.raises(TypeError, match="SVC has no predict_proba"):
        app_of(machine, example=ROW, probabilities=True)
    with pytest.raises(TypeError, match="class_names has 2 names, and the model 3 classes"):
        app_of(model, example=ROW, class_names=["a", "b"])


@pytest.mark.parametrize(
    "estimator",
    [
        SVC(),
        RandomForestClassifier(n_estimators=5, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=5),
        LinearRegression(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("has_names", [True, False])
def test_predictions_are_the_models_own(estimator: Any, has_names: bool) -> None:
    """In batches of any size, fitted with names or without, and without a warning."""
    grid = FRAME if has_names else FRAME.to_numpy()
    fitted = estimator.fit(grid, SPECIES)
    example = dict(FRAME.iloc[0]) if has_names else FRAME.iloc[0].tolist()
    (endpoint,) = endpoints_of(fitted, "", EndpointOptions(example=example))
    items = [endpoint.schema.convert(value) for value in rows_of(has_names)]
    with warnings.catch_warnings(record=True) as warned:
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        for size in (1, 7, 64):
            found = in_batches(endpoint.predict, items, size)
            # A sum of products may differ in its last bit with the number of rows: BLAS.
            is_sum = isinstance(fitted, LinearRegression)
            own = fitted.predict(grid).tolist()
            assert found == (pytest.approx(own, rel=1e-12) if is_sum else own)
    assert not warned


def rows_of(has_names: bool) -> list[Any]:
    return FRAME.to_dict("records") if has_names else FRAME.to_numpy().tolist()


def in_batches(predict: Any, items: Sequence[Any], size: int) -> list[Any]:
    found: list[Any] = []
    for begin in range(0, len(items), size):
        found += predict(items[begin : begin + size])
    return found


def test_a_model_that_needs_names_gets_a_frame() -> None:
    """A ColumnTransformer picks its columns by name; strings are features too."""
    frame = pd.DataFrame({"city": ["Rome", "Oslo", "Rome"], "area": [10.0, 20.0, 30.0]})
    columns = ColumnTransformer(
        [("city", OneHotEncoder(handle_unknown="ignore"), ["city"])], remainder="passthrough"
    )
    fitted = make_pipeline(columns, LinearRegression()).fit(frame, [1.0, 2.0, 3.0])
    app = app_of(fitted, example=frame.iloc[0])
    expected = float(fitted.predict(frame.iloc[[1]])[0])
    assert post(app, {"area": 20, "city": "Oslo"}).json() == {"prediction": expected}
    assert faults_of(post(app, {"area": 20, "city": 7})) == {
        "/city": "expected a string, got an integer"
    }


def test_a_numeric_model_that_picks_columns_gets_a_frame_too() -> None:
    """It refuses an array, as is found out before the first request."""
    columns = ColumnTransformer([("a", "passthrough", ["a"])])
    fitted = make_pipeline(columns, LinearRegression()).fit(
        pd.DataFrame({"a": [1.0, 2.0], "b": [5.0, 5.0]}), [1.0, 2.0]
    )
    assert answered(fitted, {"b": 9, "a": 2})["prediction"] == pytest.approx(2.0)


def test_a_feature_may_be_missing_if_the_examples_is() -> None:
    """Null becomes NaN, for models that take it."""
    fitted = HistGradientBoostingClassifier(max_iter=2).fit(FRAME.to_numpy(), SPECIES)
    example = ROW | {"petal width (cm)": None}
    assert "prediction" in answered(fitted, example, example=example)
    app = app_of(fitted, example=ROW)
    assert "/petal width (cm)" in faults_of(post(app, example))


def test_anything_with_predict_is_a_model() -> None:
    """It need not come from scikit-learn."""

    class Sum:
        """Adds up."""

        def predict(self, rows):  # type: ignore[no-untyped-def] # as authors write it
            """Add each row up."""
            return [sum(row) for row in rows]

    assert answered(Sum(), {"a": 1, "b": 2}, example={"a": 0, "b": 0}) == {"prediction": 3.0}


def test_a_model_of_ones_own_may_say_by_hints_what_it_takes() -> None:
    """Then it is served as a function is."""

    class Greeter:
        """Greets."""

        def predict(self, name: str) -> str:
            """Greet one."""
            return f"hello {name}"

    assert answered(Greeter(), {"name": "you"}) == "hello you"


def test_the_answer_is_described(model: Any) -> None:
    """The classes that can come, and what was opted for."""
    (endpoint,) = endpoints_of(model, "", EndpointOptions(example=ROW, probabilities=True))
    assert endpoint.answer is not None
    assert endpoint.answer["properties"]["prediction"] == {"enum": [0, 1, 2]}
    assert [*endpoint.answer["required"]] == ["prediction", "probabilities"]
    assert endpoint.model is model
    assert endpoint.probabilities
