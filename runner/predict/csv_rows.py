"""Read a CSV with a line of names, line by line and no further than it may go."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from runner.predict.endpoints import Schema
from runner.predict.problem_error import ProblemError
from runner.predict.row_calls import too_many_rows
from runner.predict.schema import check_columns
from runner.predict.tensors import properties_of
from runner.predict.whole_numbers import whole_number

_MOST_COLUMNS = 10_000
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DURATION = re.compile(
    r"(?P<days>-?\d+) days(?: \+?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>[\d.]+))?"
)


def rows_of_csv(body: bytes, schema: Schema, max_rows: int) -> list[dict[str, Any]]:
    """Read the rows; a field that is to be text stays text.

    Args:
        body: UTF-8; empty lines in it do not count, except towards ``max_rows``.
        schema: Of the items.
        max_rows: Rows that there may be.

    Raises:
        ProblemError: 400 for what is no CSV, 413 for too many rows, 422 for wrong columns.
    """
    lines = csv.reader(_lines(body), strict=True)
    try:
        names = next(lines, [])
        if not names:
            raise ProblemError(422, "a CSV must begin with a line of the columns' names")
        check_columns(schema, names)
        properties = properties_of(schema.describe())
        kinds = [properties.get(name, {}) for name in names]
        return list(_rows(lines, names, kinds, max_rows))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ProblemError(400, f"the body is not CSV: {error!s:.200}") from None


def _lines(body: bytes) -> Iterator[str]:
    """Decode line by line; one of more fields than there can be is not split."""
    for line in io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", newline=""):
        if line.count(",") >= _MOST_COLUMNS:
            raise ProblemError(413, f"a line has more than {_MOST_COLUMNS} fields")
        yield line


def _rows(
    lines: Iterator[list[str]],
    names: list[str],
    kinds: list[Mapping[str, Any]],
    max_rows: int,
) -> Iterator[dict[str, Any]]:
    number = 0
    for line in itertools.islice(lines, max_rows + 1):
        if not line:
            continue
        if len(line) != len(names):
            detail = f"row {number} has {len(line)} values, and there are {len(names)} columns"
            raise ProblemError(422, detail)
        if number == max_rows:
            raise too_many_rows(max_rows)
        yield {name: _cell(text, kind) for name, text, kind in zip(names, line, kinds, strict=True)}
        number += 1
    if next(lines, None) is not None:
        raise too_many_rows(max_rows)


def _cell(text: str, schema: Mapping[str, Any]) -> Any:
    """Read a cell as pandas has written it."""
    options = schema.get("anyOf", [schema])
    if not text and any(_is_null(each) for each in options):
        return None
    if any(_is_text(each) for each in options):
        return text
    for option in options:
        if (found := _value(text, option)) is not None:
            return found
    return text


def _is_null(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "null" or None in schema.get("enum", ())


def _is_text(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "string" and "format" not in schema


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    """Read a cell as one type; None if it is nothing of that."""
    kind = schema.get("type")
    if "enum" in schema:
        return next((each for each in schema["enum"] if str(each) == text), None)
    if kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind in ("integer", "number"):
        return _number(text, is_integer=kind == "integer")
    if schema.get("format") == "date-time" and _DATE.fullmatch(text):
        return f"{text}T00:00:00"
    if schema.get("format") == "duration" and (parts := _DURATION.fullmatch(text)):
        return timedelta(**{unit: float(each) for unit, each in parts.groupdict("0").items()})
    return None


def _number(text: str, *, is_integer: bool) -> Any:
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError):
        number = float(text)
        if math.isfinite(number):
            return whole_number(number) if is_integer else number
    return None
