"""What a command says of what it has done."""

from __future__ import annotations

from typing import Any

import pytest

from runner.cockpit.actions import said_of
from runner.errors import RunnerError
from runner.supervise.outcome_text import said, what_serves

URL = "http://127.0.0.1:8000"


def run(sha256: str) -> dict[str, Any]:
    return {"run": "r", "sha256": sha256 * 32, "url": URL, "since": "2026-11-30T00:00:00+00:00"}


def outcome(before: str, serving: str, reason: str = "") -> dict[str, Any]:
    runs = {"before": run(before) if before else None, "serving": run(serving) if serving else None}
    return {"ok": True, "reason": reason, **runs}


@pytest.mark.parametrize(
    ("question", "given", "text"),
    [
        (
            "reload",
            ("aa", "bb"),
            f"version bbbbbbbb, which serves on {URL}, instead of version aaaaaaaa",
        ),
        ("reload", ("aa", "aa"), f"version aaaaaaaa, run anew, serves on {URL}"),
        ("reload", ("", "aa"), f"version aaaaaaaa, which serves on {URL}"),
        (
            "rollback",
            ("bb", "aa"),
            f"back to version aaaaaaaa, which serves on {URL}, instead of version bbbbbbbb",
        ),
        (
            "rollback",
            ("aa", "aa", "it serves already"),
            f"version aaaaaaaa serves on {URL}: it serves already",
        ),
    ],
)
def test_it_says_what_serves_now_and_what_did_before(
    question: str, given: tuple[str, ...], text: str
) -> None:
    """By the beginning of the version's hash, which every command takes."""
    assert said(question, outcome(*given)) == text


def test_a_stop_says_what_has_served() -> None:
    """And since when."""
    assert said("stop", outcome("aa", "")).startswith(
        "stopped; version aaaaaaaa had served since 2026-"
    )
    assert said("stop", outcome("", "")) == "stopped"
    asked = {"traffic": {"requests": 1234, "errors": 2}}
    assert said("stop", outcome("", "") | asked) == "stopped; 1,234 requests, 2 of them failed"
    asked = {"traffic": {"requests": 1, "errors": 0}}
    assert said("stop", outcome("", "") | asked) == "stopped; 1 request, none failed"


def test_a_supervisor_of_before_says_less() -> None:
    """Which runs on while the package is renewed."""
    assert said("reload", {"ok": True, "reason": ""}) == "reload is done"
    assert said("reload", {"serving": {"run": "r"}}) == "run r, which serves"
    assert said("stop", {"before": 5, "traffic": {"requests": 1}}) == "stopped"
    assert what_serves({"ok": False, "reason": "no"}) == ""


def test_a_failure_says_what_goes_on_serving() -> None:
    """Or that nothing does."""
    assert what_serves(outcome("aa", "aa")) == f"version aaaaaaaa goes on serving on {URL}"
    assert what_serves(outcome("", "")) == "nothing serves"


def test_the_cockpit_says_it_in_the_same_words() -> None:
    """Of what has failed also what goes on serving."""
    done = outcome("aa", "bb")
    assert said_of("reload", done) == said("reload", done)
    failed = outcome("aa", "aa", "cell 1\nfailed") | {"ok": False}
    with pytest.raises(RunnerError, match=f"^cell 1 failed; {what_serves(failed)}$"):
        said_of("reload", failed)
    with pytest.raises(RunnerError, match=r"^it failed$"):
        said_of("reload", {})
