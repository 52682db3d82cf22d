"""The calculation within an estimator's predict gives what the estimator gives, to the last bit."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.sparse import csr_matrix
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from support.fitted_models import fitted, in_batches, one_by_one, public_call, rows_of

from runner.predict.fast.direct_call import DirectCall
from runner.predict.fast.inner_call import NoInnerCallError
from runner.predict.fast.known_estimators import ESTIMATORS, STEPS, inner_call

NAMED = {
    "svc": SVC(),
    "forest": RandomForestClassifier(n_estimators=10, random_state=0),
    "scaled": make_pipeline(StandardScaler(), SVC()),
    "histograms": HistGradientBoostingClassifier(max_iter=2),
}
CLASSIFIERS = [
    *[SVC(kernel=kernel) for kernel in ("linear", "poly", "sigmoid")],
    SVC(decision_function_shape="ovo", class_weight="balanced"),
    NuSVC(nu=0.1),
    LinearSVC(max_iter=50),
    LogisticRegression(),
    LogisticRegression(fit_intercept=False),
    SGDClassifier(random_state=0),
    Perceptron(),
    RidgeClassifier(),
    DecisionTreeClassifier(random_state=0),
    ExtraTreeClassifier(random_state=0),
    ExtraTreesClassifier(n_estimators=5, random_state=0),
    GradientBoostingClassifier(n_estimators=5, random_state=0),
    GradientBoostingClassifier(n_estimators=3, init="zero", random_state=0),
    make_pipeline(MinMaxScaler(clip=True), LogisticRegression()),
    make_pipeline(SimpleImputer(), RobustScaler(), DecisionTreeClassifier(random_state=0)),
    Pipeline([("nothing", "passthrough"), ("scale", MaxAbsScaler()), ("svc", SVC())]),
    make_pipeline(StandardScaler(with_mean=False), make_pipeline(StandardScaler(), SVC())),
    GridSearchCV(SVC(), {"C": [1, 10]}, cv=2),
]
REGRESSORS = [
    SVR(C=100),
    NuSVR(),
    LinearSVR(max_iter=50),
    LinearRegression(),
    Ridge(),
    Lasso(),
    ElasticNet(),
    DecisionTreeRegressor(random_state=0),
    ExtraTreeRegressor(random_state=0),
    RandomForestRegressor(n_estimators=5, random_state=0),
    ExtraTreesRegressor(n_estimators=5, random_state=0),
    GradientBoostingRegressor(n_estimators=5, random_state=0),
    HistGradientBoostingRegressor(max_iter=5),
    HistGradientBoostingRegressor(max_iter=5, loss="poisson"),
    make_pipeline(RobustScaler(), Ridge()),
]


def direct(model: Any, n_features: int, *, probabilities: bool = False) -> DirectCall:
    return DirectCall(inner_call(model), n_features, wants_probabilities=probabilities)


@pytest.mark.parametrize("data", ["iris", "digits", "breast-cancer"])
@pytest.mark.parametrize("name", NAMED)
def test_whole_data_sets_are_predicted_alike(name: str, data: str) -> None:
    """All rows of a data set get the public answer, one by one and in batches."""
    model = fitted(NAMED[name], data)
    rows = rows_of(data)
    right = public_call(model)(rows)
    call = direct(model, len(rows[0]))
    assert repr(one_by_one(call, rows)) == repr(right)
    assert repr(in_batches(call, rows)) == repr(right)


@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
@pytest.mark.parametrize("data", ["iris", "breast-cancer"])
def test_classes_are_alike(model: Any, data: str) -> None:
    """A classifier of two or three named classes gives the names that the public call gives."""
    fitted(model, data, names=["setosa", "versicolor", "virginica"])
    rows = rows_of(data, every=5)
    right = one_by_one(public_call(model), rows)
    assert isinstance(right[0], str)
    assert repr(in_batches(direct(model, len(rows[0])), rows, 7)) == repr(right)


@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_numbers_are_alike(model: Any) -> None:
    """A regressor gives each row of a batch the bits that it gives the row alone."""
    fitted(model, "diabetes")
    rows = rows_of("diabetes", every=5)
    right = one_by_one(public_call(model), rows)
    call = direct(model, len(rows[0]))
    assert repr(one_by_one(call, rows)) == repr(right)
    assert repr(in_batches(call, rows, 32)) == repr(right)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        DecisionTreeClassifier(max_depth=2),
        RandomForestClassifier(n_estimators=5, random_state=0),
        GradientBoostingClassifier(n_estimators=3),
        HistGradientBoostingClassifier(max_iter=3),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=repr,
)
@pytest.mark.parametrize("data", ["iris", "digits", "breast-cancer"])
def test_probabilities_are_alike(model: Any, data: str) -> None:
    """Probabilities have the bits of a call with one row, also in a batch."""
    fitted(model, data)
    rows = rows_of(data, every=15)
    right = one_by_one(public_call(model, probabilities=True), rows)
    call = direct(model, len(rows[0]), probabilities=True)
    assert repr(in_batches(call, rows, 32)) == repr(right)


def test_every_known_estimator_is_tested() -> None:
    """The table has no entry that no test goes through."""
    tested = {type(model).__name__ for model in [*NAMED.values(), *CLASSIFIERS, *REGRESSORS]}
    steps = {
        type(step).__name__
        for model in [*NAMED.values(), *CLASSIFIERS, *REGRESSORS]
        for _, step in getattr(model, "steps", [])
    }
    assert {name for _, name in ESTIMATORS} <= tested
    assert {name for _, name in STEPS} <= steps


class Louder(SVC):
    """A subclass, which may do anything."""


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Louder(), "Louder is not known"),
        (KNeighborsClassifier(), "KNeighborsClassifier is not known"),
        (SVC(kernel=lambda one, other: one @ other.T), "its kernel is its own"),
        (SVC(break_ties=True), "it breaks ties"),
        (make_pipeline(StandardScaler(), Louder()), "Louder is not known"),
        (make_pipeline(SimpleImputer(add_indicator=True), SVC()), "adds or drops features"),
        (GradientBoostingClassifier(init=SVC(), n_estimators=2), "not a constant"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_known_is_left_alone(model: Any, why: str) -> None:
    """An estimator that computes otherwise has no inner call."""
    if "constant" in why:
        model.set_params(init=LogisticRegression())
    fitted(model)
    with pytest.raises(NoInnerCallError, match=why):
        inner_call(model)


def test_several_outputs_are_left_alone() -> None:
    """What gives more than one answer for a row has no inner call."""
    rows = rows_of()
    for model in (DecisionTreeRegressor(), LinearRegression(), RandomForestClassifier(2)):
        model.fit(rows, [[0, 1], [1, 0]] * (len(rows) // 2))
        with pytest.raises(NoInnerCallError, match="several outputs"):
            inner_call(model)


def test_sparse_models_are_left_alone() -> None:
    """What was fitted to sparse rows, or made sparse, has no inner call."""
    rows = rows_of()
    target = [number % 2 for number in range(len(rows))]
    with pytest.raises(NoInnerCallError, match="sparse"):
        inner_call(SVC().fit(csr_matrix(rows), target))
    with pytest.raises(NoInnerCallError, match="sparse"):
        inner_call(LogisticRegression().fit(rows, target).sparsify())


def test_a_replaced_predict_is_left_alone() -> None:
    """An instance with a predict of its own is not the estimator that it was."""
    model = fitted(SVC())
    model.predict = lambda rows: rows
    with pytest.raises(NoInnerCallError, match="replaced"):
        inner_call(model)
