"""Add up the trees of histogram gradient boosting as scikit-learn does, without its validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from runner.predict.fast.inner_call import (
    Array,
    InnerCall,
    SplitThresholds,
    as_floats,
    class_names,
    label_of_highest,
    require,
)


def classifier(model: Any) -> InnerCall:
    """Find the inner call of a HistGradientBoostingClassifier.

    Raises:
        NoInnerCallError: It encodes categories first.
    """
    names = class_names(model)
    is_binary = model.n_trees_per_iteration_ == 1
    return InnerCall(
        scores=_raw_scores(model),
        labels=_named_by_sign(names) if is_binary else label_of_highest(names),
        probabilities=model._loss.predict_proba,
        fitted=((model, "_predictors"),),
        boundaries=lambda: _thresholds(model),
    )


def regressor(model: Any) -> InnerCall:
    """Find the inner call of a HistGradientBoostingRegressor.

    Raises:
        NoInnerCallError: It encodes categories first.
    """
    raw = _raw_scores(model)
    inverse = model._loss.link.inverse
    return InnerCall(
        scores=lambda rows: inverse(raw(rows).ravel()),
        labels=as_floats,
        fitted=((model, "_predictors"),),
        boundaries=lambda: _thresholds(model),
    )


def _raw_scores(model: Any) -> Callable[[Array], Array]:
    """Sum the trees one after the other, from the baseline on: the order decides the last bits."""
    from sklearn.ensemble._hist_gradient_boosting._predictor import _predict_from_raw_data

    require(getattr(model, "_preprocessor", None) is None, "it encodes categories first")
    known, places = model._bin_mapper.make_known_categories_bitsets()
    trees = [
        (tree.nodes, tree.raw_left_cat_bitsets)
        for iteration in model._predictors
        for tree in iteration
    ]
    baseline = model._baseline_prediction.reshape(-1, 1)
    width = model.n_trees_per_iteration_

    def raw(rows: Array) -> Array:
        count = len(rows)
        table = np.empty((len(trees) + width, count))
        table[:width] = baseline
        for (nodes, categories), found in zip(trees, table[width:], strict=True):
            # One thread: OpenMP's own would hang in a forked worker.
            _predict_from_raw_data(nodes, rows, categories, known, places, 1, found)
        steps = table.reshape(-1, width, count)
        # In C order a softmax adds each row up as it does a row alone.
        return np.ascontiguousarray(np.add.accumulate(steps, axis=0)[-1].T)

    return raw


def _named_by_sign(names: list[Any]) -> Callable[[Array], list[Any]]:
    return lambda scores: [names[score > 0] for score in scores.ravel().tolist()]


def _thresholds(model: Any) -> SplitThresholds:
    features, values = [], []
    for iteration in model._predictors:
        for tree in iteration:
            splits = tree.nodes[(tree.nodes["is_leaf"] == 0) & (tree.nodes["is_categorical"] == 0)]
            features.append(splits["feature_idx"])
            values.append(splits["num_threshold"])
    return SplitThresholds(features=np.concatenate(features), values=np.concatenate(values))
