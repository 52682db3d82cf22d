"""What is asked of a service that an earlier release has started, which runs on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runner.cli import remote
from runner.errors import RunnerError
from runner.supervise import control, running
from runner.supervise.running import RunningService


@pytest.mark.parametrize(
    ("command", "words"), [(remote.versions, []), (remote.rollback, ["--to", "3f2a"])]
)
def test_one_that_knows_no_versions_is_asked_for_none(
    command: Any, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go back to another than the one that is named."""
    asked: list[str] = []

    def ask(_: Path, question: str, **__: Any) -> dict[str, Any]:
        asked.append(question)
        return {"ok": False, "reason": f"unknown question {question!r}"}

    service = RunningService(tmp_path, tmp_path)
    monkeypatch.setattr(running, "find", lambda _: service)
    monkeypatch.setattr(control, "ask", ask)
    done = CliRunner().invoke(command, words)
    assert isinstance(done.exception, RunnerError)
    assert "an earlier release" in str(done.exception)
    assert asked == ["versions"]
