"""Read a CSV with a line of names, line by line and no further than it may go."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from runner.predict.endpoints import Schema
from runner.predict.problem_error import ProblemError
from runner.predict.row_calls import too_many_rows
from runner.predict.schema import check_columns
from runner.predict.tensors import properties_of
from runner.predict.whole_numbers import whole_number

_MOST_COLUMNS = 10_000


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
    kind = schema.get("type")
    if kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind in ("integer", "number"):
        with contextlib.suppress(ValueError):
            return int(text)
        with contextlib.suppress(ValueError):
            number = float(text)
            if math.isfinite(number):
                return whole_number(number) if kind == "integer" else number
    return text
