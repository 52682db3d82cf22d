"""Read items from JSON, strictly: msgspec parses, checks and describes in one."""

from __future__ import annotations

import collections
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from runner.http.charsets import BOM
from runner.predict.endpoints import Schema
from runner.predict.problem_error import InvalidField, ProblemError, json_pointer
from runner.predict.schema_formats import add_formats
from runner.predict.type_descriptions import comma_separated, describe_type
from runner.predict.validation_errors import (
    MOST_INVALID_FIELDS,
    problem_of_all,
    problem_of_fields,
    problem_of_reason,
    unknown_fields_in,
    validation_problem,
)
from runner.predict.whole_numbers import with_whole_numbers

Item = TypeVar("Item")

_INNER_TYPES = ("type", "types", "item_type", "item_types", "key_type", "value_type", "fields")

_BARE_TYPES = (
    msgspec.inspect.IntType,
    msgspec.inspect.FloatType,
    msgspec.inspect.BoolType,
    msgspec.inspect.NoneType,
    msgspec.inspect.UnionType,
)

_NESTED = (dict, list, tuple)
_MOST_EXPLAINED = 1_048_576  # bytes of a body beyond which only the first fault is told

_WHOLE_TYPES = (
    msgspec.inspect.IntType,
    msgspec.inspect.LiteralType,
    msgspec.inspect.EnumType,
)

_parse = msgspec.json.Decoder().decode


class TypedSchema(Generic[Item]):
    """Read what a type describes.

    Args:
        hint: Any type that msgspec reads.
        to_item: Makes an item of what was read.

    Attributes:
        most_values: How many numbers, texts and others an item may have; None if any number.

    Raises:
        TypeError: msgspec does not read it.
    """

    names: tuple[str, ...] = ()
    most_values: int | None = None

    def __init__(self, hint: Any, to_item: Callable[[Any], Item]) -> None:
        self.hint = hint
        self._to_item = to_item
        self._described: dict[str, Any] | None = None
        self._read: Callable[[bytes], Any] = msgspec.json.Decoder(hint).decode
        within = list(types_within(msgspec.inspect.type_info(hint)))
        self.is_bare = all(isinstance(each, _BARE_TYPES) for each in within)
        self._has_open_types = any(_is_open(each) for each in within)
        if self._has_open_types:
            self._read = self._read_strictly
        self._has_integers = any(isinstance(each, _WHOLE_TYPES) for each in within)

    def decode(self, body: bytes, is_brief: bool = False) -> Item:
        """Read an item from a JSON body.

        Args:
            body: The JSON.
            is_brief: Of what is wrong tell only what was seen first.

        Raises:
            ProblemError: 400 for what is no JSON, 422 for what has the wrong shape.
        """
        read, to_item = self._read, self._to_item
        try:
            found = read(body)
        except (ValueError, RecursionError) as error:
            found = self._read_again(body, error, is_brief=is_brief or len(body) > _MOST_EXPLAINED)
        return to_item(found)

    def convert(self, value: Any) -> Item:
        """Read an item from a JSON value, or from one that came otherwise but looks like it.

        Raises:
            ProblemError: 422 for the wrong shape, or for NaN and the infinities.
        """
        _check_finite(value)
        self._check_fields(value)
        try:
            found = msgspec.convert(value, self.hint, str_keys=True)
        except msgspec.ValidationError as error:
            found = self._converted_again(value, error)
        return self._to_item(found)

    def describe(self) -> dict[str, Any]:
        """Give the JSON schema (2020-12) of a body: made once, and not to be changed."""
        if self._described is None:
            self._described = self._describe()
        return self._described

    def _describe(self) -> dict[str, Any]:
        return json_schema_of(self.hint)

    def _read_strictly(self, body: bytes) -> Any:
        """Read what has types that would let unknown fields pass."""
        value = parse_json(body)
        self._check_fields(value)
        return msgspec.convert(value, self.hint, str_keys=True)

    def _check_fields(self, value: Any) -> None:
        """Refuse what msgspec lets pass."""
        if self._has_open_types and (unknown := next(unknown_fields_in(value, self.hint), None)):
            raise validation_problem(value, self.hint, unknown.detail)

    def _read_again(self, body: bytes, error: Exception, *, is_brief: bool) -> Any:
        """Read what is refused for its form only, or say what is wrong; this is the slow path."""
        if body.startswith(BOM):
            body = body.removeprefix(BOM)
            try:
                return self._read(body)
            except (ValueError, RecursionError) as without_mark:
                error = without_mark
        try:
            value = parse_json(body)
        except ProblemError as problem:
            if problem.errors or not self.is_bare:
                raise
            wanted = f"; expected {describe_type(self.hint)}"
            raise ProblemError(problem.status, f"{problem.detail}{wanted}") from None
        return self._converted_again(value, error, is_brief=is_brief)

    def _converted_again(self, value: Any, error: Exception, *, is_brief: bool = False) -> Any:
        """Take 1.0 for an integer, or say what is wrong."""
        try:
            whole = with_whole_numbers(value, self.hint) if self._has_integers else value
            if whole is not value:
                return msgspec.convert(whole, self.hint, str_keys=True)
        except RecursionError:
            raise ProblemError(422, "the body is nested too deep") from None
        except msgspec.ValidationError as also:
            value, error = whole, also
        if is_brief:
            raise problem_of_reason(str(error)) from None
        raise validation_problem(value, self.hint, str(error)) from None


