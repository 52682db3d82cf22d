"""HTTP, as the app answers it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from support.prediction_apps import app_of, faults_of, living, post, send

from runner.config import Limits
from runner.http.example_request import Example, try_example
from runner.predict.app import PredictApp
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import Request, Response
from runner.predict.problem_error import ProblemError
from runner.predict.schema import TypedSchema

JSON = {"content-type": "application/json"}


def inverse(n: float) -> float:
    return 1 / n


@pytest.fixture
def app() -> PredictApp:
    return app_of(inverse)


def test_a_right_request_is_answered(app: PredictApp) -> None:
    """By JSON, with its length."""
    response = post(app, {"n": 4})
    assert (response.status_code, response.content) == (200, b"0.25")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-length"] == "4"


def test_a_wrong_body_is_told_by_fields(app: PredictApp) -> None:
    """422; what is no JSON at all is 400."""
    assert faults_of(post(app, {"m": 1})).keys() == {"/n", "/m"}
    broken = send(app, b"{", headers=JSON)
    assert broken.status_code == 400
    assert broken.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/", 200, None),
        ("HEAD", "/", 200, None),
        ("PUT", "/", 405, "GET, HEAD, OPTIONS, POST"),
        ("OPTIONS", "/", 204, "GET, HEAD, OPTIONS, POST"),
        ("POST", "/nowhere", 404, None),
        ("OPTIONS", "/nowhere", 404, None),
        ("DELETE", "/page", 405, "GET, HEAD, OPTIONS"),
        ("HEAD", "/page", 200, None),
    ],
)
def test_methods_and_paths(
    app: PredictApp, method: str, path: str, status: int, allow: str | None
) -> None:
    """What is not there is said, and what a path allows."""
    app.routes["GET", "/page"] = page
    response = send(app, None, method=method, path=path)
    assert (response.status_code, response.headers.get("allow")) == (status, allow)
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json"
    if method == "HEAD":
        assert response.content == b""


async def page(request: Request) -> Response:
    if request.query:
        raise ProblemError(418, "no teapot")
    return Response(body=request.method.encode(), content_type=b"text/plain")


def test_others_add_routes(app: PredictApp) -> None:
    """They answer, or refuse by a problem; HEAD is GET without a body."""
    app.routes["GET", "/page"] = page
    assert send(app, None, method="GET", path="/page").text == "GET"
    assert send(app, None, method="HEAD", path="/page").headers["content-length"] == "4"
    assert send(app, None, method="GET", path="/page?a=b").status_code == 418


def test_media_types_are_negotiated(app: PredictApp) -> None:
    """415 for what cannot be read, 406 for what cannot be written."""
    body = b'{"n": 1}'
    assert send(app, body).status_code == 200, "no type at all is JSON"
    assert send(app, body, headers={"content-type": "text/plain"}).status_code == 415
    assert send(app, body, headers=JSON | {"accept": "text/html"}).status_code == 406


def test_a_large_body_is_413() -> None:
    """Before it is read to its end."""
    app, received = app_of(inverse, Limits(max_body=10)), []

    async def receive() -> dict[str, Any]:
        received.append(1)
        return {"type": "http.request", "body": b"x" * 6, "more_body": True}

    sent = asyncio.run(asked(app, receive))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert len(received) == 2


def test_a_client_that_left_is_not_answered(app: PredictApp) -> None:
    """Nor is anything predicted for half a body."""
    messages = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b'{"n":', "more_body": True},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop()

    assert asyncio.run(asked(app, receive)) == []


async def asked(app: PredictApp, receive: Any, **more: Any) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    await app(scope | more, receive, send)
    return sent


def test_an_unforeseen_error_is_500_with_an_id(
    app: PredictApp, caplog: pytest.LogCaptureFixture
) -> None:
    """The traceback is in the log under that id, and nowhere else."""
    with caplog.at_level(logging.ERROR):
        response = post(app, {"n": 0})
    assert response.status_code == 500
    number = response.json()["detail"].rpartition(" ")[2]
    (record,) = caplog.records
    assert number in record.getMessage()
    assert record.exc_info is not None
    assert "division" not in response.text


def test_the_authors_own_example_shows_the_error() -> None:
    """Before anything serves, the author is the client."""
    app = app_of(inverse, example={"n": 0})

    async def tried() -> None:
        async with living(app):
            await try_example(app, Example(body=b'{"n": 0}', name="inverse"), {})

    with pytest.raises(RuntimeError, match=r'at its example {"n": 0}: ZeroDivisionError: float'):
        asyncio.run(tried())


def test_an_item_may_fail_alone() -> None:
    """An exception in a result's place is that item's own."""
    endpoint = Endpoint(
        name="a",
        path="/",
        schema=TypedSchema(int, lambda value: value),
        predict=lambda items: [ProblemError(409, "not now") for _ in items],
        encode=lambda result: b"",
    )
    assert post(PredictApp([endpoint], Limits()), 1).status_code == 409


def test_a_bare_number_comes_as_curl_sends_it() -> None:
    """``curl -d 5`` says that it is a form; where fields are expected that stays an error."""

    def square(number: int | float, /) -> int | float:
        return number * number

    def twice(number: int) -> int:
        return 2 * number

    form = {"content-type": "application/x-www-form-urlencoded"}
    assert send(app_of(square), b"5", headers=form).text == "25"
    wrong = send(app_of(square), b"abc", headers=form)
    assert (wrong.status_code, "expected a number" in wrong.text) == (400, True)
    assert send(app_of(twice), b'{"number": 5}', headers=form).status_code == 415
