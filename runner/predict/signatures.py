"""Read a function's signature, with the types that its hints name."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from typing import Any

from runner.predict.constraints import has_alias_within, has_default_within, with_constraints

_RETURN = "return"  # as Python calls it among the annotations


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Give a function's signature, with its hints as types.

    Raises:
        TypeError: A hint names what is not there, or has a default or another name within, or the
            signature cannot be told.
    """
    try:
        found = inspect.signature(function)
        hints = _hints_of(function, found)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise TypeError(f"{name_of(function)}(): a type hint cannot be read: {error}") from None
    except ValueError as error:
        raise TypeError(f"{name_of(function)}(): {error}") from None
    for name, hint in hints.items():
        if has_default_within(hint):
            raise TypeError(
                f"{name_of(function)}(): parameter {name!r} has a default within its Field:"
                f" write it behind the hint: {name}: Annotated[…, Field(…)] = …"
            )
        if has_alias_within(hint):
            raise TypeError(
                f"{name_of(function)}(): parameter {name!r} has an alias within its Field: a"
                " request gives it by its own name: rename it, or take a model with that field"
            )
    return found.replace(
        parameters=[
            each.replace(annotation=with_constraints(hints.get(name, each.annotation)))
            for name, each in found.parameters.items()
        ],
        return_annotation=with_constraints(hints.get(_RETURN, found.return_annotation)),
    )


def _hints_of(function: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    """Give the hints of a signature as types, also those that are strings within others."""
    given = {name: each.annotation for name, each in signature.parameters.items()}
    given[_RETURN] = signature.return_annotation
    hinted = {name: each for name, each in given.items() if each is not inspect.Signature.empty}
    holder = types.SimpleNamespace(__annotations__=hinted)
    names = getattr(inspect.unwrap(called_by(function)), "__globals__", {})
    return typing.get_type_hints(holder, names, include_extras=True)


def called_by(function: Any) -> Any:
    """Give the function that a call of something runs: of a partial one, an object, or a method."""
    inner = getattr(function, "func", function)
    inner = inner if inspect.isroutine(inner) else type(inner).__call__
    return getattr(inner, "__func__", inner)


def name_of(function: Any) -> str:
    """Name a function, or an object that is called like one."""
    inner = getattr(function, "func", function)
    return str(getattr(inner, "__name__", type(inner).__name__))
