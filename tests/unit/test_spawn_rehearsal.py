"""What a run leaves to be asked, and where it finds that."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConfigurationError
from runner.rehearsal.handover import Handover, Rules
from runner.spawn.rehearsal import Rehearsal


def line(second: int, path: str = "/", method: str = "POST") -> str:
    """A recorded request."""
    time = f"2026-01-01T00:00:{second:02}+00:00"
    answered = {"status": 200, "answer": "1", "ms": 1.0, "run": "r", "model": None}
    asked = {"id": f"r{second}", "method": method, "path": path, "body": str(second)}
    return json.dumps({"time": time, **asked, **answered}) + "\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with recorded requests, of which health checks are none for the app."""
    (tmp_path / "requests").mkdir()
    lines = [
        line(1),
        line(2, "/healthz", "GET"),
        line(3, "/readyz", "HEAD"),
        line(4, "/b"),
        line(5),
    ]
    (tmp_path / "requests/a.jsonl").write_text("".join(lines))
    return tmp_path


def left(project: Path, requests: str, most: int = 9) -> list[str]:
    """The names of what a run leaves."""
    rules = Rules(most=most, secrets=[])
    order = {"requests": str(project / requests), "cases": str(project / "rehearsal.jsonl")}
    order |= {"folder": str(project)}
    Rehearsal(order | {"rules": dataclasses.asdict(rules)}, "run").prepare()
    with Handover(project, "run").taken() as given:
        if given is None:
            return []
        assert given.rules == rules
        return [str(each.get("name") or each["id"]) for each in given.lines]


@pytest.mark.parametrize("requests", ["requests", "requests/a.jsonl"])
def test_requests_are_found_in_a_folder_and_in_a_file(project: Path, requests: str) -> None:
    """The newest first, of each endpoint in turn."""
    assert left(project, requests) == ["r5", "r4", "r1"]


def test_cases_come_before_what_was_recorded(project: Path) -> None:
    """And alone where none of that is wanted, as at a first start."""
    case: dict[str, Any] = {"name": "own", "request": {}, "status": 200}
    (project / "rehearsal.jsonl").write_text(json.dumps(case))
    assert left(project, "requests", 1) == ["own", "r5"]
    assert left(project, "requests", 0) == ["own"]


def test_a_case_that_is_none_fails_the_run(project: Path) -> None:
    """Before it starts: who has written it meant something by it."""
    (project / "rehearsal.jsonl").write_text("{}")
    with pytest.raises(ConfigurationError, match="line 1: no case"):
        left(project, "requests")


def test_where_nothing_was_recorded_nothing_is_left(project: Path) -> None:
    """Then nothing is asked."""
    assert left(project, "none") == []
