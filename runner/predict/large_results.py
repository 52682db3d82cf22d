"""Tell results that take long to write, by counting what they hold."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Mapping
from typing import Any

_MOST_VALUES = 10_000  # the slowest, which are pandas' dates, are written at 5 µs each
PLAIN = frozenset({int, float, str, bool, bytes, type(None)})
_ARRAYS = ("numpy", "pandas")


def is_large(result: Any) -> bool:
    """Tell whether writing a result might keep the loop from others for more than 50 ms."""
    if type(result) in PLAIN:
        return False
    left, waiting = _MOST_VALUES, [result]
    while waiting and left >= 0:
        members = _members(waiting.pop())
        left -= 1 + (members if isinstance(members, int) else len(members))
        if left >= 0 and not isinstance(members, int):
            waiting += [each for each in members if type(each) not in PLAIN]
    return left < 0


def _members(value: Any) -> Collection[Any] | int:
    """Give what a value holds, or how much, where that is known without a look at each."""
    if isinstance(value, dict | Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if type(value).__module__.partition(".")[0] in _ARRAYS:
        size = getattr(value, "size", 1)
        return int(size) if isinstance(size, numbers.Integral) else 1
    kind = type(value)
    if names := getattr(kind, "__struct_fields__", getattr(kind, "__dataclass_fields__", ())):
        return [getattr(value, name, None) for name in names]
    return getattr(value, "__dict__", {}).values()  # of pydantic's models
