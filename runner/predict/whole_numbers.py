"""Take ``1.0`` for an integer where a type says integer, as JSON Schema does.

msgspec refuses it. So this pass runs over what was refused, and over nothing else.
"""

from __future__ import annotations

import operator
import typing
from typing import Any

import msgspec

from runner.predict.type_descriptions import is_union
from runner.predict.type_members import fitting_type, hints_of_items, hints_of_members

MOST_EXACT = 2**53
"""Beyond it a double does not hold every integer: what was sent may have been another."""

_CHANGEABLE = frozenset({float, dict, list})  # types of what may be, or hold, such a number


def whole_number(value: float) -> float | int:
    """Give the integer that a number is; itself if it is none for certain."""
    is_exact = -MOST_EXACT <= value <= MOST_EXACT
    return int(value) if is_exact and value.is_integer() else value


def with_whole_numbers(value: Any, hint: Any) -> Any:
    """Make integers of numbers without a fraction where a type takes no others.

    Args:
        value: As JSON has it.
        hint: The type that it is to have.
    """
    inner = fitting_type(value, hint)
    if type(value) is float:
        return _integer_if_wanted(value, hint, inner)
    if is_union(inner):
        for each in typing.get_args(inner):
            if (found := with_whole_numbers(value, each)) is not value:
                return found
        return value
    if isinstance(value, dict):
        return _with_members(value, hints_of_members(value, inner))
    if isinstance(value, list):
        return _with_items(value, hints_of_items(value, inner))
    return value


def _integer_if_wanted(value: float, hint: Any, inner: Any) -> Any:
    if inner is int:
        return whole_number(value)
    number = whole_number(value)
    return value if number is value or _fits(value, hint) or not _fits(number, hint) else number


def _fits(value: Any, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def _with_members(value: dict[Any, Any], hints: dict[Any, Any]) -> Any:
    found = {
        key: with_whole_numbers(member, hints[key])
        if type(member) in _CHANGEABLE and key in hints
        else member
        for key, member in value.items()
    }
    return found if any(found[key] is not value[key] for key in value) else value


def _with_items(value: list[Any], hints: list[Any]) -> Any:
    kind = hints[0] if hints and hints.count(hints[0]) == len(hints) else None
    if len(hints) != len(value) or kind in (float, str):
        return value
    if kind is int:
        return [whole_number(item) if type(item) is float else item for item in value]
    found = [
        with_whole_numbers(item, hint) if type(item) in _CHANGEABLE else item
        for item, hint in zip(value, hints, strict=True)
    ]
    return found if any(map(operator.is_not, found, value)) else value
