"""Call libsvm as support-vector machines do, without their validation, or let `RbfVotes` tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runner.predict.fast.inner_call import (
    Array,
    InnerCall,
    as_floats,
    class_names,
    require,
    rows_as_scores,
)
from runner.predict.fast.rbf_votes import RbfVotes

_KERNELS = ("linear", "poly", "rbf", "sigmoid")


def classifier(model: Any) -> InnerCall:
    """Find the inner call of an SVC or NuSVC.

    Raises:
        NoInnerCallError: Its kernel, its data or its options need more than libsvm's own call.
    """
    names = class_names(model)
    require(not model.break_ties or len(names) == 2, "it breaks ties")
    predict, probabilities = _calls(model)
    named = {float(index): name for index, name in enumerate(names)}
    votes = RbfVotes(model, predict) if RbfVotes.is_for(model) else None

    def labels(rows: Array) -> list[Any]:
        indices = predict(rows).tolist() if votes is None else votes(rows)
        return [named[index] for index in indices]

    return InnerCall(
        scores=rows_as_scores,
        labels=labels,
        probabilities=probabilities if model.probability is True else None,
        fitted=_fitted(model),
        boundaries=lambda: model.support_vectors_,
    )


def regressor(model: Any) -> InnerCall:
    """Find the inner call of an SVR or NuSVR.

    Raises:
        NoInnerCallError: Its kernel or its data need more than libsvm's own call.
    """
    predict, _ = _calls(model)
    return InnerCall(
        scores=predict,
        labels=as_floats,
        fitted=_fitted(model),
        boundaries=lambda: model.support_vectors_,
    )


def _calls(model: Any) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Bind libsvm's two calls to a model, as ``BaseLibSVM._dense_predict`` does."""
    from sklearn.svm import _libsvm
    from sklearn.svm._base import LIBSVM_IMPL

    require(isinstance(model.kernel, str) and model.kernel in _KERNELS, "its kernel is its own")
    require(not model._sparse, "it was fitted to sparse rows")
    support = model.support_vectors_
    is_whole = support.size == 0 or model.n_support_.sum() == len(support)
    require(is_whole, "its support vectors were altered")
    settings = {
        "svm_type": LIBSVM_IMPL.index(model._impl),
        "kernel": model.kernel,
        "degree": model.degree,
        "coef0": model.coef0,
        "gamma": model._gamma,
        "cache_size": model.cache_size,
    }
    arrays = [getattr(model, name) for name in _ARRAYS]
    return (
        lambda rows: _libsvm.predict(rows, *arrays, **settings),
        lambda rows: _libsvm.predict_proba(rows, *arrays, **settings),
    )


_ARRAYS = (
    "support_",
    "support_vectors_",
    "_n_support",
    "_dual_coef_",
    "_intercept_",
    "_probA",
    "_probB",
)


def _fitted(model: Any) -> tuple[tuple[Any, str], ...]:
    return ((model, "support_vectors_"), (model, "_dual_coef_"), (model, "_intercept_"))
