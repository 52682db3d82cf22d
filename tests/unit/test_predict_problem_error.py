"""Problems, as RFC 9457 has them."""

from __future__ import annotations

import json

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
