"""Problems, as RFC 9457 has them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.prediction_apps import app_of, post

from runner.predict.problem_error import InvalidField, ProblemError, json_pointer


def test_a_problem_names_its_faults() -> None:
    """Status, title and detail are said, and each fault with its field."""
    fault = InvalidField(
        field=json_pointer("petal width (cm)"), detail="expected a number, got a string"
    )
    problem = json.loads(ProblemError(422, "the body is wrong", [fault]).body())
    assert problem == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "the body is wrong",
        "errors": [{"field": "/petal width (cm)", "detail": "expected a number, got a string"}],
    }


def test_a_problem_without_faults_has_no_list() -> None:
    """What is no matter of fields does not speak of them."""
    assert "errors" not in json.loads(ProblemError(404, "no such path").body())


def test_pointers_are_escaped() -> None:
    """A field may have any name (RFC 6901)."""
    assert json_pointer("a/b", 0, "c~d") == "/a~1b/0/c~0d"


@pytest.mark.parametrize(
    "header",
    [
        (b"x-city", b"a\r\nSet-Cookie: b=c"),
        (b"x-city", b"a\nb"),
        (b"x-city", b"a\0"),
        (b"x city", b"a"),
        (b"x-city\r\nb", b"a"),
        (b"", b"a"),
        (b"Content-Length", b"0"),
        (b"transfer-encoding", b"chunked"),
        (b"Content-Type", b"text/html"),
        (b"x-run-id", b"mine"),
    ],
)
def test_a_header_that_would_be_two_is_the_authors_error(header: tuple[bytes, bytes]) -> None:
    """Seen where it is made, so that nothing of it is sent."""
    with pytest.raises(ValueError, match="cannot be sent as a header"):
        ProblemError(422, "no", headers=[(b"x-a", b"1"), header])


def test_what_such_a_header_answers() -> None:
    """500 with an id, on either way."""

    def city(name: str) -> str:
        raise ProblemError(422, "no such city", headers=[(b"x-city", name.encode())])

    app = app_of(city)
    good, bad = (post(app, {"name": name}) for name in ("\u00fc b", "a\r\nSet-Cookie: b=c"))
    assert (good.status_code, good.headers["x-city"]) == (422, "\u00fc b")
    assert (bad.status_code, "set-cookie" in bad.headers) == (500, False)
    assert "the log has it under" in bad.json()["detail"]


@pytest.mark.parametrize("status", [200, 399, 600, "404"])
def test_a_refusal_has_the_status_of_one(status: Any) -> None:
    """A client must not take it for an answer."""
    with pytest.raises(ValueError, match="from 400 to 599"):
        ProblemError(status, "no")
