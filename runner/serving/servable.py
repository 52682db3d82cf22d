"""Look at what a notebook has left in its namespace: what is an app, and what could be served."""

from __future__ import annotations

import contextlib
import inspect
import types
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

_MOST_HINTS = 3
_LAST_PARAMETERS = {"send": "ASGI", "start_response": "WSGI"}


def is_app(value: Any) -> bool:
    """Tell whether something can be called as an ASGI or a WSGI app, and is meant to be."""
    from runner.serving.app_kind import kind_of

    if isinstance(value, type):
        return False
    with contextlib.suppress(TypeError):
        return bool(kind_of(value))
    return False


def servable_in(names: Mapping[str, Any]) -> list[str]:
    """Say what of a notebook's names could be served, and by which call; a few at most."""
    return list(islice(_servable(names), _MOST_HINTS))


def _servable(names: Mapping[str, Any]) -> Iterator[str]:
    for name, value in names.items():
        if name.startswith("_") or isinstance(value, type | types.ModuleType):
            continue
        if kind := _kind_of_app(value):
            yield f"`{name}` is {_ARTICLES[kind]} app: `serve({name})`"
        elif inspect.isfunction(value) and name.startswith("predict"):
            yield f"`{name}` is a function: `serve({name})`"
        elif not inspect.isfunction(value) and _predicts(value):
            yield f"`{name}` has `predict`: `serve({name})`"


_ARTICLES = {"ASGI": "an ASGI", "WSGI": "a WSGI"}


def _kind_of_app(value: Any) -> str:
    """Tell an app by the name of its last parameter: a function of three is not yet one."""
    if not callable(value):
        return ""
    try:
        parameters = list(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return ""
    return _LAST_PARAMETERS.get(parameters[-1], "") if len(parameters) in {2, 3} else ""


def _predicts(value: Any) -> bool:
    # Looked up on its type: an object may answer to every name, and by some work.
    return callable(getattr(type(value), "predict", None))
