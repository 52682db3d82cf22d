"""Find the fast call of a model, prove it, and say in the log what came of it."""

from __future__ import annotations

import contextlib
import logging
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from runner.predict.fast import probe_rows
from runner.predict.fast.comparison import Comparison, MismatchError
from runner.predict.fast.direct_call import DirectCall
from runner.predict.fast.inner_call import Array, NoInnerCallError
from runner.predict.fast.known_estimators import inner_call, untested_version
from runner.predict.fast.predictor import Predictor

log = logging.getLogger(__name__)

PublicCall = Callable[[Sequence[Any]], Sequence[Any]]

_ROWS, _SECONDS = 1_500, 0.08
_ROWS_OF_BATCH_TEST, _ROWS_BISECTED = 40, 128


def prepare(  # noqa: PLR0913 - what a model is served with
    model: Any,
    public: PublicCall,
    *,
    example: Sequence[Any],
    probabilities: bool = False,
    ranges: Sequence[tuple[float, float]] | None = None,
    max_batch: int = 64,
) -> Predictor:
    """Make the quickest predictor that is proved to give what the public call gives.

    Takes some tenths of a second; to be called before workers are forked. Whatever is unknown
    or unlike leaves the public call, and the log says why.

    Args:
        model: The estimator.
        public: Calls its own ``predict``: takes rows, gives a Python scalar for each, or with
            ``probabilities`` a tuple of that and the list of the classes' probabilities.
        example: A row.
        probabilities: Whether they are asked for.
        ranges: The least and greatest value of each feature that the model has seen.
        max_batch: The most rows of one call.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"), _on_one_thread():
        warnings.simplefilter("ignore")  # made-up rows may overflow; arrays have no column names
        try:
            direct = _direct(model, example, wants_probabilities=probabilities)
            return _proved(direct, public, example, ranges, max_batch)
        except NoInnerCallError as error:
            why = f"{type(model).__name__} is asked by its own predict: {error}"
        except MismatchError as error:
            why = f"{type(model).__name__} is asked by its own predict: the fast call gave {error}"
            log.error("%s", why)
        except Exception as error:  # noqa: BLE001 - no way to be fast may keep a model from serving
            why = f"{type(model).__name__} is asked by its own predict: {error!r}"
            log.error("fast predict could not be prepared: %s", why)
        return _public_only(public, example, why, max_batch)


def _on_one_thread() -> contextlib.AbstractContextManager[object]:
    """Compute as a worker does: forked ones hang if OpenMP had threads before."""
    try:
        import threadpoolctl
    except ImportError:
        return contextlib.nullcontext()
    return threadpoolctl.threadpool_limits(1)  # type: ignore[no-any-return] # it has no types


def _direct(model: Any, example: Sequence[Any], *, wants_probabilities: bool) -> DirectCall:
    inner = inner_call(model)
    if version := untested_version():
        log.warning("fast predict is off: it was not tested with scikit-learn %s", version)
        raise NoInnerCallError(f"scikit-learn {version} was not tested")
    if any(not isinstance(value, int | float) for value in example):
        raise NoInnerCallError("not all of its features are numbers")
    if getattr(model, "n_features_in_", len(example)) != len(example):
        raise NoInnerCallError("the example has another number of features")
    return DirectCall(inner, len(example), wants_probabilities=wants_probabilities)


def _proved(
    direct: DirectCall,
    public: PublicCall,
    example: Sequence[Any],
    ranges: Sequence[tuple[float, float]] | None,
    max_batch: int,
) -> Predictor:
    start = time.perf_counter()
    array = probe_rows.ordinary_rows(tuple(example), ranges, direct.inner, _ROWS)
    closest = _bisected(direct, array[:_ROWS_BISECTED])
    rows = probe_rows.as_rows(np.concatenate([closest, array]))
    comparison = Comparison(public, _SECONDS)
    singles = comparison.singles(rows)
    equal = comparison.check(direct, rows, singles)
    if not equal:
        raise NoInnerCallError("there was no row to compare")
    extreme = list(probe_rows.extreme_rows(tuple(example)))
    comparison.check(direct, extreme, comparison.singles(extreme))
    is_batchable = comparison.is_batchable(rows, singles)
    seconds = time.perf_counter() - start
    why = f"predicts without scikit-learn's validation: equal on {equal:,} rows in {seconds:.2f} s"
    log.info("%s", why)
    return Predictor(public, direct, why=why, max_batch=max_batch, is_batchable=is_batchable)


def _bisected(direct: DirectCall, rows: Array) -> Array:
    """Find rows on the borders between classes; a number that is predicted has none."""

    def labels(array: Array) -> list[Any]:
        results = direct(probe_rows.as_rows(array))
        found = [None] * len(array) if results is None else results
        return [each[0] if isinstance(each, tuple) else each for each in found]

    known = labels(rows)
    if any(isinstance(label, float) for label in known):
        return rows[:0]
    end = time.perf_counter() + _SECONDS
    return probe_rows.rows_between_labels(rows, known, labels, lambda: time.perf_counter() < end)


def _public_only(public: PublicCall, example: Sequence[Any], why: str, max_batch: int) -> Predictor:
    rows = probe_rows.rows_around(example, _ROWS_OF_BATCH_TEST)
    comparison = Comparison(public, _SECONDS)
    is_batchable = comparison.is_batchable(rows, comparison.singles(rows))
    if not is_batchable:
        why = f"{why}; rows go one by one, for in a batch their results would change"
        log.warning("%s", why)
    return Predictor(public, why=why, max_batch=max_batch, is_batchable=is_batchable)
