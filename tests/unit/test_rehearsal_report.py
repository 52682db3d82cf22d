"""What a new version answers otherwise, and whether it may serve."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from runner.rehearsal.answer import Answer
from runner.rehearsal.cases import case_of
from runner.rehearsal.handover import Rules
from runner.rehearsal.report import Outcome, Report, judged
from runner.rehearsal.report_text import MOST_ROWS, markdown, sentences, summary, table
from runner.rehearsal.showing import Showing

RULES = Rules(most=100)


def recorded(status: int = 200, answer: str = '"a"', **more: Any) -> Any:
    line = {"id": "r1", "method": "POST", "path": "/", "body": "1", "status": status}
    return case_of(line | {"answer": answer, "ms": 10} | more)


def own(**expected: Any) -> Any:
    return case_of({"name": "mine", "request": {"body": 1}} | expected)


@pytest.mark.parametrize(
    ("case", "answer", "outcome"),
    [
        (recorded(), Answer(status=200, body=b'"a"'), Outcome.SAME),
        (recorded(), Answer(status=200, body=b'"b"'), Outcome.CHANGED),
        (recorded(), Answer(status=201, body=b'"a"'), Outcome.CHANGED),
        (recorded(), Answer(status=404), Outcome.CHANGED),
        (recorded(), Answer(status=500), Outcome.FAILED),
        (recorded(), Answer(status=0, late_after=10), Outcome.FAILED),
        (recorded(422), Answer(status=500), Outcome.CHANGED),
        (recorded(500), Answer(status=500, body=b"another id"), Outcome.SAME),
        (recorded(500), Answer(status=200), Outcome.MENDED),
        (recorded(failure={"error": "E"}), Answer(status=500), Outcome.SAME),  # behind its head
        (recorded(501), Answer(status=501, body=b'"a"'), Outcome.SAME),
        (recorded(501), Answer(status=200), Outcome.CHANGED),
        (own(status=404), Answer(status=404), Outcome.SAME),
        (own(status=404), Answer(status=200), Outcome.FAILED),
        (own(answer=1), Answer(status=200, body=b"1"), Outcome.SAME),
        (own(answer=1), Answer(status=200, body=b"2"), Outcome.FAILED),
        (own(answer=1), Answer(status=422, body=b"1"), Outcome.FAILED),
    ],
)
def test_an_answer_is_judged_by_what_was_expected(
    case: Any, answer: Answer, outcome: Outcome
) -> None:
    """An author's case is as it says or has failed; a recorded one may change, and not fail."""
    assert judged(case, answer, Showing())[0] is outcome


def test_a_failure_keeps_the_version_from_serving_and_says_which() -> None:
    """With the exception, and the line of the author's at which it began."""
    report = Report(RULES, {})
    try:
        raise ZeroDivisionError("no inverse")
    except ZeroDivisionError as error:
        report.add(recorded(), Answer(status=500, error=error))
    report.add(recorded(), Answer(status=200, body=b'"a"'))
    said = report.said()
    assert not said["is_accepted"]
    assert said["reason"].startswith("1 of 2 failed in the rehearsal, first POST / (r1): 500: Zero")
    assert "ZeroDivisionError: no inverse (line" in said["reason"]


def test_changes_are_too_many_beyond_the_share_that_was_given() -> None:
    """Of the recorded ones; what is mended is no change."""
    for most, is_accepted in ((None, True), (50.0, True), (49.0, False)):
        report = Report(Rules(most=9, most_changed=most), {})
        for answer in (b'"a"', b'"b"'):
            report.add(recorded(), Answer(status=200, body=answer))
        report.add(recorded(500), Answer(status=200))
        report.add(recorded(), Answer(status=200, body=b'"b"'))
        report.add(own(answer=1), Answer(status=200, body=b"1"))
        assert report.said()["is_accepted"] is is_accepted, most


def test_slower_is_twice_the_time_and_50_ms_more() -> None:
    """A request of a millisecond may take ten."""
    report = Report(RULES, {})
    for milliseconds, seconds in ((10, 0.055), (10, 0.065), (100, 0.19), (100, 0.21), (9, 1.5)):
        report.add(recorded(ms=milliseconds), Answer(status=200, body=b'"a"', seconds=seconds))
    said = report.said()
    assert (said["same"], said["slower"]) == (5, 3)
    assert [row["now"] for row in said["rows"]] == ["65 ms", "210 ms", "1,500 ms"]


def test_a_report_is_bounded_and_says_what_it_leaves_out() -> None:
    """The worst are first, whenever they came."""
    report = Report(RULES, {"recorded with masked values": 2})
    for _ in range(500):
        report.add(recorded(answer='"' + "x" * 9000 + '"'), Answer(status=200, body=b'"b"'))
    report.add(own(answer=1), Answer(status=200, body=b"2" * 9000))
    said = report.said()
    assert len(said["rows"]) == MOST_ROWS
    assert said["rows"][0]["what"] == "failed"
    assert said["rows_left_out"] == 451
    assert len(json.dumps(said)) < 40_000
    assert "left out: 2 recorded with masked values" in summary(said)
    assert [*table(said)][-1] == "and 451 more"
    assert "and 451 more" in markdown(said)


@pytest.mark.parametrize(
    ("before", "now", "field"),
    [
        ('{"api_key": "hid"}', b'{"api_key": "den"}', "/api_key"),
        ('{"login": "hid"}', b'{"login": "den"}', "/login"),
        ('{"secrets": {"a": "hid"}}', b'{"secrets": {"a": "den"}}', "/secrets/a"),
        ('{"of": {"password": "hid"}}', b'{"of": ["hidden"]}', "/of"),
        ("password: hid", b"password: den", "answer"),
    ],
)
def test_a_secret_is_not_shown(before: str, now: bytes, field: str) -> None:
    """It is told where answers differ, and no more: the log and the status have others' readers."""
    report = Report(Rules(most=9, secrets=["login"]), {})
    report.add(recorded(answer=before), Answer(status=200, body=now))
    (row,) = report.said()["rows"]
    assert row["field"] == field
    assert "***" in row["before"]
    assert '"hid"' not in row["before"]
    assert "den" not in row["now"].replace("hidden", "")


def test_what_a_client_sent_is_only_text() -> None:
    """Nothing in a terminal and no markup in a notebook."""
    report = Report(RULES, {})
    asked = dataclasses.replace(recorded(), query="<b>`")
    report.add(asked, Answer(status=500, body=b"no\x1b]0;"))
    said = report.said()
    assert "\x1b" not in "".join([*table(said), *sentences(said, 9)])
    assert "**It may not serve:** `1 of 1 failed" in markdown(said)
    assert "<b>'" in markdown(said)


def test_a_failure_that_names_a_secret_is_masked() -> None:
    """It may quote what was sent."""
    report = Report(RULES, {})
    report.add(recorded(), Answer(status=500, body=b'{"detail": "no", "token": "hid"}'))
    assert "hid" not in json.dumps(report.said())


def test_a_table_has_a_line_for_each_field() -> None:
    """In a notebook nothing of an answer is markup."""
    report = Report(RULES, {})
    report.add(recorded(answer='{"a": 1, "b": "|"}'), Answer(status=200, body=b'{"a": 2, "b": 3}'))
    said = report.said()
    assert next(sentences(said, 1)) == "changed at POST / (r1): /a is 2, not 1"
    lines = [*table(said)]
    assert lines[1].split() == ["changed", "POST", "/", "/a", "1", "2", "r1"]
    assert '| `changed` | `POST /` | `/b` | `"¦"` | `3` | `r1` |' in markdown(report.said())
