"""An app called without a socket."""

from __future__ import annotations

from typing import Any
from wsgiref.validate import validator

import pytest

from runner.http.wsgi import try_example


def echo(environ: Any, start_response: Any) -> Any:
    start_response("201 Created", [("Content-Type", "text/plain")])
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    facts = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "HTTP_X_A")
    return ["|".join(environ.get(name, "-") for name in facts).encode(), b"|" + body]


def test_an_app_gets_its_example() -> None:
    """The environ is a valid one and holds what was given."""
    headers = {"content-type": "application/json", "X-A": "1"}
    status, body = try_example(validator(echo), "POST", "/a%20b?c=d", headers, b"{}")
    assert (status, body) == (201, b"POST|/a b|c=d|application/json|1|{}")


def test_no_media_type_is_an_empty_one() -> None:
    """What was not given is not made up."""
    assert try_example(echo, "GET", "/", {}, b"")[1] == b"GET|/|||-|"


def test_what_the_app_raises_is_raised() -> None:
    """Whoever tries an example wants to know what was wrong."""

    def app(environ: Any, start_response: Any) -> Any:
        raise KeyError("x")

    with pytest.raises(KeyError):
        try_example(app, "GET", "/", {}, b"")


def test_an_app_that_starts_no_response_is_an_error() -> None:
    """A body without a status is no answer."""
    with pytest.raises(ValueError, match="start_response"):
        try_example(lambda environ, start_response: [b""], "GET", "/", {}, b"")


def test_the_result_is_closed() -> None:
    """As a server would."""
    closed: list[bool] = []

    class Result(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Result([b"x"])

    assert try_example(app, "GET", "/", {}, b"") == (200, b"x")
    assert closed == [True]
