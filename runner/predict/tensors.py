"""Read and write the tensors of the Open Inference Protocol.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from runner.predict.endpoints import Endpoint
from runner.predict.problem_error import ProblemError
from runner.predict.row_calls import too_many_rows
from runner.predict.whole_numbers import MOST_EXACT, whole_number

_BITS = {f"{sign}INT{bits}": (sign, bits) for sign in ("", "U") for bits in (8, 16, 32, 64)}
_FLOATS = ("FP16", "FP32", "FP64")
DATATYPES = ("BOOL", *_BITS, *_FLOATS, "BYTES")
_MOST_DIMENSIONS = 8
_OF_JSON = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "string": "BYTES"}


class Tensor(msgspec.Struct):
    """Hold an input as it is sent; what is unknown besides is ignored.

    Attributes:
        name: A feature's, or any name for a matrix of all features.
        shape: Its first dimension counts the rows.
        datatype: One of ``DATATYPES``.
        data: The elements, flat in row-major order or nested.
        parameters: What extensions say of it.
    """

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] = []
    parameters: dict[str, Any] = {}


def rows_of(tensors: Sequence[Tensor], endpoint: Endpoint, max_rows: int) -> list[Any]:
    """Make rows of inputs: of one for all features, or of one for each.

    Args:
        tensors: The inputs.
        endpoint: For which they are.
        max_rows: Rows that there may be.

    Raises:
        ProblemError: 400 for a shape that nothing has, 413 for too many rows, 422 for what does
            not fit, naming the input.
    """
    names = endpoint.schema.names
    for tensor in tensors:
        _check_shape(tensor, max_rows)
    if not tensors:
        raise ProblemError(422, f"there are no inputs; expected {_expected(names)}")
    if len(tensors) == 1 and (not names or tensors[0].name not in names):
        return _values(tensors[0])
    given = {tensor.name for tensor in tensors}
    unknown = sorted(given - set(names))
    if unknown or len(given) != len(tensors):
        what = f"input {unknown[0]!r:.80} is no feature" if unknown else "an input is there twice"
        raise ProblemError(422, f"{what}; expected {_expected(names)}")
    described = properties_of(endpoint.schema.describe())
    columns = [_column(tensor, described.get(tensor.name, {})) for tensor in tensors]
    if len({len(column) for column in columns}) != 1:
        counts = ", ".join(f"{tensor.name!r} {tensor.shape[0]}" for tensor in tensors)
        raise ProblemError(422, f"the inputs have different numbers of rows: {counts}")
    keys = [tensor.name for tensor in tensors]
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]


def inputs_of(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Describe the inputs: one for each feature, or one for the whole item."""
    schema = endpoint.schema.describe()
    properties = properties_of(schema)
    fields = {name: properties.get(name, {}) for name in endpoint.schema.names}
    return [_input_metadata(name, kind) for name, kind in (fields or {"input": schema}).items()]


def outputs_of(answers: Sequence[Any]) -> list[dict[str, Any]]:
    """Make outputs of answers: one for each key if all are objects of the same keys."""
    first = answers[0] if answers else None
    if isinstance(first, dict) and first and all(_has_keys(each, first) for each in answers):
        return [_output(key, [each[key] for each in answers]) for key in first]
    return [_output("output", answers)]


def properties_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the fields' schemas, also where the schema is a reference to its own definitions."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    target = schema.get("$defs", {}).get(name, schema)
    found: Mapping[str, Any] = target.get("properties", {})
    return found


def _expected(names: Sequence[str]) -> str:
    if not names:
        return "one, of any name"
    return f"one of shape [n, {len(names)}], or one for each of: {', '.join(names)}"


def _label(tensor: Tensor) -> str:
    return f"input {tensor.name!r:.80}"


def _check_shape(tensor: Tensor, max_rows: int) -> None:
    """Refuse a shape before anything is made of it.

    Raises:
        ProblemError: 400 for no shape, 413 for too many rows.
    """
    shape = tensor.shape
    if not 1 <= len(shape) <= _MOST_DIMENSIONS or not (
        0 <= shape[0] < 2**63 and all(0 < size < 2**63 for size in shape[1:])
    ):
        wanted = f"a shape is [rows, …], up to {_MOST_DIMENSIONS} sizes of 1 or more"
        raise ProblemError(400, f"{_label(tensor)}: {wanted}, not {shape!s:.60}")
    if shape[0] > max_rows:
        raise too_many_rows(max_rows)


