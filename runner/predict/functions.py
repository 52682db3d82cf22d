"""Make an endpoint of a function with type hints."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import msgspec

from runner.predict import pictures, result_encoding, streams
from runner.predict.answers import FunctionAnswers
from runner.predict.arguments import (
    ArgumentsSchema,
    Parameter,
    parameters_of,
    reader_for_hint,
)
from runner.predict.dataclass_defaults import has_dataclasses, with_dataclass_defaults
from runner.predict.endpoints import Endpoint, Schema
from runner.predict.media_types import MediaType
from runner.predict.problem_error import ProblemError
from runner.predict.response import Response
from runner.predict.row_format import RowFormat, array_of, frame_converter_for, row_format_of
from runner.predict.schema import ArraySchema, TypedSchema, json_schema_of
from runner.predict.signatures import called_by, name_of, signature_of
from runner.predict.targets import BATCHED, EndpointOptions
from runner.predict.type_descriptions import without_none
from runner.predict.uploads import UploadFile
from runner.predict.value_readers import ValueReader


def function_endpoint(
    function: Callable[..., Any], name: str, path: str, options: EndpointOptions
) -> Endpoint:
    """Make an endpoint of a function.

    Raises:
        TypeError: A parameter has no hint or one that cannot be served, or the example does not
            fit.
    """
    if options.probabilities or options.class_names is not None:
        raise TypeError(f"{name_of(function)}(): probabilities and class names are for models")
    is_batched = hasattr(function, BATCHED)
    make = _batched_endpoint if is_batched else _single_endpoint
    text = inspect.getdoc(function) if inspect.isroutine(function) else ""
    filled = dataclasses.replace(
        options,
        title=options.title or name_of(function),
        description=options.description or text or "",
    )
    return make(function, name, path, filled)


def _single_endpoint(
    function: Callable[..., Any], name: str, path: str, options: EndpointOptions
) -> Endpoint:
    if options.max_batch not in (None, 1):
        raise TypeError(
            f"{name_of(function)}(): takes one request at a time; max_batch is for a function"
            " that takes many: @batched(max_size=…)"
        )
    parameters = parameters_of(function)
    schema = ArgumentsSchema(name_of(function), parameters)
    called = called_by(function)
    is_async = inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)
    if is_async and options.threads > 1:
        raise TypeError(f"{name_of(function)}(): is awaited, several at once: threads= is for def")
    apply = _caller_of(function, parameters)
    kinds = kinds_of_answer(called, signature_of(function).return_annotation, options)
    is_json = kinds == (MediaType.JSON,) and options.media_type is None
    answers = FunctionAnswers(
        shape=shape_of(options), media_type=options.media_type, is_json=is_json
    )

    def predict(items: Sequence[Any]) -> list[Any]:
        return [apply(item) for item in items]

    async def call(item: Any) -> Any:
        found = apply(item)
        return await found if inspect.isawaitable(found) else found

    return Endpoint(
        name=name,
        path=path,
        title=options.title,
        description=options.description,
        example=checked_example(name_of(function), schema, options.example),
        schema=schema,
        answer=None if options.media_type else _answer_of(function, options),
        predict=predict,
        call=call if is_async else None,
        encode=answers.encode,
        answers=None if is_json else answers,
        media_types=kinds,
        threads=options.threads,
        max_batch=1,
        read_form=schema.convert_form if any(each.is_file for each in parameters) else None,
        takes_json=not any(each.needs_form for each in parameters),
    )


def _caller_of(
    function: Callable[..., Any], parameters: Sequence[Parameter]
) -> Callable[[dict[str, Any]], Any]:
    """Give what calls a function with its arguments by name, or one by its place."""
    if any(each.is_positional for each in parameters):
        return lambda item: function(*item.values())
    return lambda item: function(**item)


def _batched_endpoint(
    function: Callable[..., Any], name: str, path: str, options: EndpointOptions
) -> Endpoint:
    called = name_of(function)
    if inspect.iscoroutinefunction(called_by(function)):
        raise TypeError(f"{called}(): a batched function cannot be async: write def, not async def")
    found = [
        each for each in signature_of(function).parameters.values() if each.default is each.empty
    ]
    if len(found) != 1:
        raise TypeError(f"{called}(): a batched function has one parameter, the rows of a batch")
    schema, to_rows, example = _items_of(called, found[0], options.example)

    def predict(items: Sequence[Any]) -> list[Any]:
        return result_encoding.one_result_per_row(function(to_rows(items)), len(items))

    return Endpoint(
        name=name,
        path=path,
        title=options.title,
        description=options.description,
        example=example,
        schema=schema,
        predict=predict,
        encode=FunctionAnswers(shape=shape_of(options), is_json=True).encode,
        threads=options.threads,
        max_batch=options.max_batch or getattr(function, BATCHED),
    )


def _items_of(
    function: str, parameter: inspect.Parameter, example: Any
) -> tuple[Schema, Callable[[Sequence[Any]], Any], Any]:
    """Choose what one request brings to a batched function, and how many are put together."""
    hint = parameter.annotation
    if typing.get_origin(hint) is list:
        (member,) = typing.get_args(hint)
        if without_none(member) is UploadFile:
            raise TypeError(
                f"{function}(): a batched function takes no files as such: take bytes, which are"
                " base64 in JSON, or one file at a time"
            )
        reader = reader_for_hint(function, parameter.name, member)
        complete = with_dataclass_defaults if has_dataclasses(member) else _unchanged
        schema = _ReaderSchema(reader) if reader else TypedSchema(member, complete)
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
    rows = row_format_of(None, example)
    return (
        rows.schema(),
        frame_converter_for(rows) if kind == "DataFrame" else _array_converter_for(rows),
        rows.example,
    )


def _array_converter_for(rows: RowFormat) -> Callable[[Sequence[Any]], Any]:
    return array_of if rows.is_numeric() else functools.partial(array_of, dtype=object)


class _ReaderSchema(TypedSchema[Any]):
    """Read what a reader reads."""

    def __init__(self, reader: ValueReader) -> None:
        super().__init__(Any, lambda value: reader.read(value, ()))
        self._reader = reader

    def _describe(self) -> dict[str, Any]:
        return self._reader.schema


def checked_example(function: str, schema: Schema, example: Any) -> Any:
    """Give an example as JSON has it.

    Raises:
        TypeError: The function does not take it.
    """
    if example is None:
        return None
    found = msgspec.to_builtins(example, enc_hook=result_encoding.json_value_of, str_keys=True)
    try:
        schema.convert(found)
    except ProblemError as error:
        reasons = "; ".join(
            f"{invalid_field.field or 'it'}: {invalid_field.detail}"
            for invalid_field in error.errors
        )
        raise TypeError(f"{function}(): the example does not fit: {reasons or error}") from None
    return found


def shape_of(options: EndpointOptions) -> Callable[[Any], Any]:
    """Choose what is made of a function's results."""
    answer = options.answer
    if answer is None:
        return _unchanged
    if isinstance(answer, str):
        key = answer
        return lambda result: {key: result}
    return answer


