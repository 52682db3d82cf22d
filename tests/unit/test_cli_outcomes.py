"""What a command says of what it has done."""

from __future__ import annotations

from typing import Any

import pytest

from runner.cli.outcomes import said, version_rows, what_serves

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
    assert what_serves({"ok": False, "reason": "no"}) == ""


def test_a_failure_says_what_goes_on_serving() -> None:
    """Or that nothing does."""
    assert what_serves(outcome("aa", "aa")) == f"version aaaaaaaa goes on serving on {URL}"
    assert what_serves(outcome("", "")) == "nothing serves"


def test_a_version_of_which_little_is_known_has_a_row_too() -> None:
    """Such as one of an earlier release, outside of git."""
    known = {"sha256": "aa" * 32, "state": "kept", "since": "", "commit": None, "author": None}
    (row,) = version_rows([known | {"reason": "", "cause": ""}])
    assert row == ("aaaaaaaa", ("kept", ""), "", "", "", "")


def test_a_version_is_told_with_what_its_author_says_of_it() -> None:
    """One that has failed with its reason."""
    known = {"sha256": "aa" * 32, "state": "kept", "since": "", "commit": "bb" * 20}
    known |= {"author": "Ann", "subject": "Mend it", "cause": "a save", "reason": ""}
    kept, failed = version_rows([known, known | {"state": "failed", "reason": "cell 1"}])
    assert kept[3:] == ("bbbbbbbb", "Ann", "a save: Mend it")
    assert failed[1:2] + failed[5:] == (("failed", "red"), "cell 1")
