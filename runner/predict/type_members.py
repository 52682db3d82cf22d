"""Tell of what types a type is made, as far as a JSON value has a place for each."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import typing
from typing import Any

import msgspec

from runner.predict.type_descriptions import is_union, remembered, without_none

_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_LISTS = (
    *(list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.MutableSequence),
    *(collections.abc.Collection, collections.abc.Set, collections.abc.MutableSet),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """Describe one field of an object.

    Attributes:
        name: Its key in JSON.
        hint: The type of its value.
        is_required: Whether it must be there.
    """

    name: str
    hint: Any
    is_required: bool


@remembered
def fields_of_type(hint: Any) -> list[Field] | None:
    """List the fields of a Struct, a dataclass or a TypedDict; None of anything else."""
    if typing.get_origin(hint) is not None:
        return _fields_of_generic(hint)
    if not isinstance(hint, type):
        return None
    if issubclass(hint, msgspec.Struct):
        return [
            Field(name=field.encode_name, hint=field.type, is_required=field.required)
            for field in msgspec.structs.fields(hint)
        ]
    hints = typing.get_type_hints(hint, include_extras=True) if _has_hints(hint) else {}
    if dataclasses.is_dataclass(hint):
        hints |= _hints_of_bases(hint)
        return [
            Field(name=each.name, hint=hints[each.name], is_required=_is_required(each))
            for each in dataclasses.fields(hint)
            if each.init
        ]
    if typing.is_typeddict(hint):
        required: frozenset[str] = getattr(hint, "__required_keys__", frozenset())
        return [_key(name, each, is_required=name in required) for name, each in hints.items()]
    return None


def _hints_of_bases(kind: type) -> dict[str, Any]:
    """Give the types of what a class inherits from generic ones, with their parameters put in."""
    own = inspect.get_annotations(kind)
    bases = kind.__dict__.get("__orig_bases__", kind.__bases__)
    found: dict[str, Any] = {}
    for base in reversed(bases):
        if dataclasses.is_dataclass(typing.get_origin(base) or base):
            found |= {each.name: each.hint for each in fields_of_type(base) or ()}
    return {name: hint for name, hint in found.items() if name not in own}


def _fields_of_generic(hint: Any) -> list[Field] | None:
    """List the fields of a generic class with its parameters put in."""
    if (fields := fields_of_type(typing.get_origin(hint))) is None:
        return None
    parameters = getattr(typing.get_origin(hint), "__parameters__", ())
    given = dict(zip(parameters, typing.get_args(hint), strict=False))
    return [dataclasses.replace(each, hint=_with_parameters(each.hint, given)) for each in fields]


def _with_parameters(hint: Any, given: dict[Any, Any]) -> Any:
    if isinstance(hint, typing.TypeVar):
        return given.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(given.get(each, each) for each in parameters)] if parameters else hint


def _key(name: str, hint: Any, *, is_required: bool) -> Field:
    """Describe a key of a TypedDict, which does not know its own if hints are strings."""
    origin = typing.get_origin(hint)
    if origin in (typing.Required, typing.NotRequired):
        (hint,), is_required = typing.get_args(hint), origin is typing.Required
    return Field(name=name, hint=hint, is_required=is_required)


def hints_of_items(value: list[Any], hint: Any) -> list[Any]:
    """Give the type of each item of a list; nothing if they have none."""
    origin, words = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and words[-1:] != (Ellipsis,):
        return [*words] if len(words) == len(value) else []
    return [words[0]] * len(value) if origin in _LISTS and words else []


def words_of_dict(hint: Any) -> tuple[Any, ...]:
    """Give the types of a dict's keys and values; nothing if they have none."""
    return typing.get_args(hint) if typing.get_origin(hint) in _DICTS else ()


def hints_of_members(value: dict[Any, Any], hint: Any) -> dict[Any, Any]:
    """Give the type of each member of an object, by its key; nothing if they have none."""
    if (fields := fields_of_type(hint)) is not None:
        return {field.name: field.hint for field in fields}
    words = words_of_dict(hint)
    return dict.fromkeys(value, words[1]) if words else {}


def fitting_type(value: Any, hint: Any) -> Any:
    """Give the one type of several that a list or an object can be meant for."""
    inner = without_none(hint)
    if not isinstance(value, list | dict) or not is_union(inner):
        return inner
    known = [without_none(each) for each in typing.get_args(inner)]
    if isinstance(value, list):
        found = [each for each in known if typing.get_origin(each) in _LISTS]
    else:
        found = [each for each in known if words_of_dict(each) or fields_of_type(each) is not None]
    return found[0] if len(found) == 1 else inner


def _has_hints(hint: type) -> bool:
    return dataclasses.is_dataclass(hint) or typing.is_typeddict(hint)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing
