"""Write facts about a model as the JSON of its card, whatever they are made of."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import math
from collections.abc import Mapping, Set
from typing import Any

_DEEPEST = 50
_PLAIN = str | int | float | decimal.Decimal | fractions.Fraction | enum.Enum | None


def card_value(value: Any, depth: int = 0) -> Any:
    """Give a value the form that a card can hold.

    Numbers that JSON does not have are null, as in a run's metrics; so is what pandas calls
    missing. An array or a set is a list, a DataFrame its columns by their names, a Series what it
    has by its index, if that has names. What is none of these, such as an estimator among the
    parameters of another, is its ``repr``, or its name if it has one.
    """
    if depth > _DEEPEST:
        return repr(value)
    if isinstance(value, Mapping):
        return {_key(key): card_value(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [card_value(inner, depth + 1) for inner in value]
    if isinstance(value, Set):
        return sorted((card_value(inner, depth + 1) for inner in value), key=repr)
    if isinstance(value, _PLAIN):
        return _plain(value)
    name = getattr(value, "__qualname__", None)  # of a class or a function
    return (
        f"{getattr(value, '__module__', '')}.{name}" if name else _of_other_packages(value, depth)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return card_value(value.value)
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool):
        return value
    return _number(value)


def _number(value: Any) -> int | float | None:
    if isinstance(value, int):
        return int(value)
    return float(value) if math.isfinite(value) else None


def _of_other_packages(value: Any, depth: int) -> Any:
    """Write what numpy and pandas have, which are known by what they offer."""
    if hasattr(value, "columns") and hasattr(value, "to_dict"):  # a DataFrame
        columns = value.items() if hasattr(value, "items") else value.to_dict().items()
        return {_key(name): card_value(column, depth + 1) for name, column in columns}
    index = getattr(value, "index", None)
    if hasattr(value, "to_dict") and index is not None and type(index).__name__ != "RangeIndex":
        return card_value(value.to_dict(), depth + 1)  # a Series with names
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":  # dates, which may be NaT
        return _dates(value.astype(str).tolist())
    if hasattr(value, "tolist"):
        found = value.tolist()
        return card_value(found, depth + 1) if found is not value else repr(value)
    return None if _is_missing(value) else _scalar(value)


def _dates(texts: Any) -> Any:
    if isinstance(texts, list):
        return [_dates(text) for text in texts]
    return texts if isinstance(texts, str) and texts != "NaT" else None


def _scalar(value: Any) -> str:
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    is_plain = isinstance(value, dt.timedelta) or hasattr(value, "__fspath__")
    return str(value) if is_plain or type(value).__module__.startswith("pandas") else repr(value)


def _is_missing(value: Any) -> bool:
    """Tell whether it is pandas's ``NA`` or ``NaT``."""
    return type(value).__name__ in {"NAType", "NaTType"}


def _key(key: Any) -> str:
    plain = key.item() if hasattr(key, "item") else key
    return plain if isinstance(plain, str) else str(plain)
