"""What is to be asked, as the author and the request log write it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConfigurationError
from runner.http.recording import Exchanged
from runner.http.request_line import Answered, LineWriter
from runner.rehearsal.cases import case_of, read_cases

LOGGED = {
    "id": "r1",
    "method": "POST",
    "path": "/über 100%",
    "query": "a=1",
    "headers": {"Content-Type": "application/json"},
    "body": '{"x": 1}',
    "status": 200,
    "answer": "1",
    "ms": 2.5,
}


def written(folder: Path, *lines: Any) -> Path:
    """A file of cases."""
    path = folder / "rehearsal.jsonl"
    path.write_text(
        "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines)
    )
    return path


def test_a_line_of_the_log_is_asked_as_it_was_sent() -> None:
    """Its path is decoded there; its body is text or base64."""
    case = case_of(LOGGED)
    assert (case.name, case.said) == ("r1", "POST /%C3%BCber%20100%25?a=1")
    assert (case.body, case.headers) == (b'{"x": 1}', (("content-type", "application/json"),))
    assert (case.status, case.answer, case.seconds, case.is_own) == (200, "1", 0.0025, False)
    assert case_of(LOGGED | {"body": {"base64": "AAE="}}).body == b"\x00\x01"


def test_a_line_that_a_worker_has_written_is_understood() -> None:
    """The request log and the rehearsal speak of the same."""
    fields = [(b"content-type", b"application/json")]
    exchanged = Exchanged(b"a=1", fields, b'{"x": 1}', fields, b'{"y": 2}')
    answered = Answered(0.0, 0.002, "POST", "/ä b", 200, "", None, exchanged)
    case = case_of(json.loads(LineWriter().line(answered)))
    assert (case.said, case.body) == ("POST /%C3%A4%20b?a=1", b'{"x": 1}')
    assert (case.status, case.answer, case.seconds) == (200, '{"y": 2}', 0.002)


def test_a_case_of_the_authors_sends_json_and_its_path_as_it_stands() -> None:
    """A JSON value says that it is one; the method follows from whether there is a body."""
    case = case_of({"request": {"path": "/a%20b", "body": {"x": 1}}, "answer": {"y": 2}})
    assert (case.method, case.path, case.body) == ("POST", "/a%20b", b'{"x": 1}')
    assert case.headers == (("content-type", "application/json"),)
    assert case.is_own
    assert case_of({"request": {"path": "/"}, "status": 200}).method == "GET"
    asked = case_of({"request": {"query": "a=%20&b=|ü"}, "status": 200})
    assert asked.query == "a=%20&b=|%C3%BC"


def test_cases_are_named_by_their_lines(tmp_path: Path) -> None:
    """Unless they have a name; an empty line is none, and no file has no cases."""
    path = written(tmp_path, {"request": {}, "status": 200}, "", {**LOGGED, "name": "kept"}, LOGGED)
    lines = [*read_cases(path)]
    assert [line["name"] for line in lines] == [
        "rehearsal.jsonl, line 1",
        "kept",
        "rehearsal.jsonl, line 4",
    ]
    taken_over = case_of(lines[1])
    assert taken_over.is_own
    assert taken_over.path == case_of(LOGGED).path
    assert [*read_cases(tmp_path / "none")] == []


def test_what_is_taken_over_expects_no_answer_that_was_cut(tmp_path: Path) -> None:
    """Of which only the beginning is recorded, or nothing."""
    line = {**LOGGED, "is_cut": True, "answer": None}
    (taken_over,) = map(case_of, read_cases(written(tmp_path, line)))
    assert (taken_over.has_answer, taken_over.status) == (False, LOGGED["status"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Expecting"),
        ({**LOGGED, "is_cut": True, "body": None}, "its `body` is not recorded"),
        ("[]", "no object"),
        ({"request": []}, "has to be an object"),
        ({"request": {}}, "neither `answer` nor `status`"),
        ({"request": {}, "status": 20}, "`status` is none"),
        ({"request": {"pth": "/"}, "status": 200}, "unknown: pth"),
        ({"request": {"path": "a b"}, "status": 200}, "`path` is none"),
        ({"request": {"query": {"a": 1}}, "status": 200}, "`query` is none"),
        ({"request": {"query": "a=b c"}, "status": 200}, "`query` is none"),
        ({"request": {"query": "\ud800"}, "status": 200}, "surrogates not allowed"),
        ({"request": {"method": "get"}, "status": 200}, "`method` is none"),
        ({"request": {"headers": {"a": "b\n"}}, "status": 200}, "cannot be sent"),
        ({"request": {"body": {"base64": "?"}}, "status": 200}, "no base64"),
        ({"request": {}, "answer": 1, "tolerance": 0.1}, "`tolerance` has"),
        ({"request": {}, "answer": 1, "tolerance": {"relative": -1}}, "no number of 0 or more"),
    ],
)
def test_what_is_no_case_is_refused_with_its_line(tmp_path: Path, line: Any, said: str) -> None:
    """A case that is misread would pass for one that is kept."""
    with pytest.raises(ConfigurationError, match=rf"rehearsal\.jsonl, line 2: no case: .*{said}"):
        [*read_cases(written(tmp_path, "", line))]


def test_a_line_ends_where_json_has_none(tmp_path: Path) -> None:
    """A text may hold what else ends lines; and some editors begin a file with a mark."""
    path, body = tmp_path / "rehearsal.jsonl", "a\u2028b\x85c"
    given = json.dumps({"request": {"body": body}, "status": 200}, ensure_ascii=False)
    path.write_text(f"\ufeff{given}\r\n{given}\n", encoding="utf-8")
    assert [case_of(line).body.decode() for line in read_cases(path)] == [body, body]
