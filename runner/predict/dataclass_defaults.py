"""Give dataclasses that msgspec has made the attributes that it leaves to their class.

A field whose default msgspec found in the class is not among the object's own attributes: it is
there for who asks for it, but ``vars`` does not list it, and msgspec itself does not write it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from runner.predict.schema import types_within


def has_dataclasses(hint: Any) -> bool:
    """Tell whether msgspec makes dataclasses for a hint; of what it does not read, none."""
    try:
        within = types_within(msgspec.inspect.type_info(hint))
        return any(isinstance(each, msgspec.inspect.DataclassType) for each in within)
    except TypeError:
        return False


def with_dataclass_defaults(value: Any) -> Any:
    """Complete the dataclasses within a value, and give it back."""
    members: Iterable[Any] = ()
    if dataclasses.is_dataclass(value):
        members = [*_completed(value)]
    elif isinstance(value, dict):
        members = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        members = value
    for member in members:
        with_dataclass_defaults(member)
    return value


def _completed(value: Any) -> Iterator[Any]:
    """Set what is missing, and give the fields' values."""
    own = getattr(value, "__dict__", None)  # there is none where slots hold the fields
    for field in dataclasses.fields(value):
        if hasattr(value, field.name):
            member = getattr(value, field.name)
            if own is not None and field.name not in own:
                object.__setattr__(value, field.name, member)  # it may be frozen
            yield member
