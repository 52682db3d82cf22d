"""Read the arguments of a function as its type hints say."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import itertools
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec

from runner.predict.constraints import is_pydantic_field
from runner.predict.dataclass_defaults import has_dataclasses, with_dataclass_defaults
from runner.predict.problem_error import InvalidField, ProblemError
from runner.predict.schema import TypedSchema, closed_struct, types_within
from runner.predict.signatures import name_of, signature_of
from runner.predict.type_members import fields_of_type
from runner.predict.uploads import UploadFile, value_of_field
from runner.predict.validation_errors import (
    problem_of_all,
    problem_of_fields,
)
from runner.predict.value_readers import ValueReader, reader_for

_SERVABLE = (
    "serve reads numbers, strings, booleans, Literal, Enum, lists, dicts, dataclasses, TypedDict,"
    " msgspec and pydantic models, numpy arrays, pandas DataFrame and Series, dates, UUID, bytes"
)
_FILES = frozenset({bytes, UploadFile})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameter:
    """Describe one parameter of a function.

    Attributes:
        name: Its name, which is its key in JSON.
        hint: Its type.
        reader: What reads it, if msgspec does not.
        is_required: Whether it has no default.
        default: Its default, if it has one.
        is_positional: Whether it can only be given by its place.
    """

    name: str
    hint: Any
    reader: ValueReader | None
    is_required: bool
    default: Any
    is_positional: bool = False

    @property
    def is_file(self) -> bool:
        """Tell whether it may come as a file of a form."""
        return any(map(_is_file, _words_of(self.hint)))

    @property
    def needs_form(self) -> bool:
        """Tell whether it can come in a form only: a file as such, which must be there."""
        words = list(_words_of(self.hint))
        return self.is_required and UploadFile in words and type(None) not in words


class ArgumentsSchema(TypedSchema[dict[str, Any]]):
    """Read keyword arguments.

    Args:
        name: Of the function.
        parameters: What it takes; just one that is structured, or nameless, takes the whole body.
    """

    def __init__(self, name: str, parameters: list[Parameter]) -> None:
        self.parameters = {each.name: each for each in parameters}
        self._readers = {each.name: each.reader for each in parameters if each.reader}
        self._whole = parameters[0].name if _takes_body(parameters) else ""
        self._has_dataclasses = any(has_dataclasses(each.hint) for each in parameters)
        self._has_defaults = not all(each.is_required for each in parameters)
        if self._whole:
            hint = Any if self._readers else parameters[0].hint
            super().__init__(hint, self._whole_body)
            self.names = tuple(field.name for field in fields_of_type(parameters[0].hint) or ())
            return
        fields = {
            each.name: (Any if each.reader else each.hint, each.is_required) for each in parameters
        }
        self.names = tuple(self.parameters)
        super().__init__(closed_struct(_title(name), fields), self._arguments)

    def convert_form(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """Read arguments from a form, whose fields are files and text.

        Raises:
            ProblemError: 422 for the wrong shape.
        """
        return self.convert({name: self._of_form(name, value) for name, value in form.items()})

    def _of_form(self, name: str, value: Any) -> Any:
        each = self.parameters.get(name)
        return (
            value if each is None else value_of_field(value, each.hint, as_file=bool(each.reader))
        )

    def _describe(self) -> dict[str, Any]:
        if self._whole:
            reader = self._readers.get(self._whole)
            return reader.schema if reader else super()._describe()
        found = super()._describe()
        for name, reader in self._readers.items():
            inner = dict(reader.schema)
            parts = inner.pop("$defs", None)
            found["properties"][name] = inner
            if parts:
                found["$defs"] = found.get("$defs", {}) | parts
        for each in self.parameters.values():
            if not each.is_required:
                _describe_default(found["properties"][each.name], each.default)
        return found

    def _whole_body(self, value: Any) -> dict[str, Any]:
        reader = self._readers.get(self._whole)
        return {self._whole: reader.read(value, ()) if reader else self._with_defaults(value)}

    def _arguments(self, found: Any) -> dict[str, Any]:
        values = dict(zip(self.names, msgspec.structs.astuple(found), strict=True))
        if self._has_defaults:
            values = {name: value for name, value in values.items() if value is not msgspec.UNSET}
        values = self._with_defaults(values)
        return self._read_special(values) if self._readers else values

    def _with_defaults(self, values: Any) -> Any:
        return with_dataclass_defaults(values) if self._has_dataclasses else values

    def _read_special(self, values: dict[str, Any]) -> dict[str, Any]:
        if invalid_fields := [*self._invalid_special(values)]:
            raise problem_of_fields(invalid_fields)
        return values

    def _invalid_special(self, values: dict[str, Any]) -> Iterator[InvalidField]:
        """Read what msgspec does not, in its place, and give what is wrong."""
        for name, reader in self._readers.items():
            if name in values:
                try:
                    values[name] = reader.read(values[name], (name,))
                except ProblemError as error:
                    yield from error.errors

    def _converted_again(self, value: Any, error: Exception, *, is_brief: bool = False) -> Any:
        """Say also what is wrong where msgspec does not look."""
        try:
            return super()._converted_again(value, error, is_brief=is_brief)
        except ProblemError as problem:
            if is_brief or self._whole or not self._readers or not isinstance(value, dict):
                raise
            also = self._invalid_special(dict(value))
            raise problem_of_all(itertools.chain(problem.errors, also)) or problem from None


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """List what a function takes.

    Raises:
        TypeError: A parameter has no hint, or one that cannot be read.
    """
    name = name_of(function)
    given = signature_of(function).parameters.values()
    if not given:
        raise TypeError(
            f"{name}(): takes no arguments, and a request brings some: write what it is asked by,"
            f" as in def {_written_name(name)}(name: str)"
        )
    for each in given:
        _check_can_be_given(name, each, is_alone=len(given) == 1)
        if each.annotation is each.empty:
            raise TypeError(
                f"{name}(): parameter {each.name!r} has no type hint: write {each.name}: float, or"
                f" what it is. {_SERVABLE}.{_mend_for_app(given)}"
            )
        if is_pydantic_field(each.default):
            raise TypeError(
                f"{name}(): parameter {each.name!r} has a Field as its default: write"
                f" {each.name}: Annotated[{_hint_text(each.annotation)}, Field(…)], and its default"
                " behind it"
            )
    return [_parameter(name, each) for each in given]


def _check_can_be_given(name: str, each: inspect.Parameter, *, is_alone: bool) -> None:
    if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
        raise TypeError(
            f"{name}(): {each} cannot be served, since a request could give it anything: write each"
            " argument by its name, as in area: float, or one that takes the whole body:"
            " values: dict[str, float], /"
        )
    if not _can_be_given(each, is_alone=is_alone):
        raise TypeError(
            f"{name}(): {each} cannot be served, since a request gives each argument by name:"
            " give it an ordinary parameter"
        )


def _mend_for_app(given: Collection[inspect.Parameter]) -> str:
    """Say what an app has to look like, to who may have meant one."""
    kinds = {2: "(environ, start_response)", 3: "(scope, receive, send)"}
    kind = kinds.get(len(given), "")
    return f" If it is an app, name its parameters {kind}" if kind else ""


def _written_name(name: str) -> str:
    return name if name.isidentifier() else "predict"


def _can_be_given(each: inspect.Parameter, *, is_alone: bool) -> bool:
    """Tell whether a request can give an argument: by name, or as the whole body."""
    if each.kind is each.POSITIONAL_ONLY:
        return is_alone and each.default is each.empty and not _is_file(each.annotation)
    return each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)


def reader_for_hint(function: str, name: str, hint: Any) -> ValueReader | None:
    """See that a hint can be read, and give what does it if msgspec does not.

    Raises:
        TypeError: It cannot.
    """
    reason = ""
    try:
        reader = reader_for(hint)
        if reader is not None:
            return reader
        msgspec.json.Decoder(hint)
        if strange := _unsupported_type(msgspec.inspect.type_info(hint)):
            reason = f"{strange} is nothing that JSON has"
    except Exception as error:  # noqa: BLE001 - msgspec and pydantic refuse by errors of several kinds
        reason = str(error).partition(" - type")[0]
    if reason:
        raise TypeError(
            f"{function}(): parameter {name!r} has the type {_hint_text(hint)}, which cannot be"
            f" served: {reason}. {_SERVABLE}"
        )
    return None


def _parameter(function: str, each: inspect.Parameter) -> Parameter:
    return Parameter(
        name=each.name,
        hint=each.annotation,
        reader=reader_for_hint(function, each.name, each.annotation),
        is_required=each.default is each.empty,
        default=each.default,
        is_positional=each.kind is each.POSITIONAL_ONLY,
    )


def _is_file(hint: Any) -> bool:
    """Tell what a file of a form can be; what annotates a type need not have a hash."""
    return isinstance(hint, type) and hint in _FILES


def _words_of(hint: Any) -> Iterator[Any]:
    """Give a type and all that it is made of."""
    yield hint
    for each in typing.get_args(hint):
        yield from _words_of(each)


def _unsupported_type(info: Any) -> str:
    """Find a type that msgspec would only hand on, somewhere within a hint."""
    for each in types_within(info):
        if getattr(each, "cls", None) is UploadFile:
            return "a file within another type"
        if isinstance(each, msgspec.inspect.CustomType):
            return _hint_text(each.cls)
        if isinstance(each, msgspec.inspect.RawType | msgspec.inspect.ExtType):
            return type(each).__name__
    return ""


def _takes_body(parameters: list[Parameter]) -> bool:
    if len(parameters) != 1 or not parameters[0].is_required:
        return False
    if parameters[0].is_positional:
        return True
    reader = parameters[0].reader
    return reader.takes_body if reader else fields_of_type(parameters[0].hint) is not None


def _describe_default(schema: dict[str, Any], default: Any) -> None:
    value = default.value if isinstance(default, enum.Enum) else default
    if isinstance(value, str | int | float | bool | None):
        schema["default"] = value


def _title(name: str) -> str:
    words = "".join(word.capitalize() for word in name.split("_"))
    return words if words.isidentifier() else "Arguments"


def _hint_text(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint).replace("typing.", "")
