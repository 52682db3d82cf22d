"""How a status is laid out for people."""

from __future__ import annotations

from typing import Any

import pytest

from runner.supervise.status import local, shown

STATUS: dict[str, Any] = {
    "notebook": "/a.ipynb",
    "phase": "up",
    "pid": 1,
    "uptime": 1.0,
    "address": "127.0.0.1:8000",
    "serving": None,
    "restarts": 0,
    "restarts_in": None,
    "candidate": None,
    "standby": None,
    "failure": None,
    "good": [],
}
SERVING = {"run": "r", "since": "2026-11-30T12", "workers": [2], "record": "r.ipynb"}
TRAFFIC: dict[str, Any] = {
    "requests": 1200,
    "errors": 2,
    "refused": 0,
    "in_flight": 1,
    "waiting": 0,
    "per_second": 12.3,
    "p50": 0.00123,
    "p99": 0.05,
    "memory": 210_000_000,
}


def failed(at: str) -> dict[str, Any]:
    return {"run": "q", "at": at, "reason": "cell 1", "record": None}


@pytest.mark.parametrize("said", [{}, {"save_fault": ""}, {"save_fault": "cell 1\nhas marks"}])
def test_a_save_that_cannot_be_read_stands_there_while_nothing_has_failed(
    said: dict[str, str],
) -> None:
    """No run is begun for it, so none fails; nothing is said of one that was read."""
    lines = shown(STATUS | said).splitlines()
    assert "last failure:  none" in lines
    expected = ["newest save:   not taken up: cell 1 has marks"] if said.get("save_fault") else []
    assert [line for line in lines if "save" in line] == expected


def test_what_was_asked_of_late_is_shown() -> None:
    """In figures, and the last hour as blocks; one of a release of before counts nothing."""
    points = [
        {"seconds": 10.0, "requests": number, "errors": number // 7, "p50": None}
        for number in range(8)
    ]
    lines = shown(STATUS | {"traffic": TRAFFIC}, points).splitlines()
    assert "requests:      12/s in the last minute, 1,200 in all, 2 failed, 1 in flight" in lines
    assert "latency:       p50 1.2 ms, p99 50 ms" in lines
    assert "last 1 min:     ▂▃▄▅▆▇█" in lines
    assert "failed:               █" in lines
    assert "memory:        210 MB" in lines
    assert "requests" not in shown(STATUS | {"traffic": None})


def test_versions_stand_in_lines_of_their_own() -> None:
    """The newest five, with what a hostile cause has in one line."""
    known = {"sha256": "ab" * 32, "state": "kept", "since": "2026-11-30T12:00:00.000+00:00"}
    version = known | {"author": "Ann", "reason": "", "cause": "a\nsave", "run": "p"}
    lines = shown(STATUS, versions=[version] * 7).splitlines()
    found = [line for line in lines if "abababab" in line]
    assert len(found) == 5
    said = f"abababab kept    {local(version['since'])}, by Ann: a\\nsave"
    assert found[:2] == [f"versions:      {said}", f"{'':15}{said}"]


def test_a_failure_is_told_once() -> None:
    """A version that failed is that of the last failure, or has a reason of its own."""
    known = {"sha256": "ab" * 32, "state": "failed", "since": "", "author": "", "cause": "a save"}
    versions = [known | {"run": "q", "reason": "cell 1"}, known | {"run": "p", "reason": "cell 2"}]
    lines = shown(STATUS | {"failure": failed("2026-11-30T13")}, versions=versions).splitlines()
    assert [line for line in lines if "cell 1" in line] == [
        f"last failure:  run q at {local('2026-11-30T13')}: cell 1"
    ]
    assert [line.rpartition(": ")[2] for line in lines[-2:]] == ["the last failure", "cell 2"]
