"""Ask whether a library still has an inside that we use, and fail by its name if it has not."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def require(owner: Any, *names: str) -> None:
    """Fail unless a module, a class or an object has all of these attributes."""
    gone = [f"{_name_of(owner)}.{name} is gone" for name in names if not hasattr(owner, name)]
    assert not gone, "; ".join(gone)


def require_in_source(owner: Any, *words: str) -> None:
    """Fail unless the source of a class or a function has these: what it sets on itself, say."""
    source = inspect.getsource(owner)
    gone = [f"{_name_of(owner)} has no {word!r} any more" for word in words if word not in source]
    assert not gone, "; ".join(gone)


def require_parameters(call: Callable[..., Any], *names: str) -> None:
    """Fail unless a function takes all of these parameters."""
    known = inspect.signature(call).parameters
    gone = [f"{_name_of(call)} takes no {name!r}" for name in names if name not in known]
    assert not gone, "; ".join(gone)


def require_order(call: Callable[..., Any], *names: str) -> None:
    """Fail unless these are the parameters of a method, in this order, that come first."""
    known = list(inspect.signature(call).parameters)[: len(names)]
    assert known == list(names), f"{_name_of(call)} takes {known}, not {list(names)}"


def _name_of(owner: Any) -> str:
    if inspect.ismodule(owner):
        return owner.__name__
    named = owner if hasattr(owner, "__qualname__") else type(owner)
    return f"{named.__module__}.{named.__qualname__}"
