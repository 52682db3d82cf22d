"""Answer many rows at once: lines of JSON, or a table.

A line that is wrong gets its problem in its place, and its neighbours their answers. A table that
has a wrong row is refused whole, with every fault named by row and column.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from runner.predict.columns import rows_of_table, table_of, too_many
from runner.predict.endpoints import Endpoint, Schema
from runner.predict.media import Media, accepted
from runner.predict.problems import Fault, ProblemError
from runner.predict.requests import JSON, Answer, Request
from runner.predict.validation_errors import MOST_FAULTS, problem_of

Many = Callable[[Endpoint, Sequence[Any]], Awaitable[list[Any]]]
"""Gives a result for each item in order; an exception in its place is that item's failure."""

_TYPES = {
    Media.JSON: JSON,
    Media.LINES: b"application/x-ndjson",
    Media.ARROW: b"application/vnd.apache.arrow.stream",
}


async def answer_many(
    endpoint: Endpoint, request: Request, media: Media, predict: Many, most: int
) -> Answer:
    """Answer each row of a body.

    Args:
        endpoint: What predicts.
        request: Its body has the rows.
        media: What that is.
        predict: Gives a result for each item.
        most: Rows that a body may have.

    Raises:
        ProblemError: It cannot be read, has too many rows, or a table has a wrong row.
    """
    is_lines = media is Media.LINES
    offered = (Media.LINES, Media.JSON, Media.ARROW) if is_lines else tuple(_TYPES)
    wanted = accepted(request.headers.get(b"accept", b""), offered)
    if is_lines:
        items = _of_lines(endpoint.schema, request.body, most)
    else:
        items = _of_table(endpoint.schema, rows_of_table(request.body, media, most))
    results = await _results(endpoint, items, predict)
    answers = [_encoded(endpoint, result) for result in results]
    return Answer(body=_written(answers, wanted), content_type=_TYPES[wanted])


def _of_lines(schema: Schema, body: bytes, most: int) -> list[Any]:
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > most:
        raise too_many(most)
    return [_tried(schema, line) for line in lines]


def _tried(schema: Schema, line: bytes) -> Any:
    try:
        return schema.decode(line)
    except ProblemError as problem:
        return problem


def _of_table(schema: Schema, rows: Sequence[dict[str, Any]]) -> list[Any]:
    items, faults = [], []
    for number, row in enumerate(rows):
        try:
            items.append(schema.convert(row if schema.names else list(row.values())))
        except ProblemError as problem:
            faults += [
                dataclasses.replace(fault, field=f"/{number}{fault.field}")
                for fault in problem.errors or [Fault(field="", detail=problem.detail)]
            ]
    if faults:
        raise problem_of(faults[:MOST_FAULTS])
    return items


async def _results(endpoint: Endpoint, items: Sequence[Any], predict: Many) -> list[Any]:
    """Predict the items that are none of them problems, and leave these in their places."""
    good = [item for item in items if not isinstance(item, ProblemError)]
    found = iter(await predict(endpoint, good))
    return [item if isinstance(item, ProblemError) else next(found) for item in items]


def _encoded(endpoint: Endpoint, result: Any) -> bytes:
    if isinstance(result, ProblemError):
        return result.body()
    if isinstance(result, Exception):
        raise result
    return endpoint.encode(result)


def _written(answers: Sequence[bytes], media: Media) -> bytes:
    if media is Media.LINES:
        return b"".join(answer + b"\n" for answer in answers)
    whole = b"[" + b",".join(answers) + b"]"
    return whole if media is Media.JSON else table_of(msgspec.json.decode(whole))
