"""Read the constraints that hints carry in pydantic's words, or in those of annotated_types.

``Annotated[float, pydantic.Field(gt=0)]`` says what ``Annotated[float, msgspec.Meta(gt=0)]`` says,
and is read as that. What msgspec cannot say is left to pydantic, which checks such a hint itself.
Nothing is imported here: a hint of a library's has brought it along.
"""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import msgspec

_NUMBERS = ("gt", "ge", "lt", "le", "multiple_of")
_LENGTHS = ("min_length", "max_length", "pattern")
_TEXTS = ("title", "description", "examples")
# What a Field may say besides, if it says it: msgspec has no word for it.
_BEYOND = ("alias", "validation_alias", "discriminator", "default_factory")


def with_constraints(hint: Any) -> Any:
    """Say in msgspec's words what a hint says in others', wherever that stands in it."""
    if needs_pydantic(hint):
        return hint
    if typing.get_origin(hint) is not Annotated:
        return _rebuilt(hint, [with_constraints(each) for each in typing.get_args(hint)])
    inner, *metadata = typing.get_args(hint)
    words: dict[str, Any] = {}
    kept = []
    for each in metadata:
        found = _words_of(each)
        words |= found or {}
        kept += [] if found else [each]
    constrained = with_constraints(inner)
    about = {name: words[name] for name in _TEXTS if name in words}
    bounds = {name: each for name, each in words.items() if name not in about}
    constrained = _bounded(constrained, bounds) if bounds else constrained
    kept += [msgspec.Meta(**about)] if about else []
    return Annotated[constrained, *kept] if kept else constrained


def needs_pydantic(hint: Any) -> bool:
    """Tell whether a hint says what only pydantic can check."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and any(
        _is_beyond(pydantic, each, is_field=is_field) for each, is_field in _metadata_in(hint)
    )


def is_field(value: Any) -> bool:
    """Tell a Field of pydantic's."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(value, pydantic.fields.FieldInfo)


def has_default_within(hint: Any) -> bool:
    """Tell whether a Field that annotates a hint gives a default, which no call would see."""
    metadata = getattr(hint, "__metadata__", ())
    return any(is_field(each) and not each.is_required() for each in metadata)


def _metadata_in(hint: Any, *, is_field: bool = False) -> Iterator[tuple[Any, bool]]:
    """Give what annotates a type, its members, and (which msgspec reads itself) its fields."""
    if typing.get_origin(hint) is Annotated:
        yield from ((each, is_field) for each in hint.__metadata__)
    if typing.get_origin(hint) is not Literal:
        for each in typing.get_args(hint):
            yield from _metadata_in(each, is_field=is_field)
    if not is_field and (dataclasses.is_dataclass(hint) or typing.is_typeddict(hint)):
        for each in typing.get_type_hints(hint, include_extras=True).values():
            yield from _metadata_in(each, is_field=True)


def _is_beyond(pydantic: Any, metadata: Any, *, is_field: bool) -> bool:
    module = type(metadata).__module__.partition(".")[0]
    if not isinstance(metadata, pydantic.fields.FieldInfo):
        is_strange = module == "pydantic" and not _words_of(metadata)
        return is_strange or (is_field and module == "annotated_types")
    says_more = any(getattr(metadata, name, None) is not None for name in _BEYOND)
    return is_field or says_more or not all(map(_words_of, metadata.metadata))


def _words_of(metadata: Any) -> dict[str, Any]:
    """Give what an object says in the words of msgspec's Meta; nothing if it says nothing."""
    module = type(metadata).__module__.partition(".")[0]
    if module not in ("pydantic", "annotated_types"):
        return {}
    parts = getattr(metadata, "metadata", None)
    if parts is None and isinstance(metadata, Iterable):
        parts = list(metadata)
    names = (*_NUMBERS, *_LENGTHS, *(_TEXTS if parts is not None else ()))
    found = {name: getattr(metadata, name, None) for name in names}
    for part in parts or ():
        found |= _words_of(part)
    return {name: each for name, each in found.items() if each is not None}


def _bounded(hint: Any, bounds: dict[str, Any]) -> Any:
    """Bind a type, or of several those to which the words apply."""
    members = _members(hint)
    if members is None:
        return Annotated[hint, msgspec.Meta(**bounds)]
    bound = []
    for each in members:
        words = {name: value for name, value in bounds.items() if _applies(name, each)}
        bound.append(Annotated[each, msgspec.Meta(**words)] if words else each)
    return typing.Union[tuple(bound)]  # noqa: UP007 - made of what is known only here


def _members(hint: Any) -> tuple[Any, ...] | None:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else None


def _applies(word: str, hint: Any) -> bool:
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    if hint is type(None):
        return False
    return (word in _NUMBERS) == (hint in (int, float))


def _rebuilt(hint: Any, members: list[Any]) -> Any:
    origin, before = typing.get_origin(hint), typing.get_args(hint)
    if origin in (None, Literal) or all(a is b for a, b in zip(members, before, strict=True)):
        return hint
    if _members(hint) is not None:
        return typing.Union[tuple(members)]  # noqa: UP007 - likewise
    return origin[tuple(members)]
