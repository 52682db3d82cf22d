"""Ask an endpoint for many rows at once, on behalf of protocols that are not its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from runner.predict.answers import json_of
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import Request, Response, Route
from runner.predict.media_types import MediaType, media_type_of
from runner.predict.problem_error import InvalidField, ProblemError, json_pointer

PredictMany = Callable[[Endpoint, list[Any], Request], Awaitable[Sequence[Any]]]
"""Gives a result for each item, with an exception in the place of one that failed."""


def json_body(request: Request) -> Any:
    """Read a request's body as JSON; one that names no type is taken for JSON.

    Raises:
        ProblemError: 415 for another type, 400 for what is no JSON.
    """
    try:
        media = media_type_of(request.headers.get(b"content-type", b""), takes_forms=False)
    except ProblemError:
        media = None
    if media is not MediaType.JSON:
        raise ProblemError(415, "send JSON here, with 'Content-Type: application/json'")
    try:
        return msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"the body is not JSON: {error}") from None


def json_object_body(request: Request) -> dict[str, Any]:
    """Read a request's body as a JSON object.

    Raises:
        ProblemError: 415 for another type, 400 for what is no JSON, 422 for no object.
    """
    body = json_body(request)
    if not isinstance(body, dict):
        raise ProblemError(422, "the body must be a JSON object")
    return body


async def answers_for(
    endpoint: Endpoint, rows: Sequence[Any], predict_many: PredictMany, request: Request
) -> list[Any]:
    """Validate rows, predict them together, and give the answers as JSON values.

    Args:
        endpoint: Which answers.
        rows: JSON values as the endpoint's own path takes them, or lists in the order of
            its features.
        predict_many: Predicts.
        request: On whose behalf.

    Raises:
        ProblemError: A row is wrong, or could not be predicted; none is answered then.
    """
    items = [_item(endpoint, number, row) for number, row in enumerate(rows)]
    results = await predict_many(endpoint, items, request) if items else []
    for result in results:
        if isinstance(result, Exception):
            raise result
    return [msgspec.json.decode(json_of(endpoint.encode(result))) for result in results]


def json_response(value: Any, **settings: Any) -> Response:
    """Answer by a JSON value."""
    return Response(body=msgspec.json.encode(value), **settings)


def constant_route(value: Any) -> Route:
    """Make a route that always gives one JSON value."""
    ready = json_response(value)

    async def say(_: Request) -> Response:
        return ready

    return say


def problem_text(problem: ProblemError) -> str:
    """Put a problem and all that is wrong with its fields into one line."""
    invalid_fields = [
        f"{invalid_field.field}: {invalid_field.detail}" for invalid_field in problem.errors
    ]
    return "; ".join(
        [
            problem.detail,
            *(
                invalid_field
                for invalid_field in invalid_fields
                if invalid_field not in problem.detail
            ),
        ]
    )


def _item(endpoint: Endpoint, number: int, row: Any) -> Any:
    names = endpoint.schema.names
    if names and isinstance(row, list):
        if len(row) != len(names):
            detail = f"row {number} has {len(row)} values, and there are {len(names)} features"
            raise ProblemError(422, detail)
        row = dict(zip(names, row, strict=True))
    try:
        return endpoint.schema.convert(row)
    except ProblemError as problem:
        invalid_fields = [
            InvalidField(
                field=json_pointer(number) + invalid_field.field, detail=invalid_field.detail
            )
            for invalid_field in problem.errors
        ]
        raise ProblemError(
            problem.status, f"row {number}: {problem.detail}", invalid_fields, problem.headers
        ) from None
