"""Pairs of classes vote as libsvm has them vote, or not at all."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.svm import SVC, NuSVC
from support.fitted_models import DATA, fitted

from runner.predict.fast import rbf_votes
from runner.predict.fast.inner_call import Array
from runner.predict.fast.probe_rows import rows_between_labels
from runner.predict.fast.rbf_votes import RbfVotes

MODELS = [
    (SVC(), "iris"),
    (SVC(C=1e6, gamma=1e3), "iris"),
    (SVC(C=1e-4, gamma=1e-9), "iris"),
    (SVC(class_weight={0: 1.0, 1: 40.0, 2: 1e-3}), "iris"),
    (NuSVC(nu=0.2), "iris"),
    (SVC(decision_function_shape="ovo"), "digits"),
    (SVC(), "breast-cancer"),
    (NuSVC(gamma=2.0), "breast-cancer"),
]


class Asked:
    """Be libsvm, and note how many rows it is asked about at once."""

    def __init__(self, model: Any) -> None:
        self._classes, self._predict = model.classes_, model.predict
        self.counts: list[int] = []

    def __call__(self, rows: Array) -> Array:
        self.counts.append(len(rows))
        found: Array = np.searchsorted(self._classes, self._predict(rows))
        return found


def votes_of(model: Any) -> tuple[RbfVotes, list[int]]:
    """The votes of a model, and how many rows libsvm is asked about, each time."""
    assert RbfVotes.is_for(model)
    libsvm = Asked(model)
    return RbfVotes(model, libsvm), libsvm.counts


def rows_like(model: Any, count: int, spread: float = 0.5) -> Array:
    """Rows around those that support a model."""
    random = np.random.default_rng(1)
    vectors = model.support_vectors_
    noise = random.normal(size=(count, vectors.shape[1])) * vectors.std() * spread
    found: Array = vectors[random.integers(len(vectors), size=count)] + noise
    return found


def own(model: Any, rows: Array) -> Array:
    """The decisions of libsvm itself, for the first of each pair."""
    public = model.decision_function(rows)
    found: Array = -public[:, None] if public.ndim == 1 else public
    return found


@pytest.mark.parametrize(("model", "data"), MODELS)
def test_classes_are_those_of_libsvm(model: Any, data: str) -> None:
    """For rows near and far."""
    votes, _ = votes_of(fitted(model, data))
    for spread in (0.1, 0.5, 3.0, 100.0):
        rows = rows_like(model, 2_000, spread)
        for part, right in zip(np.split(rows, 20), np.split(model.predict(rows), 20), strict=True):
            assert votes(part) == right.tolist()
            assert [votes(row[None])[0] for row in part[:20]] == right[:20].tolist()


@pytest.mark.parametrize("data", ["iris", "digits", "breast-cancer"])
def test_libsvm_is_seldom_asked(data: str) -> None:
    """Else it would be no quicker: a bound that is far too wide leaves all to it."""
    model = fitted(SVC(), data)
    votes, asked = votes_of(model)
    rows = rows_like(model, 5_000)
    votes(rows)
    for row in rows[:500]:
        votes(row[None])
    assert asked == []


@pytest.mark.parametrize(("model", "data"), MODELS)
@pytest.mark.parametrize("offset", [0.0, 1e4, -1e6])
def test_decisions_are_no_further_apart_than_is_said(model: Any, data: str, offset: float) -> None:
    """Also where all values are large, and their differences small."""
    rows, target = DATA[data](return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = clone(model).fit(rows + offset, target)
    model.decision_function_shape = "ovo"
    for spread in (0.01, 1.0, 1e3):
        asked = rows_like(model, 500, spread)
        votes, right = votes_of(model)[0], own(model, asked)
        *decisions, nearness, _ = votes.decisions(asked)
        apart = np.abs(np.transpose(decisions) - right)[nearness > 0]
        assert (apart <= votes._bounds[0, : right.shape[1], 0]).all()


def test_on_a_border_libsvm_is_asked() -> None:
    """Between two rows that are as close as floats can be, it alone knows who is where."""
    model = fitted(SVC())
    rows = rows_like(model, 64)
    labels = model.predict(rows).tolist()
    closest = rows_between_labels(rows, labels, lambda array: model.predict(array).tolist())
    assert len(closest) > 20
    votes, asked = votes_of(model)
    for row in closest:
        both = np.concatenate([rows, row[None]])
        assert votes(both) == model.predict(both).tolist()
        assert votes(row[None]) == model.predict(row[None]).tolist()
    assert asked == [1, 1] * len(closest)


@pytest.mark.parametrize("data", ["iris", "breast-cancer"])
@pytest.mark.parametrize("value", [1e5, 1e20, 1e37, -1e37])
@pytest.mark.filterwarnings("error")
def test_of_what_is_far_too_large_libsvm_tells(value: float, data: str) -> None:
    """It is of no use here, and no request can make a worker warn."""
    model = fitted(SVC(), data)
    rows = rows_like(model, 64)
    rows[7, 1] = value
    votes, asked = votes_of(model)
    assert votes(rows) == model.predict(rows).tolist()
    assert votes(rows[7:8]) == model.predict(rows[7:8]).tolist()
    assert asked == [1, 1]


@pytest.mark.filterwarnings("error")
def test_where_nothing_is_certain_libsvm_tells_all() -> None:
    """Here each kernel value is 1 or 0, and its exponent is known to thousands."""
    rows, target = DATA["iris"](return_X_y=True)
    model = SVC(gamma=1.0).fit(rows * 1e10, target)
    votes, asked = votes_of(model)
    assert votes(rows * 1e10) == model.predict(rows * 1e10).tolist()
    assert asked == [len(rows)]


def test_two_rows_are_left_to_libsvm_where_support_vectors_are_few() -> None:
    """It is quicker there; one row is not."""
    for data, expected in (("iris", [2]), ("digits", [])):
        model = fitted(SVC(), data)
        votes, asked = votes_of(model)
        votes(rows_like(model, 2))
        votes(rows_like(model, 1))
        assert asked == expected


@pytest.mark.parametrize("classes", [3, 12])
def test_a_large_table_is_taken_in_parts(classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory is bounded, however many rows there are, and however many pairs of classes."""
    random = np.random.default_rng(2)
    model = SVC().fit(random.normal(size=(36, 4)), np.arange(36) % classes)
    rows = rows_like(model, 1_001)
    pairs = classes * (classes - 1) // 2
    most = 100 * max(2 * pairs, len(model.support_vectors_))
    monkeypatch.setattr(rbf_votes, "_MOST_AT_ONCE", most)
    sizes: list[int] = []
    decide = RbfVotes.decisions

    def noted(self: RbfVotes, part: Array) -> Array:
        sizes.append(len(part))
        return decide(self, part)

    monkeypatch.setattr(RbfVotes, "decisions", noted)
    votes, _ = votes_of(model)
    assert votes(rows) == model.predict(rows).tolist()
    assert sizes == [100] * 10 + [1]


