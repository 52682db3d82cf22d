"""Say in the words of JSON what a type takes, what a value is, and why msgspec refused it."""

from __future__ import annotations

import enum
import functools
import re
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

Found = TypeVar("Found")

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
_MOST_REMEMBERED = 1_024
_MESSAGE = re.compile(r"(?P<message>.*?)(?: - at `.*)?", re.DOTALL)
_GOT = re.compile(r"Expected `(?P<wanted>[^`]*)`(?P<bound>[^`]*?)(?:, got .*)?", re.DOTALL)


def describe_type(hint: Any) -> str:
    """Say in words what a type takes."""
    if choices := _choices(hint):
        return f"one of {comma_separated(choices)}"
    probe = why_refused(_Nothing(), hint)
    wanted = probe.removeprefix("expected ").partition(", got ")[0] if probe else "a value"
    return wanted or "a value"


class _Nothing:
    """Be what no type takes."""


def why_refused(value: Any, hint: Any) -> str:
    """Say why msgspec refuses a value; empty if it does not."""
    try:
        msgspec.convert(value, hint, str_keys=True)
    except msgspec.ValidationError as error:
        message = _MESSAGE.fullmatch(str(error))
        return _in_words(message["message"] if message else str(error), value, hint)
    return ""


def _in_words(message: str, value: Any, hint: Any) -> str:
    if (choices := _choices(hint)) and not isinstance(value, _Nothing):
        return f"expected one of {comma_separated(choices)}, got {describe_value(value)}"
    if message == "Number out of range":
        return "expected a finite number"
    match = _GOT.fullmatch(message)
    if match is None:
        return f"{message[:1].lower()}{message[1:]}, got {describe_value(value)}"
    words = match["wanted"].split(" | ")
    if "float" in words:  # an integer is a number, too
        words = [word for word in words if word != "int"]
    wanted = " or ".join(_KINDS.get(word, word) for word in words)
    got = describe_value(value) if match["bound"] else describe_kind(value)
    return f"expected {wanted}{match['bound']}, got {got}"


def describe_kind(value: Any) -> str:
    """Say in words of what kind a JSON value is."""
    return _KINDS.get(type(value).__name__, type(value).__name__)


def describe_value(value: Any) -> str:
    """Show a short value itself, and of a long one the kind."""
    if isinstance(value, str | int | float | None) and len(repr(value)) <= 40:
        return msgspec.json.encode(value).decode() if _is_small(value) else repr(value)
    return f"one of {len(value)}" if isinstance(value, list) else describe_kind(value)


def _is_small(value: Any) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def comma_separated(names: Sequence[Any]) -> str:
    """List names, each as JSON has it."""
    quoted = [msgspec.json.encode(name).decode() for name in names[:20]]
    return ", ".join(quoted) + (", …" if len(names) > 20 else "")


def _choices(hint: Any) -> list[Any]:
    hint = without_none(hint)
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [member.value for member in hint]
    return []


def remembered(look: Callable[[Any], Found]) -> Callable[[Any], Found]:
    """Let a function look at each type but once: a body may have many values of it.

    Types are told apart by what they are, not by what they equal: ``Literal["a", "b"]`` equals
    ``Literal["b", "a"]``, and says something else.
    """
    known: dict[int, tuple[Any, Found]] = {}  # with the type itself, so that its id stays its own

    @functools.wraps(look)
    def find(hint: Any) -> Found:
        entry = known.get(id(hint))
        if entry is None:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            entry = known[id(hint)] = (hint, look(hint))
        return entry[1]

    return find


@remembered
def without_none(hint: Any) -> Any:
    """Take the one other type of an optional one."""
    hint = without_annotations(hint)
    if is_union(hint):
        others = [
            word for word in typing.get_args(hint) if word not in (type(None), msgspec.UnsetType)
        ]
        return without_none(others[0]) if len(others) == 1 else hint
    return hint


def is_union(hint: Any) -> bool:
    """Tell a type that is one of several."""
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def without_annotations(hint: Any) -> Any:
    """Take off what annotates a type."""
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    return hint