class RowSchema(TypedSchema[tuple[Any, ...]]):
    """Read one row of features: an object by their names, or an array if they have none.

    Args:
        features: The type of each feature by its name, in the model's order.
    """

    def __init__(self, features: Mapping[str, Any]) -> None:
        row = closed_struct("Row", {name: (hint, True) for name, hint in features.items()})
        super().__init__(row, msgspec.structs.astuple)
        self.names = tuple(features)
        self.most_values = len(features)


class ArraySchema(TypedSchema[tuple[Any, ...]]):
    """Read one row as an array.

    Args:
        hint: The type of each feature.
        length: How many there are; None if any number will do.
    """

    def __init__(self, hint: Any, length: int | None) -> None:
        bounds = msgspec.Meta(min_length=length or 1, max_length=length)
        super().__init__(Annotated[list[hint], bounds], tuple)
        self.most_values = length


class TextSchema(TypedSchema[tuple[str]]):
    """Read one text: a string, or an object that has it as ``text``."""

    def __init__(self) -> None:
        row = closed_struct("Text", {"text": (str, True)})
        super().__init__(str | row, _row_of_text)


def _row_of_text(found: Any) -> tuple[str]:
    return (found if isinstance(found, str) else msgspec.structs.astuple(found)[0],)


def closed_struct(name: str, fields: Mapping[str, tuple[Any, bool]]) -> type[msgspec.Struct]:
    """Make a type of fields by any names, that refuses others.

    Args:
        name: What the JSON schema calls it.
        fields: The type of each field, and whether it must be there; else it is UNSET.
    """
    # Its attributes have names of ours: a field may be called anything, in Python not.
    own = {f"f{number}": each for number, each in enumerate(fields)}
    made: list[Any] = []
    for attribute, each in own.items():
        hint, is_required = fields[each]
        absent = (hint | msgspec.UnsetType, msgspec.UNSET) if not is_required else (hint,)
        made.append((attribute, *absent))
    return msgspec.defstruct(name, made, rename=own, forbid_unknown_fields=True, kw_only=True)


def check_columns(schema: Schema, columns: Sequence[str]) -> None:
    """Refuse a table by its columns, before any of it is read.

    Raises:
        ProblemError: 422, it has columns that the schema does not know, or one twice.
    """
    (twice, count), *_ = collections.Counter(columns).most_common(1) or [("", 0)]
    if count > 1:
        raise ProblemError(422, f"the column {twice!r:.80} is there twice")
    described = schema.describe()
    if not schema.names or described.get("additionalProperties") is not False:
        return
    known = set(schema.names)
    if unknown := [name for name in columns if name not in known]:
        detail = f"unknown field; expected {comma_separated(schema.names)}"
        listed = [
            InvalidField(field=json_pointer(name), detail=detail)
            for name in unknown[:MOST_INVALID_FIELDS]
        ]
        raise problem_of_fields(listed, len(unknown) - len(listed))


def parse_json(body: bytes) -> Any:
    """Read JSON of any shape.

    Raises:
        ProblemError: 400, it is no JSON; 422, it has a number that no float holds.
    """
    try:
        return _parse(body)
    except msgspec.ValidationError:
        return _parse_large_numbers(body)
    except RecursionError:
        raise ProblemError(400, "the body is not JSON that can be read: nested too deep") from None
    except ValueError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        reason = "it is empty" if not body.strip() else reason
        raise ProblemError(400, f"the body is not JSON: {reason}") from None


def _parse_large_numbers(body: bytes) -> Any:
    """Read numbers that no float holds as infinite, so that it can be said where they are."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ProblemError(422, "the body has a number that is out of range") from None
    _check_finite(value)
    return value


def json_schema_of(hint: Any) -> dict[str, Any]:
    """Give the JSON schema of a type; what it refers to is in its ``$defs``."""
    (schema,), parts = msgspec.json.schema_components([hint], ref_template="#/$defs/{name}")
    within = types_within(msgspec.inspect.type_info(hint))
    closed = {each.cls.__name__ for each in within if _is_open(each)}
    for each in parts.values():
        if each.get("title") in closed:
            each["additionalProperties"] = False
    add_formats(schema, hint, parts)
    outer = schema.get("$ref", "")
    if outer:
        schema = parts[outer.removeprefix("#/$defs/")]
        if outer not in str(parts):  # else it refers to itself
            del parts[outer.removeprefix("#/$defs/")]
    return {**schema, "$defs": parts} if parts else dict(schema)


def types_within(info: Any) -> Iterator[Any]:
    """Give a type, as msgspec describes it, and all that it is made of."""
    waiting, seen = [info], set()
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            for name in _INNER_TYPES:
                inner = getattr(each, name, ())
                waiting += inner if isinstance(inner, tuple) else [inner]


def _is_open(info: Any) -> bool:
    return isinstance(info, msgspec.inspect.DataclassType | msgspec.inspect.TypedDictType)


def _check_finite(value: Any) -> None:
    try:
        problem = problem_of_all(_not_finite(value))
    except RecursionError:
        raise ProblemError(422, "the body is nested too deep") from None
    if problem is not None:
        raise problem


def _not_finite(value: Any, *at: str | int) -> Iterator[InvalidField]:
    if isinstance(value, dict | list | tuple):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            kind = type(member)
            if kind in _NESTED or (kind is float and not math.isfinite(member)):
                yield from _not_finite(member, *at, key)
    elif isinstance(value, float) and not math.isfinite(value):
        yield InvalidField(field=json_pointer(*at), detail="expected a finite number")