def test_other_models_are_not_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose kernel is another, whose classes are many, or whose weights would take much memory."""
    assert not RbfVotes.is_for(fitted(SVC(kernel="poly")))
    random = np.random.default_rng(2)
    assert not RbfVotes.is_for(SVC().fit(random.normal(size=(36, 4)), np.arange(36) % 17))
    overflows = SVC(gamma=1e300).fit(np.full((40, 2), 0.5), np.arange(40) % 2)
    assert not RbfVotes.is_for(overflows)
    monkeypatch.setattr(rbf_votes, "_MOST_WEIGHTS", 100)
    assert not RbfVotes.is_for(fitted(SVC()))


def test_of_equal_votes_the_first_counts() -> None:
    """As in libsvm, where classes are many."""
    rows, target = make_classification(
        600, 5, n_informative=5, n_redundant=0, n_classes=9, n_clusters_per_class=1, random_state=3
    )
    model = SVC(C=0.1, decision_function_shape="ovo").fit(rows, target)
    asked = rows_like(model, 3_000, 2.0)
    right = model.predict(asked).tolist()
    assert votes_of(model)[0](asked) == right
    assert [votes_of(model)[0](row[None])[0] for row in asked[:500]] == right[:500]
    votes = np.zeros((len(asked), 9))
    for (one, other), decisions in zip(
        itertools.combinations(range(9), 2), own(model, asked).T, strict=True
    ):
        votes[:, one] += decisions > 0
        votes[:, other] += decisions <= 0
    assert (np.sort(votes)[:, -1] == np.sort(votes)[:, -2]).sum() > 20