def kinds_of_answer(called: Any, hint: Any, options: EndpointOptions) -> tuple[str, ...]:
    """Say of which media types the answers of a function can be; nothing, if nobody can tell.

    Args:
        called: The function itself.
        hint: Of what it returns.
        options: As the author gave them.
    """
    if options.media_type is not None:
        return (options.media_type,)
    is_stream = inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called)
    if is_stream or _is_iterator(hint):
        return streams.FRAMED
    if callable(options.answer):
        return ()
    if kinds := pictures.media_types_of(hint):
        return kinds
    is_open = hint in (inspect.Signature.empty, Any, object) or _mentions_response(hint)
    return () if is_open or _mentions_picture(hint) else (MediaType.JSON,)


def _is_iterator(hint: Any) -> bool:
    kind = typing.get_origin(hint) or hint
    return isinstance(kind, type) and issubclass(kind, Iterator | AsyncIterator)


def _mentions_response(hint: Any) -> bool:
    return hint is Response or any(map(_mentions_response, typing.get_args(hint)))


def _mentions_picture(hint: Any) -> bool:
    return any(map(pictures.media_types_of, typing.get_args(hint)))


def _answer_of(function: Callable[..., Any], options: EndpointOptions) -> dict[str, Any] | None:
    """Describe what a function's own hint says that it returns, if that can be described."""
    hint = signature_of(function).return_annotation
    if callable(options.answer) or hint in (inspect.Signature.empty, Any):
        return None
    if _is_iterator(hint):  # each of its items is described
        hint = next(iter(typing.get_args(hint)), Any)
    try:
        reader = reader_for_hint(name_of(function), "return", hint)
    except TypeError:
        return None
    schema = reader.answer if reader else json_schema_of(hint)
    if options.answer is None:
        return schema
    key = str(options.answer)
    return {"type": "object", "properties": {key: schema}, "required": [key]}


def _unchanged(value: Any) -> Any:
    return value
