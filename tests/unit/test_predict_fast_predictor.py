"""A predictor goes on checking, and gives the fast call up at the first doubt."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from support.fitted_models import fitted, public_call, rows_of

from runner.predict.fast.comparison import result_or_error
from runner.predict.fast.direct_call import DirectCall
from runner.predict.fast.known_estimators import inner_call
from runner.predict.fast.predictor import CHECK_EVERY, Predictor

ROWS = rows_of()


class Clock:
    """Seconds that pass when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """The public call, counted."""

    def __init__(self, model: Any) -> None:
        self.call, self.asked = public_call(model), 0

    def __call__(self, rows: Sequence[Any]) -> Sequence[Any]:
        self.asked += 1
        return self.call(rows)


def predictor_of(model: Any, clock: Clock | None = None, **options: Any) -> tuple[Any, Counted]:
    direct = DirectCall(inner_call(model), 4, wants_probabilities=False)
    public = Counted(model)
    return Predictor(public, direct, clock=clock or Clock(), **options), public


def test_the_public_call_is_not_on_the_way() -> None:
    """Requests are answered by the fast call alone; the check is left for later."""
    predict, public = predictor_of(fitted(SVC()))
    assert predict(ROWS[:1]) == [0]
    assert public.asked == 0
    predict.check_later()
    assert (public.asked, predict.checks, predict.is_fast) == (1, 1, True)


def test_one_call_in_a_thousand_is_checked() -> None:
    """After a check the next thousand calls are not, however much time passes."""
    clock = Clock()
    predict, public = predictor_of(fitted(SVC()), clock)
    predict(ROWS[:1])
    predict.check_later()
    for _ in range(CHECK_EVERY):
        clock.now += 1
        predict(ROWS[:1])
        predict.check_later()
    assert public.asked == 1
    predict(ROWS[:1])
    predict.check_later()
    assert public.asked == 2


def test_checks_are_rare_under_load() -> None:
    """However many calls there are, a second sees two checks at most."""
    clock = Clock()
    predict, public = predictor_of(fitted(SVC()), clock)
    for _ in range(5 * CHECK_EVERY):
        clock.now += 0.0001
        predict(ROWS[:1])
        predict.check_later()
    assert public.asked <= 2


def test_checks_are_made_without_the_hook() -> None:
    """If nobody calls for it later, the check is made when the next one is due."""
    clock = Clock()
    predict, public = predictor_of(fitted(SVC()), clock)
    for _ in range(CHECK_EVERY + 2):
        clock.now += 1
        predict(ROWS[:1])
    assert public.asked == 1


def test_a_mismatch_ends_the_fast_call_for_good(caplog: pytest.LogCaptureFixture) -> None:
    """A model changed behind our back is noticed; from then on its own predict answers."""
    model = fitted(RandomForestClassifier(n_estimators=3, random_state=0))
    predict, _ = predictor_of(model)
    opposite = fitted(DecisionTreeClassifier())
    opposite.fit(ROWS, [2 - (number // 50) for number in range(150)])
    model.estimators_[:] = [opposite] * 3
    assert predict(ROWS[:1]) == [0]
    predict.check_later()
    assert predict(ROWS[:1]) == [2]
    assert (predict.is_fast, predict.mismatches) == (False, 1)
    predict.check_later()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "0 instead of 2 for the row (5.1, 3.5, 1.4, 0.2)" in record.getMessage()
    assert "0 instead of 2" in predict.why


def test_an_error_within_ends_the_fast_call(caplog: pytest.LogCaptureFixture) -> None:
    """A model that is fitted anew while it serves is answered by its own predict, at once."""
    model = fitted(SVC())
    predict, public = predictor_of(model)
    model.fit(ROWS, [2 - (number // 50) for number in range(150)])
    assert predict(ROWS[:2]) == [2, 2]
    assert (predict.is_fast, predict.mismatches, public.asked) == (False, 1, 1)
    assert "RefittedError" in caplog.text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39])
def test_refusals_are_the_public_ones(value: float) -> None:
    """A refused row gets the public refusal in its place, and its neighbours their answers."""
    model = fitted(RandomForestClassifier(n_estimators=3, random_state=0))
    predict, public = predictor_of(model)
    bad = (5.1, value, 1.4, 0.2)
    first, second, third = predict([ROWS[0], bad, ROWS[100]])
    assert [first, third] == public([ROWS[0], ROWS[100]])
    assert repr(second) == repr(result_or_error(public, bad))
    assert predict.is_fast


def test_rows_that_batches_would_change_go_one_by_one() -> None:
    """Without a fast call, a model that mixes its rows is asked about each alone."""
    predict = Predictor(lambda rows: [sum(rows)], is_batchable=False)
    assert predict.max_batch == 1
    assert predict([1, 2]) == [1, 2]


def test_a_fast_call_may_be_batched_though_the_public_one_may_not() -> None:
    """The fast call is right in batches; when it is given up, rows go one by one."""
    model = fitted(SVC())
    predict, public = predictor_of(model, is_batchable=False, max_batch=32)
    assert predict.max_batch == 32
    fitted(model)
    assert predict(ROWS[:3]) == [0, 0, 0]
    assert public.asked == 3
