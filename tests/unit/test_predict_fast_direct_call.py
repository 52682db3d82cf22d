"""A straight call answers valid rows, and leaves all others alone."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from support.fitted_models import fitted, public_call, rows_of

from runner.predict.fast.direct_call import DirectCall, RefittedError
from runner.predict.fast.inner_call import NoInnerCallError
from runner.predict.fast.known_estimators import inner_call

ROWS = rows_of()


def direct(model: Any) -> DirectCall:
    return DirectCall(inner_call(model), 4, wants_probabilities=False)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), float("-inf"), 3.5e38, -1e39, 1e300, 10**400, "1", None],
    ids=repr,
)
def test_a_row_that_may_be_refused_is_left_alone(value: Any) -> None:
    """NaN, infinities, what float32 cannot hold and what is no number take a closer look."""
    call = direct(fitted(DecisionTreeClassifier()))
    assert call([(5.1, value, 1.4, 0.2)]) is None
    assert call([ROWS[0], (5.1, value, 1.4, 0.2)]) is None


@pytest.mark.parametrize(
    "rows", [[(1.0, 2.0, 3.0)], [(1.0,) * 3, (1.0,) * 5], [(1.0,) * 5, (1.0,) * 3], []], ids=repr
)
def test_rows_of_another_length_are_left_alone(rows: list[Any]) -> None:
    """Rows never lend each other numbers, also if their lengths add up."""
    assert direct(fitted(SVC()))(rows) is None


@pytest.mark.filterwarnings("ignore")
def test_values_that_a_step_makes_too_large_are_left_alone() -> None:
    """What a scaler makes too large for a tree is refused by the tree, so it is looked at."""
    model = fitted(make_pipeline(StandardScaler(), DecisionTreeClassifier()))
    model[0].scale_[:] = 1e-10
    assert direct(model)([(1e30, 1.0, 1.0, 1.0)]) is None


def test_whole_numbers_count_as_floats() -> None:
    """A row of ints has the answer of the same row of floats."""
    model = fitted(SVC())
    assert direct(model)([(5, 3, 1, 0)]) == public_call(model)([(5.0, 3.0, 1.0, 0.0)])


def test_batches_of_changing_sizes_do_not_mix() -> None:
    """The memory is used again for each call, and no result remembers another's rows."""
    model = fitted(SVC())
    call, right = direct(model), public_call(model)(ROWS)
    for size in (1, 64, 3, 150, 1, 64):
        assert call(ROWS[-size:]) == right[-size:]


def test_threads_do_not_share_memory() -> None:
    """Calls at the same time give each its own answer."""
    inner = inner_call(fitted(SVC()))
    has_begun, may_go_on = threading.Event(), threading.Event()
    seen: list[Any] = []

    def scores(rows: Any) -> Any:
        if threading.current_thread() is slow:
            has_begun.set()
            assert may_go_on.wait(10)
        return np.array(rows)

    call = DirectCall(
        type(inner)(scores=scores, labels=lambda rows: rows.tolist(), fitted=()),
        4,
        wants_probabilities=False,
    )
    slow = threading.Thread(target=lambda: seen.append(call([ROWS[0]])))
    assert call([ROWS[50]]) == [list(ROWS[50])]
    slow.start()
    assert has_begun.wait(10)
    assert call([ROWS[100]]) == [list(ROWS[100])]
    may_go_on.set()
    slow.join(10)
    assert seen == [[list(ROWS[0])]]


def test_a_model_that_is_fitted_again_is_seen_at_once() -> None:
    """The inner call of what the model was is never used for what it has become."""
    model = fitted(make_pipeline(StandardScaler(), SVC()))
    call = direct(model)
    assert call(ROWS[:1]) == [0]
    fitted(model)
    with pytest.raises(RefittedError):
        call(ROWS[:1])


def test_probabilities_need_an_inner_call_too() -> None:
    """Where only the label's calculation is known, there are no fast probabilities."""
    inner = inner_call(fitted(RidgeClassifier()))
    with pytest.raises(NoInnerCallError, match="probabilities"):
        DirectCall(inner, 4, wants_probabilities=True)
