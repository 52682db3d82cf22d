"""Scale rows as the steps of a pipeline do, without their validation."""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.predict.fast.inner_call import Array, Transform, require


def standard_scaler(step: Any) -> Transform:
    """Find the inner call of a StandardScaler."""
    mean = step.mean_ if step.with_mean else None
    scale = step.scale_ if step.with_std else None
    return _moved_then_scaled(step, mean, scale, ("mean_", "scale_"))


def robust_scaler(step: Any) -> Transform:
    """Find the inner call of a RobustScaler."""
    middle = step.center_ if step.with_centering else None
    scale = step.scale_ if step.with_scaling else None
    return _moved_then_scaled(step, middle, scale, ("center_", "scale_"))


def max_abs_scaler(step: Any) -> Transform:
    """Find the inner call of a MaxAbsScaler.

    Raises:
        NoInnerCallError: It clips.
    """
    require(not getattr(step, "clip", False), "a MaxAbsScaler clips")
    return _moved_then_scaled(step, None, step.scale_, ("scale_",))


def min_max_scaler(step: Any) -> Transform:
    """Find the inner call of a MinMaxScaler."""
    scale, least = step.scale_, step.min_
    low, high = step.feature_range

    def apply(rows: Array) -> Array:
        found: Array = rows * scale
        found += least
        if step.clip:
            np.clip(found, low, high, out=found)
        return found

    def undo(rows: Array) -> Array:
        found: Array = (rows - least) / scale
        return found

    return Transform(apply=apply, undo=undo, fitted=((step, "scale_"), (step, "min_")))


def simple_imputer(step: Any) -> Transform:
    """Find the inner call of a SimpleImputer: to leave alone rows in which nothing is missing.

    Raises:
        NoInnerCallError: It does more than that.
    """
    is_missing = step.missing_values
    require(isinstance(is_missing, float) and np.isnan(is_missing), "it imputes other than NaN")
    is_plain = not step.add_indicator and not np.isnan(step.statistics_).any()
    require(is_plain, "a SimpleImputer adds or drops features")
    return Transform(apply=_unchanged, undo=_unchanged, fitted=((step, "statistics_"),))


def _unchanged(rows: Array) -> Array:
    return rows


def _moved_then_scaled(
    step: Any, middle: Array | None, scale: Array | None, names: tuple[str, ...]
) -> Transform:
    def apply(rows: Array) -> Array:
        found = rows.copy() if middle is None else rows - middle
        if scale is not None:
            found /= scale
        return found

    def undo(rows: Array) -> Array:
        found = rows if scale is None else rows * scale
        return found if middle is None else found + middle

    return Transform(apply=apply, undo=undo, fitted=tuple((step, name) for name in names))
