"""Describe the calculation that lies within an estimator's ``predict``."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class NoInnerCallError(Exception):
    """Say why the calculation within a model's ``predict`` is not known."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitThresholds:
    """Hold where trees split.

    Attributes:
        features: Which feature is compared, (n_splits,).
        values: With what, (n_splits,).
    """

    features: Array
    values: Array


def no_boundaries() -> None:
    """Say that nothing is known of where the answers change."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transform:
    """Prepare rows as a step of a pipeline does.

    Attributes:
        apply: Gives new rows, (n_rows, n_features) float64; it leaves its own alone.
        undo: Gives rows that become those.
        fitted: The attributes that it was made of, as pairs of an estimator and a name.
    """

    apply: Callable[[Array], Array]
    undo: Callable[[Array], Array]
    fitted: tuple[tuple[Any, str], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class InnerCall:
    """Predict for rows that are known to be valid.

    Attributes:
        scores: From rows, (n_rows, n_features) float64 in C order, to what the rest needs.
        labels: From the scores to one Python scalar for each row.
        probabilities: From the scores to (n_rows, n_classes); None if that is not known.
        fitted: The attributes that it was made of, as pairs of an estimator and a name.
        boundaries: Finds where the answers are apt to change: the splits of trees, or rows.
        transforms: Applied before, one after the other.
    """

    scores: Callable[[Array], Array]
    labels: Callable[[Array], list[Any]]
    probabilities: Callable[[Array], Array] | None = None
    fitted: tuple[tuple[Any, str], ...]
    boundaries: Callable[[], SplitThresholds | Array | None] = no_boundaries
    transforms: tuple[Transform, ...] = ()


def is_exactly(model: Any, module: str, name: str) -> bool:
    """Tell whether a model is of this class itself, for a subclass may do anything."""
    return type(model) is getattr(sys.modules.get(module), name, None)


def require(is_so: bool, otherwise: str) -> None:
    """Insist on something without which the inner call would be another.

    Raises:
        NoInnerCallError: It is not so.
    """
    if not is_so:
        raise NoInnerCallError(otherwise)


def class_names(model: Any) -> list[Any]:
    """Give the classes of a classifier of one output as Python scalars.

    Raises:
        NoInnerCallError: It has several outputs.
    """
    classes = model.classes_
    require(isinstance(classes, np.ndarray) and classes.ndim == 1, "it has several outputs")
    return list(classes.tolist())


def label_of_highest(names: list[Any]) -> Callable[[Array], list[Any]]:
    """Name the class of the highest score of each row."""
    return lambda scores: [names[index] for index in scores.argmax(axis=1).tolist()]


def as_floats(scores: Array) -> list[Any]:
    """Give the scores themselves, (n_rows,)."""
    return list(scores.tolist())


def rows_as_scores(rows: Array) -> Array:
    """Leave all to what follows."""
    return rows
