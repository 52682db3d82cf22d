"""What was raised is written without secrets."""

from __future__ import annotations

import json
import sys

import pytest

from runner.http.failure_masking import FailureMasking
from runner.masking.texts import TextMasking
from runner.telemetry.raised import Line, Raised


def written(message: str, *codes: str, hides: bool = False) -> str:
    """What is written of a failure, as JSON."""
    lines = (*map(Line, codes), Line("E: ", message))
    raised = Raised("E", message, 2, 3, codes[-1] if codes else "", lines)
    masking = FailureMasking(TextMasking(["login"]), ["login"])
    return json.dumps(masking.fields(raised, hides=hides))


def test_what_is_no_secret_stands_as_it_is() -> None:
    """With its place."""
    found = json.loads(written("division by zero", "cell 2, line 3, in f", "    return 1 / x"))
    assert found == {
        "error": "E",
        "message": "division by zero",
        "cell": 2,
        "line": 3,
        "text": "    return 1 / x",
        "traceback": "cell 2, line 3, in f\n    return 1 / x\nE: division by zero",
    }


@pytest.mark.parametrize(
    "message",
    [
        "no such user: password=t0p",
        '{"login": "t0p"}',
        "401 for https://a:t0p@b.c/",
        "401 for https://b.c/?X-Amz-Signature=t0p",
        "refused: Bearer t0p.t0p",
        "wrong t0p-of-the-notebook",
        "wrong t0p-of-the-environment",
        "wrong t0p-within",
    ],
)
def test_secrets_are_masked(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their names, and those of this process wherever they stand; in a line of code, too."""
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "api_key", "t0p-of-the-notebook", raising=False)
    monkeypatch.setattr(main, "config", {"a": {"password": "t0p-within"}}, raising=False)
    monkeypatch.setenv("DB_PASSWORD", "t0p-of-the-environment")
    for found in (written(message), written("", f"    call({message!r})")):
        assert "t0p" not in found
        assert "***" in found


def test_nothing_is_said_of_a_request_that_had_secrets() -> None:
    """Their values may stand anywhere in it; what is of the code stays."""
    found = written("t0p", "    return check(word)", hides=True)
    assert "t0p" not in found
    assert "return check(word)" in found


def test_it_is_bounded_in_bytes() -> None:
    """Of a traceback the end is kept."""
    found = json.loads(written("é" * 4_000, *["é" * 100] * 100))
    assert len(found["message"].encode()) <= 2_048
    assert len(found["traceback"].encode()) <= 8_200
    assert found["traceback"].endswith("é" * 4_000)
