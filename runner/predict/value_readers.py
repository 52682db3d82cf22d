"""Read what msgspec does not: arrays, frames, pydantic's models, files.

Each ``ValueReader`` stands for one type hint. Nothing is imported here that the hint has not
brought along already, but pydantic for a check that annotated_types can only name.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from runner.predict.constraints import needs_pydantic
from runner.predict.problem_error import InvalidField, ProblemError, json_pointer
from runner.predict.schema import json_schema_of
from runner.predict.type_descriptions import (
    describe_kind,
    describe_value,
    without_annotations,
    without_none,
)
from runner.predict.uploads import UploadFile
from runner.predict.validation_errors import (
    Steps,
    invalid_fields_in,
    problem_of_all,
    problem_of_fields,
    unknown_fields_in,
)
from runner.predict.whole_numbers import with_whole_numbers

Scalar = str | int | float | bool | None
_DEEPEST = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValueReader:
    """Read the values of one hint.

    Attributes:
        read: Makes a value of what JSON has; its second argument is where that stands.
            Raises a ProblemError with the invalid fields.
        schema: The JSON schema.
        answer: That of a value as an answer; empty if it is not known.
        takes_body: As the only parameter it takes the whole body.
    """

    read: Callable[[Any, Steps], Any]
    schema: dict[str, Any]
    answer: dict[str, Any] = dataclasses.field(default_factory=dict)
    takes_body: bool = False


class SplitFrame(msgspec.Struct, forbid_unknown_fields=True):
    """Hold a table as pandas writes it with ``orient="split"``."""

    columns: list[str]
    data: list[list[Scalar]]
    index: list[str | int] | None = None


def reader_for(hint: Any) -> ValueReader | None:
    """Choose who reads the values of a hint; None leaves it to msgspec."""
    inner = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
    if (found := _file_reader(hint)) is not None:
        return found
    for module, choose in (
        ("numpy", _numpy_reader),
        ("pandas", _pandas_reader),
        ("pydantic", _pydantic_reader),
    ):
        loaded = sys.modules.get(module)
        if module == "pydantic" and loaded is None and needs_pydantic(hint):
            loaded = importlib.import_module(module)
        if loaded is not None and (found := choose(loaded, inner, hint)) is not None:
            return found
    return None


def _problem_at(at: Steps, detail: str) -> ProblemError:
    return problem_of_fields([InvalidField(field=json_pointer(*at), detail=detail)])


def _checked(value: Any, hint: Any, at: Steps) -> Any:
    """Let msgspec read a part of a value.

    Raises:
        ProblemError: It does not fit.
    """
    try:
        return msgspec.convert(value, hint)
    except (msgspec.ValidationError, RecursionError):
        whole = with_whole_numbers(value, hint)
        if (problem := problem_of_all(invalid_fields_in(whole, hint, at))) is not None:
            raise problem from None
    return msgspec.convert(whole, hint)


def _file_reader(hint: Any) -> ValueReader | None:
    """Read a file of a form, one that may be absent, or several by one name."""
    inner, about = without_none(hint), _words_about(hint)
    read: Callable[[Any, Steps], Any] = _read_file
    schema: dict[str, Any] = {"type": "string", "format": "binary"}
    if typing.get_origin(inner) is list:
        (inner,) = typing.get_args(inner)
        read, schema = _read_files, {"type": "array", "items": schema}
    if inner is not UploadFile:
        return None
    if type(None) not in typing.get_args(without_annotations(hint)):
        return ValueReader(read=read, schema=schema | about)
    return ValueReader(
        read=lambda value, at: None if value is None else read(value, at),
        schema={"anyOf": [schema, {"type": "null"}]} | about,
    )


def _words_about(hint: Any) -> dict[str, str]:
    """Give title and description that annotate a type."""
    metadata = [
        each for each in getattr(hint, "__metadata__", ()) if isinstance(each, msgspec.Meta)
    ]
    named = [(name, getattr(each, name)) for each in metadata for name in ("title", "description")]
    return {name: text for name, text in named if text}


def _read_files(value: Any, at: Steps) -> list[UploadFile]:
    given = value if isinstance(value, list) else [value]  # a form has a name once, or twice
    return [_read_file(each, (*at, number)) for number, each in enumerate(given)]


def _read_file(value: Any, at: Steps) -> UploadFile:
    if isinstance(value, UploadFile):
        return value
    raise _problem_at(at, f"expected a file in multipart/form-data, got {describe_kind(value)}")


def _numpy_reader(numpy: Any, inner: Any, hint: Any) -> ValueReader | None:
    origin, words = typing.get_origin(inner), typing.get_args(inner)
    if inner is not numpy.ndarray and origin is not numpy.ndarray:
        return None
    scalars = typing.get_args(words[1]) if len(words) == 2 else ()
    dtype = _dtype(numpy, scalars[0]) if scalars else None
    member = _MEMBER_TYPES.get(dtype.kind if dtype is not None else "", int | float)

    def read(value: Any, at: Steps) -> Any:
        return _array(numpy, value, dtype, member, at)

    member_schema = json_schema_of(member)
    items = member_schema.get("anyOf", [member_schema])
    schema = {"type": "array", "items": {"anyOf": [*items, {"type": "array"}]}}
    return ValueReader(read=read, schema=schema)


_MEMBER_TYPES: dict[str, Any] = {"i": int, "u": int, "f": float, "b": bool, "U": str, "M": str}


def _dtype(numpy: Any, kind: Any) -> Any:
    """Give what an array's hint says of its members, None if that is just a family of types."""
    try:
        return numpy.dtype(kind) if isinstance(kind, type) and kind is not Any else None
    except TypeError:
        return None


