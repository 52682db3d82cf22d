"""Tell models and functions, which are answered for, from apps, which answer by themselves."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from runner.predict.options import BATCHED, Wanted

_APPS = (("environ", "start_response"), ("env", "start_response"), ("scope", "receive", "send"))


def is_target(target: Any) -> bool:
    """Tell whether something is to be served by endpoints of ours, and is no app itself."""
    return isinstance(target, Mapping | Wanted) or is_model(target) or is_function(target)


def is_model(target: Any) -> bool:
    """Tell what predicts."""
    return not isinstance(target, type) and callable(getattr(target, "predict", None))


def is_function(target: Any) -> bool:
    """Tell a function with type hints from an app, whose parameters are what HTTP brings."""
    if isinstance(target, type) or not callable(target):
        return False
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return False
    if tuple(parameters) in _APPS:
        return False
    hinted = all(each.annotation is not each.empty for each in parameters.values())
    return bool(parameters) and (hinted or hasattr(target, BATCHED))
