"""Compute linear models row by row, so that a row's bits do not depend on its neighbours.

A product of two matrices adds up in another order than that of one row and a matrix, and its
last bits may differ. A stack of one-row products, which is still one call, does not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from runner.predict.fast.inner_call import (
    Array,
    InnerCall,
    as_floats,
    class_names,
    label_of_highest,
    require,
)

_FITTED = ("coef_", "intercept_")


def regressor(model: Any) -> InnerCall:
    """Find the inner call of a linear regressor.

    Raises:
        NoInnerCallError: It has several outputs, or was made sparse.
    """
    coefficients = _dense(model)
    require(coefficients.ndim == 1, "it has several outputs")
    return InnerCall(
        scores=_scores(coefficients, model.intercept_, is_flat=True),
        labels=as_floats,
        fitted=tuple((model, name) for name in _FITTED),
    )


def classifier(model: Any) -> InnerCall:
    """Find the inner call of a linear classifier without probabilities.

    Raises:
        NoInnerCallError: It has several outputs, or was made sparse.
    """
    coefficients = _dense(model)
    names = class_names(model)
    is_binary = coefficients.ndim == 1 or len(coefficients) == 1
    return InnerCall(
        scores=_scores(coefficients.T, model.intercept_, is_flat=is_binary),
        labels=_named_by_sign(names) if is_binary else label_of_highest(names),
        fitted=tuple((model, name) for name in _FITTED),
    )


def logistic(model: Any) -> InnerCall:
    """Find the inner call of a LogisticRegression.

    Raises:
        NoInnerCallError: It has several outputs, or was made sparse.
    """
    is_binary = len(class_names(model)) == 2
    probabilities = _logistic_of_two if is_binary else _softmax
    return dataclasses.replace(classifier(model), probabilities=probabilities)


def _dense(model: Any) -> Array:
    coefficients = model.coef_
    require(isinstance(coefficients, np.ndarray), "its coefficients are sparse")
    return coefficients  # type: ignore[no-any-return] # checked above


def _scores(matrix: Array, intercept: Any, *, is_flat: bool) -> Callable[[Array], Array]:
    def scores(rows: Array) -> Array:
        if len(rows) == 1:
            found: Array = rows @ matrix + intercept
        else:
            found = (rows[:, None, :] @ matrix)[:, 0] + intercept
        return found.reshape(-1) if is_flat else found

    return scores


def _named_by_sign(names: list[Any]) -> Callable[[Array], list[Any]]:
    return lambda scores: [names[score > 0] for score in scores.tolist()]


def _logistic_of_two(scores: Array) -> Array:
    from scipy.special import expit

    second = expit(scores)
    return np.stack([1 - second, second], axis=1)


def _softmax(scores: Array) -> Array:
    found: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    return found
