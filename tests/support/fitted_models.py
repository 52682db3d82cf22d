"""What the tests of fast predictions use: fitted models, rows, and the public call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris

Row = tuple[float, ...]

DATA = {
    "iris": load_iris,
    "digits": load_digits,
    "breast-cancer": load_breast_cancer,
    "diabetes": load_diabetes,
}


def fitted(model: Any, data: str = "iris", names: Sequence[str] = ()) -> Any:
    """Fit a model to a data set, whose classes may be named."""
    rows, target = DATA[data](return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether it converges is not the question here
        return model.fit(rows, np.array(names)[target] if names else target)


def rows_of(data: str = "iris", every: int = 1) -> list[Row]:
    """Give a data set's rows as requests bring them."""
    return [tuple(row) for row in DATA[data]().data[::every].tolist()]


def public_call(
    model: Any, *, probabilities: bool = False
) -> Callable[[Sequence[Row]], Sequence[Any]]:
    """Give the call that every faster one must equal."""

    def predict(rows: Sequence[Row]) -> Sequence[Any]:
        array = np.array(rows, dtype=float)
        labels: list[Any] = model.predict(array).tolist()
        if not probabilities:
            return labels
        return list(zip(labels, model.predict_proba(array).tolist(), strict=True))

    return predict


def one_by_one(call: Callable[[Sequence[Row]], Sequence[Any]], rows: Sequence[Row]) -> list[Any]:
    """Ask about each row alone."""
    return [result for row in rows for result in call([row])]


def in_batches(
    call: Callable[[Sequence[Row]], Sequence[Any]], rows: Sequence[Row], size: int = 64
) -> list[Any]:
    """Ask about many rows at once."""
    return [
        result for start in range(0, len(rows), size) for result in call(rows[start : start + size])
    ]
