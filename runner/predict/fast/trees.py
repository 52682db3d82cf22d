"""Walk decision trees, forests and boosted trees as scikit-learn does, without its validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from runner.predict.fast.inner_call import (
    Array,
    InnerCall,
    SplitThresholds,
    as_floats,
    class_names,
    is_exactly,
    label_of_highest,
    require,
)


def tree_classifier(model: Any) -> InnerCall:
    """Find the inner call of one classifying tree.

    Raises:
        NoInnerCallError: It has several outputs.
    """
    walk = model.tree_.predict
    return InnerCall(
        scores=lambda rows: walk(rows.astype(np.float32)),
        labels=label_of_highest(class_names(model)),
        probabilities=_scores_themselves,
        fitted=((model, "tree_"),),
        boundaries=lambda: _thresholds([model.tree_]),
    )


def tree_regressor(model: Any) -> InnerCall:
    """Find the inner call of one regression tree.

    Raises:
        NoInnerCallError: It has several outputs.
    """
    require(model.n_outputs_ == 1, "it has several outputs")
    walk = model.tree_.predict
    return InnerCall(
        scores=lambda rows: walk(rows.astype(np.float32))[:, 0],
        labels=as_floats,
        fitted=((model, "tree_"),),
        boundaries=lambda: _thresholds([model.tree_]),
    )


def forest_classifier(model: Any) -> InnerCall:
    """Find the inner call of a classifying forest.

    Raises:
        NoInnerCallError: It has several outputs.
    """
    names = class_names(model)
    return InnerCall(
        scores=_mean(model),
        labels=label_of_highest(names),
        probabilities=_scores_themselves,
        fitted=((model, "estimators_"),),
        boundaries=lambda: _thresholds(tree.tree_ for tree in model.estimators_),
    )


def forest_regressor(model: Any) -> InnerCall:
    """Find the inner call of a forest for regression.

    Raises:
        NoInnerCallError: It has several outputs.
    """
    require(model.n_outputs_ == 1, "it has several outputs")
    mean = _mean(model)
    return InnerCall(
        scores=lambda rows: mean(rows)[:, 0],
        labels=as_floats,
        fitted=((model, "estimators_"),),
        boundaries=lambda: _thresholds(tree.tree_ for tree in model.estimators_),
    )


def boosting_classifier(model: Any) -> InnerCall:
    """Find the inner call of a GradientBoostingClassifier.

    Raises:
        NoInnerCallError: What it starts from is not a constant.
    """
    names = class_names(model)
    raw = _raw_scores(model)
    is_binary = len(names) == 2
    return InnerCall(
        scores=raw,
        labels=_named_by_sign(names) if is_binary else label_of_highest(names),
        probabilities=model._loss.predict_proba,
        fitted=((model, "estimators_"),),
        boundaries=lambda: _thresholds(tree.tree_ for tree in model.estimators_.ravel()),
    )


def boosting_regressor(model: Any) -> InnerCall:
    """Find the inner call of a GradientBoostingRegressor.

    Raises:
        NoInnerCallError: What it starts from is not a constant.
    """
    raw = _raw_scores(model)
    return InnerCall(
        scores=lambda rows: raw(rows).ravel(),
        labels=as_floats,
        fitted=((model, "estimators_"),),
        boundaries=lambda: _thresholds(tree.tree_ for tree in model.estimators_.ravel()),
    )


def _scores_themselves(scores: Array) -> Array:
    return scores


def _mean(model: Any) -> Callable[[Array], Array]:
    """Average over the trees in their order, as ``_accumulate_prediction`` does on one thread."""
    walks = [tree.tree_.predict for tree in model.estimators_]
    width = model.estimators_[0].tree_.value.shape[2]

    def mean(rows: Array) -> Array:
        narrow = rows.astype(np.float32)
        total = np.zeros((len(rows), width))
        for walk in walks:
            total += walk(narrow)
        total /= len(walks)
        return total

    return mean


def _raw_scores(model: Any) -> Callable[[Array], Array]:
    from sklearn.ensemble._gradient_boosting import predict_stages

    start = model.init_
    is_constant = isinstance(start, str) and start == "zero"
    for name in ("DummyClassifier", "DummyRegressor"):
        is_constant |= is_exactly(start, "sklearn.dummy", name)
    require(is_constant, "what it starts from is not a constant")
    first = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))
    trees, rate = model.estimators_, model.learning_rate

    def raw(rows: Array) -> Array:
        scores = np.repeat(first, len(rows), axis=0)
        predict_stages(trees, rows.astype(np.float32), rate, scores)
        return scores

    return raw


def _named_by_sign(names: list[Any]) -> Callable[[Array], list[Any]]:
    return lambda scores: [names[score >= 0] for score in scores.ravel().tolist()]


def _thresholds(trees: Iterable[Any]) -> SplitThresholds:
    features, values = [], []
    for tree in trees:
        is_split = tree.children_left != -1
        features.append(tree.feature[is_split])
        values.append(tree.threshold[is_split])
    return SplitThresholds(features=np.concatenate(features), values=np.concatenate(values))
