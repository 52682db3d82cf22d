"""A predictor is fast if that is proved, and says why if it is not."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from support.fitted_models import fitted, public_call, rows_of

from runner.predict.fast import preparation
from runner.predict.fast.known_estimators import inner_call
from runner.predict.fast.preparation import prepare

ROWS = rows_of()


def prepared(model: Any, **options: Any) -> Any:
    public = public_call(model, probabilities=options.get("probabilities", False))
    return prepare(model, public, **({"example": ROWS[0]} | options))


def test_a_known_model_is_fast(caplog: pytest.LogCaptureFixture) -> None:
    """Rows were compared, and the log says how many."""
    caplog.set_level(logging.INFO)
    model = fitted(SVC())
    predict = prepared(model, ranges=[(0.0, 8.0)] * 4, max_batch=16)
    assert predict.is_fast
    assert predict.max_batch == 16
    assert predict(ROWS) == public_call(model)(ROWS)
    assert int(predict.why.split("equal on ")[1].split()[0].replace(",", "")) > 20
    assert predict.why in caplog.text


def test_probabilities_come_as_pairs() -> None:
    """With probabilities a result is the label and the list of all classes' shares."""
    model = fitted(LogisticRegression(max_iter=1000))
    predict = prepared(model, probabilities=True)
    assert predict.is_fast
    assert predict(ROWS[:1]) == public_call(model, probabilities=True)(ROWS[:1])


def test_a_wrong_inner_call_is_never_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What fails the proof leaves the public call, loudly."""

    def wrong(model: Any) -> Any:
        inner = inner_call(model)
        return dataclasses.replace(inner, scores=lambda rows: inner.scores(rows + 0.01))

    monkeypatch.setattr(preparation, "inner_call", wrong)
    model = fitted(SVC())
    predict = prepared(model)
    assert not predict.is_fast
    assert predict(ROWS) == public_call(model)(ROWS)
    assert "instead of" in predict.why
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_an_unknown_version_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Another scikit-learn than those tested has its public call, and a warning."""
    monkeypatch.setattr(sklearn, "__version__", "9.0")
    model = fitted(SVC())
    predict = prepared(model)
    assert not predict.is_fast
    assert predict(ROWS[:2]) == [0, 0]
    assert "scikit-learn 9.0" in predict.why
    (record,) = caplog.records
    assert record.levelno == logging.WARNING


def test_an_unknown_model_is_batched_if_its_rows_are_independent() -> None:
    """Without a fast call the public one is used, in batches where they change nothing."""
    model = fitted(KNeighborsClassifier())
    predict = prepared(model)
    assert (predict.is_fast, predict.max_batch) == (False, 64)
    assert "KNeighborsClassifier is not known" in predict.why
    assert predict(ROWS) == public_call(model)(ROWS)


class Centered:
    """A model whose answer depends on who else asks."""

    def predict(self, rows: Any) -> Any:
        return np.asarray(rows)[:, 0] - np.mean(rows)


def test_a_model_that_mixes_rows_is_not_batched(caplog: pytest.LogCaptureFixture) -> None:
    """Where a batch changes results, rows go one by one, and the log says so."""
    predict = prepared(Centered())
    assert predict.max_batch == 1
    assert predict(ROWS[:2]) == [result for row in ROWS[:2] for result in predict([row])]
    assert "one by one" in caplog.text


@pytest.mark.parametrize(
    ("example", "why"),
    [(("a", 1.0, 1.0, 1.0), "not all"), ((1.0, 2.0), "another number of features")],
)
def test_examples_that_do_not_fit_leave_the_public_call(
    example: tuple[Any, ...], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing that is odd about an example keeps a model from serving."""
    predict = prepared(fitted(SVC()), example=example)
    assert not predict.is_fast
    assert why in predict.why


def test_an_unfitted_model_leaves_the_public_call(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever fails within the preparation is logged, and raised by nobody."""
    predict = prepared(SVC())
    assert not predict.is_fast
    assert "could not be prepared" in caplog.text


def test_frames_name_columns_and_arrays_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that was fitted to named columns is as fast, and start-up warns of nothing."""
    model = fitted(SVC())
    model.feature_names_in_ = np.array(["a", "b", "c", "d"], dtype=object)
    assert prepared(model).is_fast
