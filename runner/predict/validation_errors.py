"""Find everything that is wrong in a JSON value.

msgspec stops at the first fault, which is right for speed; but who mends a request wants them
all. So this slower pass runs over what was refused already, and over nothing else.
"""

from __future__ import annotations

import dataclasses
import itertools
import typing
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from runner.predict.problem_error import InvalidField, ProblemError, json_pointer
from runner.predict.type_descriptions import (
    comma_separated,
    describe_type,
    why_refused,
    without_none,
)

MOST_INVALID_FIELDS = 100
_MOST_COUNTED = 1_000  # of those that are not listed
_AT_ONCE = 256  # members of a list that are tried together
_LONGEST = 400  # characters of a field or a detail: both hold what a client sent

Steps = tuple[str | int, ...]


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


def validation_problem(value: Any, hint: Any, reason: str) -> ProblemError:
    """Make the problem that names all that is invalid in a value that msgspec refused."""
    try:
        return problem_of_all(invalid_fields_in(value, hint, ())) or problem_of_reason(reason)
    except RecursionError:
        return ProblemError(422, "the body is nested too deep")


def problem_of_all(invalid_fields: Iterator[InvalidField]) -> ProblemError | None:
    """Make the problem that lists the first invalid fields and counts the others."""
    listed = list(itertools.islice(invalid_fields, MOST_INVALID_FIELDS))
    more = sum(1 for _ in itertools.islice(invalid_fields, _MOST_COUNTED))
    return problem_of_fields(listed, more) if listed else None


def problem_of_reason(reason: str) -> ProblemError:
    """Make the problem that says of a body what msgspec said first."""
    return problem_of_fields([InvalidField(field="", detail=reason)])


def problem_of_fields(invalid_fields: Sequence[InvalidField], unlisted: int = 0) -> ProblemError:
    """Make the problem that lists invalid fields.

    Args:
        invalid_fields: Those to list, of which there is one at least.
        unlisted: How many more there are.
    """
    shown = [_shortened(each) for each in invalid_fields]
    others = len(shown) + unlisted - 1
    which = f"errors has the first {len(shown)}" if unlisted else "see errors"
    more = f" (and {others:,} more, {which})" if others else ""
    at = shown[0].field or "the body"
    return ProblemError(422, f"{at}: {shown[0].detail}{more}", shown)


def _shortened(invalid_field: InvalidField) -> InvalidField:
    if len(invalid_field.field) <= _LONGEST and len(invalid_field.detail) <= _LONGEST:
        return invalid_field
    field, detail = (
        text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
        for text in (invalid_field.field, invalid_field.detail)
    )
    return InvalidField(field=field, detail=detail)


def invalid_fields_in(value: Any, hint: Any, at: Steps) -> Iterator[InvalidField]:
    """Say what is wrong in a JSON value.

    Args:
        value: The value.
        hint: The type that it should have had.
        at: The steps that lead to it.
    """
    inner = without_none(hint) if value is not None else hint
    found = itertools.chain(
        _invalid_in_members(value, inner, at), _invalid_in_fields(value, inner, at)
    )
    if (first := next(found, None)) is not None:
        yield first
        yield from found
    elif reason := why_refused(value, hint):
        yield InvalidField(field=json_pointer(*at), detail=reason)


def _invalid_in_fields(value: Any, hint: Any, at: Steps) -> Iterator[InvalidField]:
    fields = fields_of_type(hint)
    if fields is None or not isinstance(value, dict):
        return
    named = [field.name for field in fields]
    for field in fields:
        if field.name in value:
            yield from invalid_fields_in(value[field.name], field.hint, (*at, field.name))
        elif field.is_required:
            detail = f"missing; expected {describe_type(field.hint)}"
            yield InvalidField(field=json_pointer(*at, field.name), detail=detail)
    yield from _unknown_fields(value, named, hint, at)


def _invalid_in_members(value: Any, hint: Any, at: Steps) -> Iterator[InvalidField]:
    if (inner := _member_hint(value, hint)) is not None:
        for key, member in (
            _doubtful_items(value, inner) if isinstance(value, list) else value.items()
        ):
            yield from invalid_fields_in(member, inner, (*at, key))


def _doubtful_items(value: list[Any], hint: Any) -> Iterator[tuple[int, Any]]:
    """Give the items that may be wrong: those of a stretch that is not right as a whole."""
    for start in range(0, len(value), _AT_ONCE):
        stretch = value[start : start + _AT_ONCE]
        is_nested = any(isinstance(item, dict | list) for item in stretch)
        if is_nested or why_refused(stretch, list[hint]):
            yield from enumerate(stretch, start)


def _member_hint(value: Any, hint: Any) -> Any:
    """Give the type of the members of a list or a dict; None of what has none."""
    origin, words = typing.get_origin(hint), typing.get_args(hint)
    if origin in (list, set, frozenset) and words and isinstance(value, list):
        return words[0]
    return words[1] if origin is dict and isinstance(value, dict) else None


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
        return [
            Field(name=each.name, hint=hints[each.name], is_required=_is_required(each))
            for each in dataclasses.fields(hint)
            if each.init
        ]
    if typing.is_typeddict(hint):
        required: frozenset[str] = getattr(hint, "__required_keys__", frozenset())
        return [_key(name, each, is_required=name in required) for name, each in hints.items()]
    return None


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


def unknown_fields_in(value: Any, hint: Any, at: Steps = ()) -> Iterator[InvalidField]:
    """Say which fields no dataclass and no TypedDict has; msgspec lets them pass."""
    hint = without_none(hint)
    members: Iterator[tuple[str | int, Any, Any]] = iter(())
    fields = fields_of_type(hint)
    if fields is not None and isinstance(value, dict):
        named = {field.name: field.hint for field in fields}
        yield from _unknown_fields(value, list(named), hint, at)
        members = ((key, value[key], named[key]) for key in value if key in named)
    elif (inner := _member_hint(value, hint)) is not None:
        pairs = enumerate(value) if isinstance(value, list) else value.items()
        members = ((key, member, inner) for key, member in pairs)
    for key, member, inner in members:
        yield from unknown_fields_in(member, inner, (*at, key))


def _unknown_fields(
    value: dict[Any, Any], known: list[str], hint: Any, at: Steps
) -> Iterator[InvalidField]:
    for name in [key for key in value if key not in known] if forbids_unknown_fields(hint) else []:
        detail = f"unknown field; expected {comma_separated(known)}"
        yield InvalidField(field=json_pointer(*at, str(name)), detail=detail)


def forbids_unknown_fields(hint: Any) -> bool:
    """Tell whether a type refuses fields that it does not know.

    A Struct says it itself; a dataclass and a TypedDict cannot, and are taken strictly.
    """
    config = getattr(hint, "__struct_config__", None)
    return config is None or bool(config.forbid_unknown_fields)


def _has_hints(hint: type) -> bool:
    return dataclasses.is_dataclass(hint) or typing.is_typeddict(hint)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing
