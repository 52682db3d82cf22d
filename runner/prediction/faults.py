"""Find everything that is wrong in a JSON value.

msgspec stops at the first fault, which is right for speed; but who mends a request wants them
all. So this slower pass runs over what was refused already, and over nothing else.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import re
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from runner.prediction.problems import Fault, ProblemError, pointer

MOST_FAULTS = 100

Steps = tuple[str | int, ...]

_KINDS = {
    "object": "an object",
    "dict": "an object",
    "array": "an array",
    "list": "an array",
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "null": "null",
    "NoneType": "null",
    "datetime": "a date and time (RFC 3339)",
    "date": "a date (RFC 3339)",
    "time": "a time (RFC 3339)",
    "duration": "a duration (ISO 8601)",
    "uuid": "a UUID",
    "bytes": "base64",
    "base64": "base64",
    "decimal": "a decimal number",
}
_SAID = re.compile(r"(?P<said>.*?)(?: - at `.*)?", re.DOTALL)
_GOT = re.compile(r"Expected `(?P<wanted>[^`]*)`(?P<bound>[^`]*?)(?:, got .*)?", re.DOTALL)


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


def refusal(value: Any, hint: Any, said: str) -> ProblemError:
    """Make the problem that names every fault of a value that msgspec refused."""
    try:
        faults = list(itertools.islice(faults_in(value, hint, ()), MOST_FAULTS))
    except RecursionError:
        return ProblemError(422, "the body is nested too deep")
    return problem_of(faults or [Fault(field="", detail=said)])


def problem_of(faults: Sequence[Fault]) -> ProblemError:
    """Make the problem that lists faults."""
    more = f" (and {len(faults) - 1} more, see errors)" if len(faults) > 1 else ""
    at = faults[0].field or "the body"
    return ProblemError(422, f"{at}: {faults[0].detail}{more}", faults)


def faults_in(value: Any, hint: Any, at: Steps) -> Iterator[Fault]:
    """Say what is wrong in a JSON value.

    Args:
        value: The value.
        hint: The type that it should have had.
        at: The steps that lead to it.
    """
    inner = _without_none(hint) if value is not None else hint
    found = itertools.chain(_of_members(value, inner, at), _of_fields(value, inner, at))
    if (first := next(found, None)) is not None:
        yield first
        yield from found
    elif said := _refused(value, hint):
        yield Fault(field=pointer(*at), detail=said)


def _of_fields(value: Any, hint: Any, at: Steps) -> Iterator[Fault]:
    fields = fields_of(hint)
    if fields is None or not isinstance(value, dict):
        return
    named = [field.name for field in fields]
    for field in fields:
        if field.name in value:
            yield from faults_in(value[field.name], field.hint, (*at, field.name))
        elif field.is_required:
            detail = f"missing; expected {expected(field.hint)}"
            yield Fault(field=pointer(*at, field.name), detail=detail)
    yield from _unknown(value, named, hint, at)


def _of_members(value: Any, hint: Any, at: Steps) -> Iterator[Fault]:
    if (inner := _member_hint(value, hint)) is not None:
        for key, member in enumerate(value) if isinstance(value, list) else value.items():
            yield from faults_in(member, inner, (*at, key))


def _member_hint(value: Any, hint: Any) -> Any:
    """Give the type of the members of a list or a dict; None of what has none."""
    origin, words = typing.get_origin(hint), typing.get_args(hint)
    if origin in (list, set, frozenset) and words and isinstance(value, list):
        return words[0]
    return words[1] if origin is dict and isinstance(value, dict) else None


def fields_of(hint: Any) -> list[Field] | None:
    """List the fields of a Struct, a dataclass or a TypedDict; None of anything else."""
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


def _key(name: str, hint: Any, *, is_required: bool) -> Field:
    """Describe a key of a TypedDict, which does not know its own if hints are strings."""
    origin = typing.get_origin(hint)
    if origin in (typing.Required, typing.NotRequired):
        (hint,), is_required = typing.get_args(hint), origin is typing.Required
    return Field(name=name, hint=hint, is_required=is_required)


def unknown_in(value: Any, hint: Any, at: Steps = ()) -> Iterator[Fault]:
    """Say which fields no dataclass and no TypedDict has; msgspec lets them pass."""
    hint = _without_none(hint)
    members: Iterator[tuple[str | int, Any, Any]] = iter(())
    fields = fields_of(hint)
    if fields is not None and isinstance(value, dict):
        named = {field.name: field.hint for field in fields}
        yield from _unknown(value, list(named), hint, at)
        members = ((key, value[key], named[key]) for key in value if key in named)
    elif (inner := _member_hint(value, hint)) is not None:
        pairs = enumerate(value) if isinstance(value, list) else value.items()
        members = ((key, member, inner) for key, member in pairs)
    for key, member, inner in members:
        yield from unknown_in(member, inner, (*at, key))


def _unknown(value: dict[Any, Any], known: list[str], hint: Any, at: Steps) -> Iterator[Fault]:
    for name in [key for key in value if key not in known] if is_closed(hint) else []:
        detail = f"unknown field; expected {_listed(known)}"
        yield Fault(field=pointer(*at, str(name)), detail=detail)


def is_closed(hint: Any) -> bool:
    """Tell whether a type refuses fields that it does not know.

    A Struct says it itself; a dataclass and a TypedDict cannot, and are taken strictly.
    """
    config = getattr(hint, "__struct_config__", None)
    return config is None or bool(config.forbid_unknown_fields)


def expected(hint: Any) -> str:
    """Say in words what a type takes."""
    if choices := _choices(hint):
        return f"one of {_listed(choices)}"
    probe = _refused(_Nothing(), hint)
    wanted = probe.removeprefix("expected ").partition(", got ")[0] if probe else "a value"
    return wanted or "a value"


class _Nothing:
    """Be what no type takes."""


def _refused(value: Any, hint: Any) -> str:
    """Say why msgspec refuses a value; empty if it does not."""
    try:
        msgspec.convert(value, hint, str_keys=True)
    except msgspec.ValidationError as error:
        said = _SAID.fullmatch(str(error))
        return _in_words(said["said"] if said else str(error), value, hint)
    return ""


def _in_words(said: str, value: Any, hint: Any) -> str:
    if (choices := _choices(hint)) and not isinstance(value, _Nothing):
        return f"expected one of {_listed(choices)}, got {shown(value)}"
    if said == "Number out of range":
        return "expected a finite number"
    match = _GOT.fullmatch(said)
    if match is None:
        return f"{said[:1].lower()}{said[1:]}, got {shown(value)}"
    words = match["wanted"].split(" | ")
    if "float" in words:  # an integer is a number, too
        words = [word for word in words if word != "int"]
    wanted = " or ".join(_KINDS.get(word, word) for word in words)
    got = shown(value) if match["bound"] else kind_of(value)
    return f"expected {wanted}{match['bound']}, got {got}"


def kind_of(value: Any) -> str:
    """Say in words of what kind a JSON value is."""
    return _KINDS.get(type(value).__name__, type(value).__name__)


def shown(value: Any) -> str:
    """Show a short value itself, and of a long one the kind."""
    if isinstance(value, str | int | float | None) and len(repr(value)) <= 40:
        return msgspec.json.encode(value).decode() if _is_small(value) else kind_of(value)
    return f"one of {len(value)}" if isinstance(value, list) else kind_of(value)


def _is_small(value: Any) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def _listed(names: Sequence[Any]) -> str:
    quoted = [msgspec.json.encode(name).decode() for name in names[:20]]
    return ", ".join(quoted) + (", …" if len(names) > 20 else "")


def _choices(hint: Any) -> list[Any]:
    hint = _without_none(hint)
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [member.value for member in hint]
    return []


def _without_none(hint: Any) -> Any:
    """Take the one other type of an optional one."""
    hint = _bare(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        others = [
            word for word in typing.get_args(hint) if word not in (type(None), msgspec.UnsetType)
        ]
        return _without_none(others[0]) if len(others) == 1 else hint
    return hint


def _bare(hint: Any) -> Any:
    """Take off what annotates a type."""
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    return hint


def _has_hints(hint: type) -> bool:
    return dataclasses.is_dataclass(hint) or typing.is_typeddict(hint)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing
