"""Find everything that is wrong in a JSON value.

msgspec stops at the first fault, which is right for speed; but who mends a request wants them
all. So this slower pass runs over what was refused already, and over nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from runner.predict.problem_error import InvalidField, ProblemError, json_pointer
from runner.predict.type_descriptions import (
    comma_separated,
    describe_type,
    describe_value,
    why_refused,
)
from runner.predict.type_members import (
    fields_of_type,
    fitting_type,
    hints_of_items,
    hints_of_members,
    words_of_dict,
)

MOST_INVALID_FIELDS = 100
_MOST_COUNTED = 1_000  # of those that are not listed
_AT_ONCE = 256  # members of a list that are tried together
_LONGEST = 400  # characters of a field or a detail: both hold what a client sent

Steps = tuple[str | int, ...]


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
    inner = fitting_type(value, hint) if value is not None else hint
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
    for field in fields:
        if field.name in value:
            yield from invalid_fields_in(value[field.name], field.hint, (*at, field.name))
        elif field.is_required:
            detail = f"missing; expected {describe_type(field.hint)}"
            yield InvalidField(field=json_pointer(*at, field.name), detail=detail)
    yield from _unknown_fields(value, hints_of_members(value, hint), hint, at)


def _invalid_in_members(value: Any, hint: Any, at: Steps) -> Iterator[InvalidField]:
    if isinstance(value, list):
        for number, item, inner in _doubtful_items(value, hints_of_items(value, hint)):
            yield from invalid_fields_in(item, inner, (*at, number))
    elif isinstance(value, dict) and (words := words_of_dict(hint)):
        for key, member in value.items():
            if reason := _why_no_key(key, words[0]):
                yield InvalidField(field=json_pointer(*at, key), detail=reason)
            yield from invalid_fields_in(member, words[1], (*at, key))


def _are_all(items: list[Any], hint: Any, hints: list[Any]) -> bool:
    """Tell whether items without members are of a type, which is the one of all of them."""
    is_one = all(each is hint for each in hints)
    is_flat = not any(isinstance(item, dict | list) for item in items)
    return is_one and is_flat and not why_refused(items, list[hint])


def _why_no_key(key: str, hint: Any) -> str:
    reason = "" if hint is str else why_refused({key: None}, dict[hint, None])
    return reason and f"{reason.partition(', got ')[0]} as a key, got {describe_value(key)}"


def _doubtful_items(value: list[Any], hints: list[Any]) -> Iterator[tuple[int, Any, Any]]:
    """Give the items that may be wrong: those of a stretch that is not right as a whole."""
    for start in range(0, len(hints), _AT_ONCE):
        stretch, wanted = value[start : start + _AT_ONCE], hints[start : start + _AT_ONCE]
        if not _are_all(stretch, wanted[0], wanted):
            yield from zip(range(start, start + len(stretch)), stretch, wanted, strict=True)


def unknown_fields_in(value: Any, hint: Any, at: Steps = ()) -> Iterator[InvalidField]:
    """Say which fields no dataclass and no TypedDict has; msgspec lets them pass."""
    hint = fitting_type(value, hint)
    members: Iterable[tuple[str | int, Any, Any]] = ()
    if isinstance(value, list):
        pairs = zip(value, hints_of_items(value, hint), strict=False)
        members = ((number, *pair) for number, pair in enumerate(pairs))
    elif isinstance(value, dict):
        hints = hints_of_members(value, hint)
        if fields_of_type(hint) is not None:
            yield from _unknown_fields(value, hints, hint, at)
        members = ((key, value[key], hints[key]) for key in value if key in hints)
    for key, member, inner in members:
        if isinstance(member, dict | list):
            yield from unknown_fields_in(member, inner, (*at, key))


def _unknown_fields(
    value: dict[Any, Any], known: Collection[str], hint: Any, at: Steps
) -> Iterator[InvalidField]:
    for name in [key for key in value if key not in known] if _forbids_unknown_fields(hint) else []:
        detail = f"unknown field; expected {comma_separated([*known])}"
        yield InvalidField(field=json_pointer(*at, str(name)), detail=detail)


def _forbids_unknown_fields(hint: Any) -> bool:
    """Tell whether a type refuses fields that it does not know.

    A Struct says it itself; a dataclass and a TypedDict cannot, and are taken strictly.
    """
    config = getattr(hint, "__struct_config__", None)
    return config is None or bool(config.forbid_unknown_fields)
