"""Answer many rows at once: lines of JSON, or a table.

A line that is wrong gets its problem in its place, and its neighbours their answers. A table that
has a wrong row is refused whole, with every fault named by row and column.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from runner.predict.answers import json_of
from runner.predict.arrow_tables import arrow_stream_of, rows_of_table, too_many_rows
from runner.predict.endpoints import Endpoint, Schema
from runner.predict.http_messages import JSON, Request, Response
from runner.predict.media_types import MediaType, negotiated
from runner.predict.problem_error import InvalidField, ProblemError
from runner.predict.validation_errors import MOST_INVALID_FIELDS, problem_of_fields

PredictItems = Callable[[Endpoint, Sequence[Any]], Awaitable[list[Any]]]
"""Gives a result for each item in order; an exception in its place is that item's failure."""

_TYPES = {
    MediaType.JSON: JSON,
    MediaType.LINES: b"application/x-ndjson",
    MediaType.ARROW: b"application/vnd.apache.arrow.stream",
}


async def predict_bulk(
    endpoint: Endpoint, request: Request, media: MediaType, predict: PredictItems, max_rows: int
) -> Response:
    """Answer each row of a body.

    Args:
        endpoint: What predicts.
        request: Its body has the rows.
        media: What that is.
        predict: Gives a result for each item.
        max_rows: Rows that a body may have.

    Raises:
        ProblemError: It cannot be read, has too many rows, or a table has a wrong row.
    """
    is_lines = media is MediaType.LINES
    offered = (MediaType.LINES, MediaType.JSON, MediaType.ARROW) if is_lines else tuple(_TYPES)
    wanted = negotiated(request.headers.get(b"accept", b""), offered)
    if is_lines:
        items = _items_of_lines(endpoint.schema, request.body, max_rows)
    else:
        items = _items_of_table(endpoint.schema, rows_of_table(request.body, media, max_rows))
    results = await _results(endpoint, items, predict)
    answers = [_encoded(endpoint, result) for result in results]
    return Response(body=_body_of(answers, wanted), content_type=_TYPES[wanted])


def _items_of_lines(schema: Schema, body: bytes, max_rows: int) -> list[Any]:
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > max_rows:
        raise too_many_rows(max_rows)
    return [_item_or_problem(schema, line) for line in lines]


def _item_or_problem(schema: Schema, line: bytes) -> Any:
    try:
        return schema.decode(line)
    except ProblemError as problem:
        return problem


def _items_of_table(schema: Schema, rows: Sequence[dict[str, Any]]) -> list[Any]:
    items, invalid_fields = [], []
    for number, row in enumerate(rows):
        try:
            items.append(schema.convert(row if schema.names else list(row.values())))
        except ProblemError as problem:
            invalid_fields += [
                dataclasses.replace(invalid_field, field=f"/{number}{invalid_field.field}")
                for invalid_field in problem.errors
                or [InvalidField(field="", detail=problem.detail)]
            ]
    if invalid_fields:
        raise problem_of_fields(invalid_fields[:MOST_INVALID_FIELDS])
    return items


async def _results(endpoint: Endpoint, items: Sequence[Any], predict: PredictItems) -> list[Any]:
    """Predict the items that are none of them problems, and leave these in their places."""
    good = [item for item in items if not isinstance(item, ProblemError)]
    found = iter(await predict(endpoint, good))
    return [item if isinstance(item, ProblemError) else next(found) for item in items]


def _encoded(endpoint: Endpoint, result: Any) -> bytes:
    if isinstance(result, ProblemError):
        return result.body()
    if isinstance(result, Exception):
        raise result
    return json_of(endpoint.encode(result))


def _body_of(answers: Sequence[bytes], media: MediaType) -> bytes:
    if media is MediaType.LINES:
        return b"".join(answer + b"\n" for answer in answers)
    whole = b"[" + b",".join(answers) + b"]"
    return whole if media is MediaType.JSON else arrow_stream_of(msgspec.json.decode(whole))