def _array(numpy: Any, value: Any, dtype: Any, member: Any, at: Steps) -> Any:
    nested = member
    for _ in range(_depth(value, at)):
        nested = list[nested]  # type: ignore[valid-type] # made for this value
    checked = _checked(value, nested, at)
    try:
        with numpy.errstate(over="ignore"):
            found = numpy.array(checked, dtype=dtype)
    except (ValueError, OverflowError) as error:
        raise _problem_at(at, f"no array can be made of it: {error}") from None
    if (found.dtype.kind == "O" and dtype is None) or (
        found.dtype.kind == "f" and not numpy.isfinite(found).all()
    ):
        raise _problem_at(at, "a number is out of range")
    return found


def _depth(value: Any, at: Steps) -> int:
    depth = 0
    while isinstance(value, list):
        depth += 1
        value = value[0] if value else None
    if not 1 <= depth <= _DEEPEST:
        got = describe_kind(value) if not depth else f"one of {depth} dimensions"
        raise _problem_at(at, f"expected an array of numbers, got {got}")
    return depth


def _pandas_reader(pandas: Any, inner: Any, hint: Any) -> ValueReader | None:
    if inner is pandas.DataFrame:

        def read_frame(value: Any, at: Steps) -> Any:
            if isinstance(value, dict):
                split = _checked(value, SplitFrame, at)
                return _frame_of_split(pandas, split, at)
            return pandas.DataFrame(_checked(value, list[dict[str, Scalar]], at))

        schema = {"anyOf": [json_schema_of(list[dict[str, Scalar]]), json_schema_of(SplitFrame)]}
        return ValueReader(read=read_frame, schema=schema, takes_body=True)
    if inner is pandas.Series:

        def read_series(value: Any, at: Steps) -> Any:
            kind = list[Scalar] if isinstance(value, list) else dict[str, Scalar]
            return pandas.Series(_checked(value, kind, at))

        schema = {"anyOf": [json_schema_of(dict[str, Scalar]), json_schema_of(list[Scalar])]}
        return ValueReader(read=read_series, schema=schema, takes_body=True)
    return None


def _frame_of_split(pandas: Any, split: SplitFrame, at: Steps) -> Any:
    for number, row in enumerate(split.data):
        if len(row) != len(split.columns):
            detail = f"expected {len(split.columns)} values, got {len(row)}"
            raise _problem_at((*at, "data", number), detail)
    if split.index is not None and len(split.index) != len(split.data):
        raise _problem_at(
            (*at, "index"), f"expected {len(split.data)} labels, got {len(split.index)}"
        )
    return pandas.DataFrame(split.data, columns=split.columns, index=split.index)


def _pydantic_reader(pydantic: Any, inner: Any, hint: Any) -> ValueReader | None:
    if not _is_of_pydantic(pydantic, inner) and not needs_pydantic(hint):
        return None
    is_closed = dataclasses.is_dataclass(inner) or typing.is_typeddict(inner)
    adapter = pydantic.TypeAdapter(hint)

    def read(value: Any, at: Steps) -> Any:
        if is_closed and (unknown := list(unknown_fields_in(value, inner, at))):
            raise problem_of_fields(unknown)
        try:
            return adapter.validate_json(msgspec.json.encode(value))
        except pydantic.ValidationError as error:
            raise problem_of_fields(
                [_invalid_field_of(each, value, at) for each in error.errors()]
            ) from None

    is_model = isinstance(inner, type) and issubclass(inner, pydantic.BaseModel)
    schema = adapter.json_schema()
    if is_closed and "properties" in schema:
        schema["additionalProperties"] = False
    return ValueReader(
        read=read,
        schema=schema,
        answer=adapter.json_schema(mode="serialization"),
        takes_body=is_model or is_closed,
    )


def _is_of_pydantic(pydantic: Any, hint: Any) -> bool:
    """Tell a hint that mentions a model of pydantic's, or a type that is pydantic's own."""
    if isinstance(hint, type) and (
        issubclass(hint, pydantic.BaseModel) or hint.__module__.partition(".")[0] == "pydantic"
    ):
        return True
    return any(_is_of_pydantic(pydantic, word) for word in typing.get_args(hint))


def _invalid_field_of(error: Any, value: Any, at: Steps) -> InvalidField:
    is_missing = error["type"] == "missing"
    steps = _steps_within(value, error["loc"][:-1] if is_missing else error["loc"])
    steps += error["loc"][-1:] if is_missing else ()
    detail = str(error["msg"])
    got = "" if is_missing else f", got {_described(error)}"
    return InvalidField(
        field=json_pointer(*at, *steps), detail=detail[:1].lower() + detail[1:] + got
    )


def _steps_within(value: Any, steps: Steps) -> Steps:
    """Leave out the steps that lead nowhere: pydantic also names which type of a union it tried."""
    found: Steps = ()
    for step in steps:
        try:
            value = value[step]
        except (LookupError, TypeError):
            continue
        found += (step,)
    return found


def _described(error: Any) -> str:
    """Say what was given: of which kind it is where another is wanted, else the value."""
    of_kind = error["type"].endswith(("_type", "_parsing"))
    return (describe_kind if of_kind else describe_value)(error["input"])
