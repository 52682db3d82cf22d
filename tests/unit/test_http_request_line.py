"""A line of the request log: what was said, without secrets."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from runner.http.recording import MOST, Exchanged
from runner.http.request_line import Answered, LineWriter
from runner.record.requests import RecordedFailure, RecordedRequest, request_of
from runner.telemetry.raised import Line, Raised
from runner.telemetry.request_trace import RequestTrace

JSON = (b"content-type", b"application/json; charset=utf-8")
GZIP = (b"content-encoding", b"gzip")
TRACE = RequestTrace(b"00-%b-%b-01" % (b"1" * 32, b"2" * 16))


def line(body: bytes | None = b"", *fields: tuple[bytes, bytes], **kept: Any) -> RecordedRequest:
    """The line of a request, as its reader has it."""
    exchanged = Exchanged(
        query=kept.get("query", b""),
        fields=fields,
        body=body,
        answer_fields=kept.get("answer_fields", ()),
        answer=kept.get("answer", b""),
        is_cut=kept.get("is_cut", False),
        has_failed=kept.get("has_failed", False),
    )
    status, trace = kept.get("status", 200), kept.get("trace", TRACE)
    answered = Answered(1_764_417_600.25, 0.0015, "POST", "/p", status, "key", trace, exchanged)
    found = request_of(LineWriter(["login"]).line(answered))
    assert found is not None
    return found


def test_a_line_says_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the form that its readers agree on."""
    monkeypatch.setenv("RUNNER_RUN_ID", "run")
    monkeypatch.setenv("RUNNER_MODEL_SHA256", "hash")
    found = line(b'{"a": 1}', JSON, answer=b"2", answer_fields=[JSON], query=b"b=1")
    assert found.fields.pop("id") == TRACE.id
    assert found.fields == {
        "time": "2025-11-29T12:00:00.250+00:00",
        "run": "run",
        "model": "hash",
        "key": "key",
        "trace_id": "1" * 32,
        "method": "POST",
        "path": "/p",
        "query": "b=1",
        "headers": {"content-type": "application/json; charset=utf-8"},
        "body": '{"a": 1}',
        "status": 200,
        "answer": "2",
        "answer_type": "application/json; charset=utf-8",
        "ms": 1.5,
        "is_cut": False,
        "is_masked": False,
    }


def test_secrets_are_masked_everywhere() -> None:
    """In what was asked and answered; well-known ones, and those that the service names."""
    found = line(
        b'{"login": "t0p"}',
        JSON,
        (b"authorization", b"Bearer t0p"),
        (b"x-api-key", b"t0p"),
        (b"cookie", b"t0p"),
        query=b"a=1&token=t0p",
        answer=b'{"session": [{"access_token": "t0p"}]}',
        answer_fields=[JSON, (b"set-cookie", b"t0p")],
    )
    assert "t0p" not in json.dumps(found.fields)
    assert found.is_masked
    assert found.query == "a=1&token=***"


def test_what_is_coded_is_read() -> None:
    """So that secrets are seen, and it can be asked again without its coding."""
    found = line(gzip.compress(b'{"password": "t0p"}'), JSON, GZIP)
    assert found.body == b'{"password": "***"}'
    assert "content-encoding" not in found.headers


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(b"0" * (MOST + 1)), b"gzip"),
        (b"no gzip", b"gzip"),
        (b"x", b"br"),
        (b"x", b"gzip, gzip"),
    ],
    ids=["too large", "no gzip", "unknown", "several"],
)
def test_what_cannot_be_read_is_left_out(body: bytes, coding: bytes) -> None:
    """Nobody knows what is in it."""
    found = line(body, JSON, (b"content-encoding", coding))
    assert (found.body, found.is_cut) == (None, True)


def test_what_is_no_text_is_kept_as_it_is() -> None:
    """Unless it names a secret."""
    assert line(b"\xff\x00\x01").fields["body"] == {
        "base64": base64.b64encode(b"\xff\0\1").decode()
    }
    assert line(b"\xff password \x01").body == b"***"
    assert line('{"password": "t0p"}'.encode("utf-16"), JSON).body == b"***"
    assert line('{"password": "t0p"}'.encode("utf-16-le"), JSON).body == b"***"
    assert line("{}".encode("utf-16-le"), JSON).body == "{}".encode("utf-16-le")


def test_a_beginning_may_end_within_a_letter() -> None:
    """It is a text all the same."""
    assert line(answer="aé".encode()[:-1], is_cut=True).answer == b"a"


def test_the_longest_line_can_be_read() -> None:
    """Whatever the letters."""
    for letter in (b"\x01", b"\\", b'"', b"\xff"):
        found = line(letter * MOST, answer=letter * MOST, query=b'"' * 8_192)
        assert found.body == letter * MOST


def test_what_was_raised_stands_in_the_line_of_a_failure() -> None:
    """As it was told until it is written: a framework answers before it raises. Else it is none."""
    trace = RequestTrace()
    assert line(trace=trace, status=500).failure is None
    trace.raised = Raised("E", "login=t0p", 2, 3, "x", (Line("cell 2, line 3"), Line("E: ", "m")))
    found = line(trace=trace, status=500).failure
    assert found == RecordedFailure(
        error="E", message="***", cell=2, line=3, text="x", traceback="cell 2, line 3\nE: m"
    )
    assert "failure" not in line(trace=trace).fields
    trace.failure_id = "0123456789ab"
    broken = line(trace=trace, has_failed=True)
    assert broken.failure
    assert (broken.status, broken.is_failure, broken.failure.id) == (200, True, "0123456789ab")
    secret = line(b'{"login": "m"}', JSON, trace=trace, status=500)
    assert secret.failure
    assert secret.failure.traceback == "cell 2, line 3\nE: ***"
