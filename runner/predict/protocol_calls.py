"""Ask an endpoint for many rows at once, on behalf of protocols that are not its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from runner.predict.endpoints import Endpoint
from runner.predict.media import Media, media_of
from runner.predict.problems import Fault, ProblemError, pointer
from runner.predict.requests import Answer, Request

PredictMany = Callable[[Endpoint, list[Any], Request], Awaitable[Sequence[Any]]]
"""Gives a result for each item, with an exception in the place of one that failed."""


def json_of(request: Request) -> Any:
    """Read a request's body as JSON; one that names no type is taken for JSON.

    Raises:
        ProblemError: 415 for another type, 400 for what is no JSON.
    """
    try:
        media = media_of(request.headers.get(b"content-type", b""), takes_forms=False)
    except ProblemError:
        media = None
    if media is not Media.JSON:
        raise ProblemError(415, "send JSON here, with 'Content-Type: application/json'")
    try:
        return msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"the body is not JSON: {error}") from None


def object_of(request: Request) -> dict[str, Any]:
    """Read a request's body as a JSON object.

    Raises:
        ProblemError: 415 for another type, 400 for what is no JSON, 422 for no object.
    """
    body = json_of(request)
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
    return [msgspec.json.decode(endpoint.encode(result)) for result in results]


def answer(value: Any, **settings: Any) -> Answer:
    """Answer by a JSON value."""
    return Answer(body=msgspec.json.encode(value), **settings)


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
        faults = [
            Fault(field=pointer(number) + fault.field, detail=fault.detail)
            for fault in problem.errors
        ]
        raise ProblemError(
            problem.status, f"row {number}: {problem.detail}", faults, problem.headers
        ) from None
