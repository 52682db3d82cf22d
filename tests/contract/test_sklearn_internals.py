"""What we use of scikit-learn that its documentation does not promise.

That the inner calls give what the public ones give, to the last bit, is tested by
`test_predict_fast_known_estimators`.
"""

from __future__ import annotations

import importlib

import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.svm import SVC
from support.insides import require

from runner.predict.fast.known_estimators import ESTIMATORS, STEPS, TESTED


def test_this_scikit_learn_was_tried() -> None:
    """Another one is served by its public calls, which is slower; the log says so."""
    version = ".".join(sklearn.__version__.split(".")[:2])
    assert version in TESTED, f"scikit-learn {version} is not among {TESTED}"


@pytest.mark.parametrize(("module", "name"), [*ESTIMATORS, *STEPS])
def test_every_estimator_that_we_know_is_where_it_was(module: str, name: str) -> None:
    """It is known by its exact class: one that moved would be served by its public call."""
    require(importlib.import_module(module), name)


def test_the_calls_below_the_public_ones_are_there() -> None:
    """Those of libsvm and of the two kinds of boosting; trees are asked by their own class."""
    for module, names in {
        "sklearn.ensemble._gradient_boosting": ["predict_stages"],
        "sklearn.ensemble._hist_gradient_boosting._predictor": ["_predict_from_raw_data"],
        "sklearn.svm._base": ["LIBSVM_IMPL"],
        "sklearn.svm._libsvm": ["predict", "predict_proba"],
    }.items():
        require(importlib.import_module(module), *names)


def test_fitted_models_have_what_these_calls_are_given() -> None:
    """Their state is bound once, when a model is served."""
    data, target = load_iris(return_X_y=True)
    vectors = SVC().fit(data, target)
    require(vectors, "_impl", "_gamma", "_sparse", "_n_support", "_dual_coef_", "_intercept_")
    require(vectors, "_probA", "_probB", "support_", "support_vectors_")
    boosted = GradientBoostingClassifier(n_estimators=2).fit(data, target)
    require(boosted, "_loss", "_raw_predict_init", "init_", "estimators_")
    require(boosted.estimators_[0][0].tree_, "predict", "feature", "threshold", "children_left")
    histograms = HistGradientBoostingClassifier(max_iter=2).fit(data, target)
    require(histograms, "_loss", "_bin_mapper", "_baseline_prediction", "_predictors")
    require(histograms._bin_mapper, "make_known_categories_bitsets")
    (tree, *_), *_ = histograms._predictors
    require(tree, "nodes", "raw_left_cat_bitsets")
    for field in ("is_leaf", "is_categorical", "feature_idx", "num_threshold"):
        assert field in tree.nodes.dtype.names, f"the field {field!r} of a tree's nodes is gone"
