"""Answer many rows at once: lines of JSON, a CSV, or a table.

A line that is wrong gets its problem in its place, and its neighbours their answers. A table that
has a wrong row is refused whole, with its faults named by row and column.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from runner.http.json_size import bound_of_body
from runner.predict.arrow_tables import TableBound, arrow_stream_of, rows_of_table
from runner.predict.body_work import SMALL
from runner.predict.csv_rows import rows_of_csv
from runner.predict.endpoints import Endpoint, Schema
from runner.predict.http_messages import JSON, Request, Response
from runner.predict.media_types import MediaType, negotiated
from runner.predict.problem_error import InvalidField, ProblemError
from runner.predict.row_calls import RowCalls
from runner.predict.schema import check_columns
from runner.predict.validation_errors import MOST_INVALID_FIELDS, problem_of_fields

_TYPES = {
    MediaType.JSON: JSON,
    MediaType.LINES: b"application/x-ndjson",
    MediaType.ARROW: b"application/vnd.apache.arrow.stream",
}


async def predict_bulk(
    endpoint: Endpoint, request: Request, media: MediaType, calls: RowCalls
) -> Response:
    """Answer each row of a body.

    Args:
        endpoint: What predicts.
        request: Its body has the rows.
        media: What that is.
        calls: Predicts them.

    Raises:
        ProblemError: It cannot be read, has too many rows, or a table has a wrong row.
    """
    is_lines = media in (MediaType.LINES, MediaType.CSV)
    offered = (MediaType.LINES, MediaType.JSON, MediaType.ARROW) if is_lines else tuple(_TYPES)
    wanted = negotiated(request.headers.get(b"accept", b""), offered)
    # A few bytes of a table may be many rows.
    size = len(request.body) if is_lines else SMALL + len(request.body)
    items = await calls.work.run(size, lambda: _items(endpoint, request.body, media, calls))
    good = [item for item in items if not isinstance(item, ProblemError)]
    found = iter(await calls.predict(endpoint, good, request))
    results = [item if isinstance(item, ProblemError) else next(found) for item in items]

    def written() -> Response:
        body = _body_of(calls.encoded(endpoint, results, are_problems_told=True), wanted)
        return Response(body=body, content_type=_TYPES[wanted])

    return await calls.write(size, results, written)


def _items(endpoint: Endpoint, body: bytes, media: MediaType, calls: RowCalls) -> list[Any]:
    limits = calls.limits
    if media is MediaType.LINES:
        calls.check_count(body.strip().count(b"\n"))
        lines = [line for line in body.split(b"\n") if line.strip()]
        calls.check_count(len(lines))
        calls.check_json(body, endpoint, limits.max_rows)
        return list(_items_of_lines(endpoint.schema, lines))
    if media is MediaType.CSV:
        rows = rows_of_csv(body, endpoint.schema, limits.max_rows)
        return list(_items_of_csv(endpoint.schema, rows))
    bound = TableBound(
        rows=limits.max_rows, values=bound_of_body(limits.max_body).values, size=limits.max_body
    )
    table = rows_of_table(body, media, bound, lambda names: check_columns(endpoint.schema, names))
    return _items_of_table(endpoint.schema, table)


def _items_of_lines(schema: Schema, lines: Sequence[bytes]) -> Iterator[Any]:
    """Read lines; after so many faults only the first of each line is told."""
    told = 0
    for line in lines:
        try:
            yield schema.decode(line, is_brief=told >= MOST_INVALID_FIELDS)
        except ProblemError as problem:
            told += len(problem.errors)
            yield problem.with_traceback(None)  # which would be most of what is kept of it


def _items_of_csv(schema: Schema, rows: Sequence[dict[str, Any]]) -> Iterator[Any]:
    """Read the rows of a CSV; after so many faults a row's are told in its detail only."""
    told = 0
    is_list = schema.describe().get("type") == "array"
    for row in rows:
        try:
            yield schema.convert(list(row.values()) if is_list else row)
        except ProblemError as problem:
            listed = problem.errors if told < MOST_INVALID_FIELDS else ()
            told += len(listed)
            yield ProblemError(problem.status, problem.detail, listed)


def _items_of_table(schema: Schema, rows: Iterable[dict[str, Any]]) -> list[Any]:
    items: list[Any] = []
    invalid_fields: list[InvalidField] = []
    unlisted = 0
    for number, row in enumerate(rows):
        try:
            items.append(schema.convert(row if schema.names else list(row.values())))
        except ProblemError as problem:
            found = problem.errors or [InvalidField(field="", detail=problem.detail)]
            room = max(0, MOST_INVALID_FIELDS - len(invalid_fields))
            invalid_fields += [
                dataclasses.replace(each, field=f"/{number}{each.field}") for each in found[:room]
            ]
            unlisted += len(found[room:])
    if invalid_fields:
        raise problem_of_fields(invalid_fields, unlisted)
    return items


def _body_of(answers: Iterable[bytes], media: MediaType) -> bytes:
    if media is MediaType.LINES:
        return b"".join(answer + b"\n" for answer in answers)
    whole = b"[" + b",".join(answers) + b"]"
    return whole if media is MediaType.JSON else arrow_stream_of(msgspec.json.decode(whole))
