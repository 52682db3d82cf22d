"""Make the endpoints of what ``serve`` was given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runner.config import NAME
from runner.predict.endpoints import Endpoint
from runner.predict.functions import function_endpoint
from runner.predict.models import model_endpoint
from runner.predict.row_format import knows_its_features
from runner.predict.service_routes import RESERVED
from runner.predict.targets import (
    EndpointOptions,
    TargetWithOptions,
    has_hints,
    is_function,
    is_model,
)

_NAME = re.compile(NAME)


def endpoints_of(target: Any, name: str, options: EndpointOptions) -> list[Endpoint]:
    """Make the endpoints of a model, a function, or several of them by name.

    Raises:
        TypeError: One of them cannot be served.
        ValueError: A name cannot be a path.
    """
    if not isinstance(target, Mapping):
        return [_endpoint(target, name or "predict", "/", options)]
    if options != EndpointOptions():
        raise TypeError(
            "with several targets each has options of its own: "
            'serve({"price": endpoint(price, example=...)})'
        )
    if not target:
        raise TypeError("serve({}): there is nothing to serve")
    return [_endpoint(each, checked_name(key), f"/{key}", options) for key, each in target.items()]


def checked_name(name: Any) -> str:
    """Accept the name of an endpoint.

    Raises:
        ValueError: It cannot be a path, or is one of ours.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a path: use letters, digits, - and _")
    if name in RESERVED:
        raise ValueError(f"{name!r} is a path of the runner's own: choose another name")
    return name


def _endpoint(target: Any, name: str, path: str, options: EndpointOptions) -> Endpoint:
    if isinstance(target, TargetWithOptions):
        return _endpoint(target.target, name, path, target.options)
    if is_model(target):
        # A model of the author's own may say by type hints what it takes.
        is_typed = options.example is None and not knows_its_features(target)
        if is_typed and is_function(target.predict) and has_hints(target.predict):
            return function_endpoint(target.predict, name, path, options)
        return model_endpoint(target, name, path, options)
    if callable(target) and not isinstance(target, type):
        return function_endpoint(target, name, path, options)
    raise TypeError(f"{target!r:.80} is neither a model, which has predict, nor a function")
