"""Read and write the JSON of protocols that are not an endpoint's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from runner.predict.http_messages import Request, Response, Route
from runner.predict.media_types import MediaType, media_type_of
from runner.predict.problem_error import ProblemError


def check_is_json(request: Request) -> None:
    """See that a request's body is JSON; one that names no type is taken for it.

    Raises:
        ProblemError: 415, it is of another type.
    """
    try:
        media = media_type_of(request.headers.get(b"content-type", b""), takes_forms=False)
    except ProblemError:
        media = None
    if media is not MediaType.JSON:
        raise ProblemError(415, "send JSON here, with 'Content-Type: application/json'")


def json_body(request: Request) -> Any:
    """Read a request's body as JSON.

    Raises:
        ProblemError: 415 for another type, 400 for what is no JSON.
    """
    check_is_json(request)
    try:
        return msgspec.json.decode(request.body)
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, f"the body is not JSON: {error!s:.200}") from None


def json_object_body(request: Request) -> dict[str, Any]:
    """Read a request's body as a JSON object.

    Raises:
        ProblemError: 415 for another type, 400 for what is no JSON, 422 for no object.
    """
    body = json_body(request)
    if not isinstance(body, dict):
        raise ProblemError(422, "the body must be a JSON object")
    return body


def json_response(value: Any, **settings: Any) -> Response:
    """Answer by a JSON value."""
    return Response(body=msgspec.json.encode(value), **settings)


def constant_route(value: Any) -> Route:
    """Make a route that always gives one JSON value."""
    ready = json_response(value)

    async def say(_: Request) -> Response:
        return ready

    return say


def readiness_route(body: dict[str, Any], is_leaving: Callable[[], bool]) -> Route:
    """Say whether more should be asked: not when this worker is about to end, or the service."""
    ready, leaving = (
        constant_route(body | {"ready": True}),
        json_response(body | {"ready": False}, status=503),
    )

    async def route(request: Request) -> Response:
        return leaving if is_leaving() else await ready(request)

    return route


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