def _values(tensor: Tensor) -> list[Any]:
    """Give the rows of an input, nested as its shape says."""
    label = _label(tensor)
    if tensor.datatype not in DATATYPES:
        known = ", ".join(DATATYPES)
        raise ProblemError(422, f"{label}: datatype {tensor.datatype!r:.80} is none of {known}")
    flat = _flattened(tensor.data, tensor.shape, label)
    if len(flat) != math.prod(tensor.shape):
        wanted = f"shape {tensor.shape!s:.60} has {math.prod(tensor.shape)!s:.30} elements"
        raise ProblemError(422, f"{label}: {wanted}, but data has {len(flat)}")
    if tensor.datatype in _BITS:
        flat = [whole_number(each) if type(each) is float else each for each in flat]
    for place, element in enumerate(flat):
        if element is not None and not _has_datatype(element, tensor.datatype):
            wrong = f"element {place} is {msgspec.json.encode(element)[:40].decode()}"
            raise ProblemError(422, f"{label}: {wrong}, which is not {tensor.datatype}")
    for size in reversed(tensor.shape[1:]):
        flat = [flat[start : start + size] for start in range(0, len(flat), size)]
    return flat


def _flattened(data: list[Any], shape: Sequence[int], label: str) -> list[Any]:
    """Flatten what is nested as the shape says; leave what is flat."""
    if not any(isinstance(element, list) for element in data):
        return data
    found: list[Any] = [data]
    for size in shape:
        if not all(isinstance(part, list) and len(part) == size for part in found):
            raise ProblemError(422, f"{label}: data is not nested as its shape {shape!s:.60} says")
        found = list(itertools.chain.from_iterable(found))
    return found


def _has_datatype(element: Any, datatype: str) -> bool:
    if datatype == "BYTES":
        return isinstance(element, str)
    if isinstance(element, bool) or datatype == "BOOL":
        return isinstance(element, bool) and datatype == "BOOL"
    if datatype in _FLOATS:
        return isinstance(element, int | float)
    sign, bits = _BITS[datatype]
    low, high = (0, 2**bits) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return isinstance(element, int) and low <= element < high


def _column(tensor: Tensor, described: Mapping[str, Any]) -> list[Any]:
    """Give one feature's value in each row; ``[n, 1]`` is as good as ``[n]``."""
    values = _values(tensor)
    is_list = described.get("type") == "array"
    if not is_list and len(tensor.shape) == 2 and tensor.shape[1] == 1:
        values = [value for (value,) in values]
    if tensor.datatype == "BYTES" and _is_structured(described):
        return list(_parsed(values, tensor.name))
    return values


def _parsed(values: Sequence[Any], name: str) -> Iterator[Any]:
    for number, value in enumerate(values):
        try:
            yield msgspec.json.decode(value) if isinstance(value, str) else value
        except msgspec.DecodeError as error:
            raise ProblemError(
                422, f"input {name!r:.80}: element {number} must be JSON text: {error}"
            ) from None


def _is_structured(described: Mapping[str, Any]) -> bool:
    return "$ref" in described or described.get("type") == "object"


def _input_metadata(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    shape, kind = [-1], schema
    while kind.get("type") == "array":
        shape.append(-1)
        kind = kind.get("items", {})
    return {"name": name, "datatype": _datatype(kind), "shape": shape}


def _datatype(schema: Mapping[str, Any]) -> str:
    found = _OF_JSON.get(str(schema.get("type")))
    if found is None and "enum" in schema:
        return _common_datatype([each for each in schema["enum"] if each is not None])
    if found is None and "anyOf" in schema:
        known = (each for each in schema["anyOf"] if each.get("type") != "null")
        return _datatype(next(known, {}))
    return found or "BYTES"


def _has_keys(answer: Any, first: Mapping[str, Any]) -> bool:
    return isinstance(answer, dict) and answer.keys() == first.keys()


def _output(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Write an output; what is neither numbers nor text is JSON text in BYTES."""
    output: dict[str, Any] = {"name": name}
    first = values[0] if values else None
    if isinstance(first, dict) and first and all(_has_keys(each, first) for each in values):
        # A parameter is a string, a number or a boolean.
        output["parameters"] = {"names": msgspec.json.encode(list(first)).decode()}
        values = [list(each.values()) for each in values]
    shape = _shape(values)
    flat = list(values)
    for _ in shape[1:]:
        flat = list(itertools.chain.from_iterable(flat))
    datatype = _common_datatype(flat)
    if datatype == "BYTES" and not all(isinstance(element, str) for element in flat):
        shape, flat = [len(values)], [msgspec.json.encode(each).decode() for each in values]
    return output | {"datatype": datatype, "shape": shape, "data": flat}


def _shape(values: Sequence[Any]) -> list[int]:
    """Measure nested lists as far as they are regular."""
    shape, level = [len(values)], list(values)
    while level and all(isinstance(each, list) and len(each) == len(level[0]) for each in level):
        shape.append(len(level[0]))
        level = list(itertools.chain.from_iterable(level))
    return shape


def _common_datatype(elements: Sequence[Any]) -> str:
    for datatype in ("BOOL", "INT64"):
        if elements and all(_has_datatype(element, datatype) for element in elements):
            return datatype
    return "FP64" if elements and all(_is_double(element) for element in elements) else "BYTES"


def _is_double(element: Any) -> bool:
    if isinstance(element, int) and not isinstance(element, bool):
        return abs(element) <= MOST_EXACT
    return isinstance(element, float)
