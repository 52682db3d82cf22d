"""The rows of a proof lie where requests come from, and where answers change."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from support.fitted_models import fitted, rows_of

from runner.predict.fast.inner_call import InnerCall, SplitThresholds, rows_as_scores
from runner.predict.fast.known_estimators import inner_call
from runner.predict.fast.probe_rows import (
    as_rows,
    extreme_rows,
    ordinary_rows,
    rows_around,
    rows_between_labels,
)

EXAMPLE = rows_of()[0]
NOTHING = InnerCall(scores=rows_as_scores, labels=list, fitted=())


def test_rows_are_finite_and_the_same_every_time() -> None:
    """What is drawn can be drawn again, and needs no refusal."""
    inner = inner_call(fitted(SVC()))
    rows = ordinary_rows(EXAMPLE, None, inner, 1000)
    assert len(rows) > 1000
    assert np.isfinite(rows).all()
    assert (rows == ordinary_rows(EXAMPLE, None, inner, 1000)).all()


def test_ranges_are_covered_and_passed() -> None:
    """Rows fill the card's ranges to their ends, and a little beyond."""
    ranges = [(1000.0, 2000.0)] * 4
    rows = ordinary_rows(EXAMPLE, ranges, NOTHING, 500)
    within = rows[(rows > 800).all(axis=1) & (rows < 2200).all(axis=1)]
    assert len(within) == 500
    assert within.min() < 1000
    assert within.max() > 2000


def test_splits_are_met_exactly_and_on_both_sides() -> None:
    """Rows stand on a tree's threshold, and at the next floats above and below."""
    model = fitted(DecisionTreeClassifier(max_depth=1, random_state=0))
    assert set(ordinary_rows(EXAMPLE, None, inner_call(model), 10)[:, model.tree_.feature[0]]) & {
        model.tree_.threshold[0],
        *np.nextafter(model.tree_.threshold[0], [np.inf, -np.inf]),
    }
    inner = inner_call(fitted(HistGradientBoostingClassifier(max_iter=50)))
    cuts = inner.boundaries()
    assert isinstance(cuts, SplitThresholds)
    values = set(ordinary_rows(EXAMPLE, None, inner, 10).ravel())
    for wanted in (cuts.values, *(np.nextafter(cuts.values, side) for side in (9.0, -9.0))):
        assert set(wanted) & values


def test_support_vectors_are_found_through_a_scaler() -> None:
    """Landmarks of a pipeline's last step are given as rows of its first."""
    model = fitted(make_pipeline(StandardScaler(), SVC()))
    rows = ordinary_rows(EXAMPLE, None, inner_call(model), 10)
    vectors = model[0].inverse_transform(model[1].support_vectors_)
    assert all(np.isclose(rows, vector).all(axis=1).any() for vector in vectors)


def test_borders_are_met_to_the_last_bit() -> None:
    """Bisection ends with neighbouring floats that are answered differently."""
    rows = np.array([[0.0], [1.0], [0.2]])

    def labels(array: Any) -> list[str]:
        return list(np.where(array[:, 0] > 0.3, "b", "a"))

    found = rows_between_labels(rows, labels(rows), labels)
    assert {0.3, np.nextafter(0.3, 1)} == set(found[:, 0])
    assert len(rows_between_labels(rows, ["a"] * 3, lambda array: ["a"] * len(array))) == 0


def test_bisection_ends_when_time_is_up() -> None:
    """Without time the rows are those that it began with."""
    rows = np.array([[0.0], [1.0]])
    found = rows_between_labels(rows, ["a", "b"], lambda array: ["a"] * len(array), lambda: False)
    assert found.tolist() == [[0.0], [1.0]]


def test_extreme_rows_hold_what_models_refuse() -> None:
    """NaN, both infinities and values beyond float32 are among them, one in each row."""
    rows = list(extreme_rows(EXAMPLE))
    values = [value for row in rows for value in set(row) - set(EXAMPLE)]
    assert len(values) == len(rows)
    assert {float("inf"), float("-inf")} <= set(values)
    assert any(map(np.isnan, values))
    assert any(3.4028235e38 < abs(value) < 1e40 for value in values)


def test_only_floats_vary_around_an_example_of_any_kind() -> None:
    """Words and whole numbers stay, for nobody knows which others there are."""
    rows = rows_around((1.5, "red", 3), 5)
    assert rows[0] == (1.5, "red", 3)
    assert {row[1:] for row in rows} == {("red", 3)}
    assert len({row[0] for row in rows}) == 5


def test_rows_are_tuples_of_floats() -> None:
    """Rows come as requests bring them."""
    assert as_rows(np.array([[1.0, 2.0]])) == [(1.0, 2.0)]
