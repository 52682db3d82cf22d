"""Read the constraints that hints carry in pydantic's words, or in those of annotated_types.

``Annotated[float, pydantic.Field(gt=0)]`` says what ``Annotated[float, msgspec.Meta(gt=0)]`` says,
and is read as that. What msgspec cannot say is left to pydantic, which checks such a hint itself.
Nothing is imported here: a hint of a library's has brought it along.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from runner.predict.type_descriptions import is_union

_NUMBERS = ("gt", "ge", "lt", "le", "multiple_of")
_LENGTHS = ("min_length", "max_length", "pattern")
_TEXTS = ("title", "description", "examples")
_BOUND_BY_PYDANTIC = frozenset({Decimal, date, datetime, time, timedelta})
_CHECKS = ("Predicate", "Timezone")  # of annotated_types': msgspec has no such thing
# What a Field may say besides, if it says it: msgspec has no word for it.
_BEYOND = ("discriminator", "default_factory")
_ALIASES = ("alias", "validation_alias")


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
    return any(
        _is_beyond(inner, metadata, is_field=is_field)
        for inner, metadata, is_field in _metadata_in(hint)
    )


def is_pydantic_field(value: Any) -> bool:
    """Tell a Field of pydantic's."""
    fields = sys.modules.get("pydantic.fields")  # which pydantic imports when it is asked for
    return fields is not None and isinstance(value, fields.FieldInfo)


def has_default_within(hint: Any) -> bool:
    """Tell whether a Field that annotates a hint gives a default, which no call would see."""
    metadata = getattr(hint, "__metadata__", ())
    return any(is_pydantic_field(each) and not each.is_required() for each in metadata)


def has_alias_within(hint: Any) -> bool:
    """Tell whether a Field that annotates a hint gives another name, which no call would see."""
    found = (each for each in getattr(hint, "__metadata__", ()) if is_pydantic_field(each))
    return any(getattr(each, name) is not None for each in found for name in _ALIASES)


def _metadata_in(hint: Any, *, is_field: bool = False) -> Iterator[tuple[Any, Any, bool]]:
    """Give what annotates a type, its members, and (which msgspec reads itself) its fields.

    Args:
        hint: The type.
        is_field: It is that of a field.

    Yields:
        What is annotated, one of its annotations, and whether that is a field's.
    """
    if typing.get_origin(hint) is Annotated:
        inner = typing.get_args(hint)[0]
        yield from ((inner, each, is_field) for each in hint.__metadata__)
        yield from _metadata_in(inner, is_field=is_field)
        return
    if typing.get_origin(hint) is not Literal:
        for each in typing.get_args(hint):
            yield from _metadata_in(each, is_field=is_field)
    if not is_field and (dataclasses.is_dataclass(hint) or typing.is_typeddict(hint)):
        for each in typing.get_type_hints(hint, include_extras=True).values():
            yield from _metadata_in(each, is_field=True)


def _is_beyond(inner: Any, metadata: Any, *, is_field: bool) -> bool:
    module = type(metadata).__module__.partition(".")[0]
    if module not in ("pydantic", "annotated_types"):
        return False
    words = _words_of(metadata)
    if type(metadata).__name__ in _CHECKS or not _is_sayable(inner, words):
        return True
    if not is_pydantic_field(metadata):
        return is_field or (module == "pydantic" and _says_more(metadata, words))
    says_more = any(getattr(metadata, name, None) is not None for name in _BEYOND)
    return is_field or says_more or not all(map(_words_of, metadata.metadata))


def _says_more(metadata: Any, words: dict[str, Any]) -> bool:
    """Tell whether an object of pydantic's says what is not among its words, or has none."""
    about = vars(metadata) if words else {}
    return not words or any(each is not None for name, each in about.items() if name not in words)


def _is_sayable(inner: Any, words: dict[str, Any]) -> bool:
    """Tell whether msgspec can bound a type so: numbers by numbers, and texts by their length."""
    bounds = [each for name, each in words.items() if name not in _TEXTS]
    members = _members(inner) or (inner,)
    return not bounds or (
        all(isinstance(each, int | float | str) for each in bounds)
        and _BOUND_BY_PYDANTIC.isdisjoint(each for each in members if isinstance(each, type))
    )


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
    return typing.get_args(hint) if is_union(hint) else None


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
