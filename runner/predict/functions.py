"""Make an endpoint of a function with type hints."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from runner.predict import answers
from runner.predict.arguments import (
    ArgumentsSchema,
    Parameter,
    checked_hint,
    name_of,
    parameters_of,
    signature_of,
)
from runner.predict.endpoints import Endpoint, Schema
from runner.predict.hints import Reader
from runner.predict.options import BATCHED, Options
from runner.predict.problems import ProblemError
from runner.predict.rows import Rows, array_of, frames_of, rows_of
from runner.predict.schema import ArraySchema, TypedSchema, described


def function_endpoint(
    function: Callable[..., Any], name: str, path: str, options: Options
) -> Endpoint:
    """Make an endpoint of a function.

    Raises:
        TypeError: A parameter has no hint or one that cannot be served, or the example does not
            fit.
    """
    if options.probabilities or options.class_names is not None:
        raise TypeError(f"{name_of(function)}(): probabilities and class names are for models")
    is_batched = hasattr(function, BATCHED)
    make = _batched_endpoint if is_batched else _plain_endpoint
    text = inspect.getdoc(function) if inspect.isroutine(function) else ""
    filled = dataclasses.replace(
        options,
        title=options.title or name_of(function),
        description=options.description or text or "",
    )
    return make(function, name, path, filled)


def _plain_endpoint(
    function: Callable[..., Any], name: str, path: str, options: Options
) -> Endpoint:
    if options.max_batch not in (None, 1):
        raise TypeError(
            f"{name_of(function)}(): takes one request at a time; max_batch is for a function"
            " that takes many: @batched(max_size=…)"
        )
    parameters = parameters_of(function)
    schema = ArgumentsSchema(name_of(function), parameters)
    is_async = inspect.iscoroutinefunction(_called(function))
    apply = _applying(function, parameters)

    def predict(items: Sequence[Any]) -> list[Any]:
        return [apply(item) for item in items]

    async def call(item: Any) -> Any:
        return await apply(item)

    return Endpoint(
        name=name,
        path=path,
        title=options.title,
        description=options.description,
        example=checked_example(name_of(function), schema, options.example),
        schema=schema,
        answer=_answer_of(function, options),
        predict=predict,
        call=call if is_async else None,
        encode=encoder_of(options),
        max_batch=1,
        read_form=schema.convert_form if any(each.is_file for each in parameters) else None,
    )


def _applying(
    function: Callable[..., Any], parameters: Sequence[Parameter]
) -> Callable[[dict[str, Any]], Any]:
    """Give what calls a function with its arguments by name, or one by its place."""
    if any(each.is_nameless for each in parameters):
        return lambda item: function(*item.values())
    return lambda item: function(**item)


def _batched_endpoint(
    function: Callable[..., Any], name: str, path: str, options: Options
) -> Endpoint:
    called = name_of(function)
    if inspect.iscoroutinefunction(_called(function)):
        raise TypeError(f"{called}(): a batched function cannot be async: write def, not async def")
    found = [
        each for each in signature_of(function).parameters.values() if each.default is each.empty
    ]
    if len(found) != 1:
        raise TypeError(f"{called}(): a batched function has one parameter, the rows of a batch")
    schema, to_rows, example = _items_of(called, found[0], options.example)

    def predict(items: Sequence[Any]) -> list[Any]:
        return answers.values_of(function(to_rows(items)), len(items))

    return Endpoint(
        name=name,
        path=path,
        title=options.title,
        description=options.description,
        example=example,
        schema=schema,
        predict=predict,
        encode=encoder_of(options),
        max_batch=options.max_batch or getattr(function, BATCHED),
    )


def _items_of(
    function: str, parameter: inspect.Parameter, example: Any
) -> tuple[Schema, Callable[[Sequence[Any]], Any], Any]:
    """Choose what one request brings to a batched function, and how many are put together."""
    hint = parameter.annotation
    if typing.get_origin(hint) is list:
        (member,) = typing.get_args(hint)
        reader = checked_hint(function, parameter.name, member)
        schema = _ReadSchema(reader) if reader else TypedSchema(member, _same)
        return schema, list, checked_example(function, schema, example)
    kind = getattr(typing.get_origin(hint) or hint, "__name__", "")
    if kind not in ("ndarray", "DataFrame"):
        raise TypeError(
            f"{function}(): a batched function takes np.ndarray, pd.DataFrame or list[T],"
            f" not {hint}"
        )
    if example is None and kind == "DataFrame":
        raise TypeError(f"{function}(): give an example, which names the DataFrame's columns")
    if example is None:
        return ArraySchema(float, None), array_of, None
    rows = rows_of(None, example)
    return (
        rows.schema(),
        frames_of(rows.names) if kind == "DataFrame" else _grid(rows),
        rows.example,
    )


def _grid(rows: Rows) -> Callable[[Sequence[Any]], Any]:
    return array_of if rows.is_numeric() else functools.partial(array_of, dtype=object)


class _ReadSchema(TypedSchema[Any]):
    """Read what a reader reads."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(Any, lambda value: reader.read(value, ()))
        self._reader = reader

    def describe(self) -> dict[str, Any]:
        return self._reader.schema


def checked_example(function: str, schema: Schema, example: Any) -> Any:
    """Give an example as JSON has it.

    Raises:
        TypeError: The function does not take it.
    """
    if example is None:
        return None
    found = msgspec.to_builtins(example, enc_hook=answers.plain, str_keys=True)
    try:
        schema.convert(found)
    except ProblemError as error:
        said = "; ".join(f"{fault.field or 'it'}: {fault.detail}" for fault in error.errors)
        raise TypeError(f"{function}(): the example does not fit: {said or error}") from None
    return found


def encoder_of(options: Options) -> Callable[[Any], bytes]:
    """Choose how a function's results are written."""
    shape = options.answer
    if shape is None:
        return answers.encode
    if isinstance(shape, str):
        key = shape
        return lambda result: answers.encode({key: result})
    make = shape
    return lambda result: answers.encode(make(result))


def _answer_of(function: Callable[..., Any], options: Options) -> dict[str, Any] | None:
    """Describe what a function's own hint says that it returns, if that can be described."""
    hint = signature_of(function).return_annotation
    if callable(options.answer) or hint in (inspect.Signature.empty, Any):
        return None
    try:
        reader = checked_hint(name_of(function), "return", hint)
    except TypeError:
        return None
    shown = {} if reader else described(hint)
    if options.answer is None:
        return shown
    key = str(options.answer)
    return {"type": "object", "properties": {key: shown}, "required": [key]}


def _called(function: Any) -> Any:
    inner = getattr(function, "func", function)
    return inner if inspect.isroutine(inner) else type(inner).__call__


def _same(value: Any) -> Any:
    return value
