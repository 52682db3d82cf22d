"""Know by its exact class, and for tested versions, what calculation lies within ``predict``."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from runner.predict.fast import histogram_boosting, linear, support_vectors, transforms, trees
from runner.predict.fast.inner_call import (
    InnerCall,
    NoInnerCallError,
    Transform,
    is_exactly,
    require,
)

# Each was tested with this folder's tests; see benchmarks/fast_predict.py.
TESTED = ("1.5", "1.6", "1.7", "1.8", "1.9")

_FOREST = "sklearn.ensemble._forest"
_BOOSTING = "sklearn.ensemble._gb"
_HISTOGRAMS = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting"
_SVM = "sklearn.svm._classes"
_TREE = "sklearn.tree._classes"
_PREPROCESSING = "sklearn.preprocessing._data"
_SEARCH = "sklearn.model_selection._search"

ESTIMATORS: Mapping[tuple[str, str], Callable[[Any], InnerCall]] = {
    (_SVM, "SVC"): support_vectors.classifier,
    (_SVM, "NuSVC"): support_vectors.classifier,
    (_SVM, "SVR"): support_vectors.regressor,
    (_SVM, "NuSVR"): support_vectors.regressor,
    (_SVM, "LinearSVC"): linear.classifier,
    (_SVM, "LinearSVR"): linear.regressor,
    ("sklearn.linear_model._logistic", "LogisticRegression"): linear.logistic,
    ("sklearn.linear_model._stochastic_gradient", "SGDClassifier"): linear.classifier,
    ("sklearn.linear_model._perceptron", "Perceptron"): linear.classifier,
    ("sklearn.linear_model._ridge", "RidgeClassifier"): linear.classifier,
    ("sklearn.linear_model._base", "LinearRegression"): linear.regressor,
    ("sklearn.linear_model._ridge", "Ridge"): linear.regressor,
    ("sklearn.linear_model._coordinate_descent", "Lasso"): linear.regressor,
    ("sklearn.linear_model._coordinate_descent", "ElasticNet"): linear.regressor,
    (_TREE, "DecisionTreeClassifier"): trees.tree_classifier,
    (_TREE, "ExtraTreeClassifier"): trees.tree_classifier,
    (_TREE, "DecisionTreeRegressor"): trees.tree_regressor,
    (_TREE, "ExtraTreeRegressor"): trees.tree_regressor,
    (_FOREST, "RandomForestClassifier"): trees.forest_classifier,
    (_FOREST, "ExtraTreesClassifier"): trees.forest_classifier,
    (_FOREST, "RandomForestRegressor"): trees.forest_regressor,
    (_FOREST, "ExtraTreesRegressor"): trees.forest_regressor,
    (_BOOSTING, "GradientBoostingClassifier"): trees.boosting_classifier,
    (_BOOSTING, "GradientBoostingRegressor"): trees.boosting_regressor,
    (_HISTOGRAMS, "HistGradientBoostingClassifier"): histogram_boosting.classifier,
    (_HISTOGRAMS, "HistGradientBoostingRegressor"): histogram_boosting.regressor,
}
STEPS: Mapping[tuple[str, str], Callable[[Any], Transform]] = {
    (_PREPROCESSING, "StandardScaler"): transforms.standard_scaler,
    (_PREPROCESSING, "MinMaxScaler"): transforms.min_max_scaler,
    (_PREPROCESSING, "MaxAbsScaler"): transforms.max_abs_scaler,
    (_PREPROCESSING, "RobustScaler"): transforms.robust_scaler,
    ("sklearn.impute._base", "SimpleImputer"): transforms.simple_imputer,
}
SEARCHES = ((_SEARCH, "GridSearchCV"), (_SEARCH, "RandomizedSearchCV"))


def inner_call(model: Any) -> InnerCall:
    """Find the calculation within a model's ``predict``.

    Raises:
        NoInnerCallError: It is not known.
    """
    own = {"predict", "predict_proba", "transform"} & set(getattr(model, "__dict__", {}))
    require(not own, "its predict was replaced")
    if is_exactly(model, "sklearn.pipeline", "Pipeline"):
        return _pipeline(model)
    if any(is_exactly(model, *place) for place in SEARCHES):
        found = inner_call(model.best_estimator_)
        return dataclasses.replace(found, fitted=((model, "best_estimator_"), *found.fitted))
    make: Callable[[Any], InnerCall] = _looked_up(ESTIMATORS, model)
    return make(model)


def _pipeline(model: Any) -> InnerCall:
    *before, (_, last) = model.steps
    steps = [step for _, step in before if step is not None and not _passes_through(step)]
    found = inner_call(last)
    transforms = [_looked_up(STEPS, step)(step) for step in steps]
    fitted = ((model, "steps"), *found.fitted)
    return dataclasses.replace(found, fitted=fitted, transforms=(*transforms, *found.transforms))


def _passes_through(step: Any) -> bool:
    return isinstance(step, str) and step == "passthrough"


def _looked_up(table: Mapping[tuple[str, str], Any], model: Any) -> Any:
    for place, make in table.items():
        if is_exactly(model, *place):
            return make
    raise NoInnerCallError(f"what is within a {type(model).__name__} is not known")


def untested_version() -> str:
    """Give the version of scikit-learn that is loaded, if it was not tested; else nothing."""
    version = str(getattr(sys.modules.get("sklearn"), "__version__", "unknown"))
    # A release candidate or a development version may be anything.
    found = re.fullmatch(r"(\d+\.\d+)(\.\d+)?(\.post\d+)?", version)
    return "" if found and found[1] in TESTED else version
