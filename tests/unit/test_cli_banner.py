"""What a terminal is told when a service serves."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import Any

import pytest

from runner.cli.banner import Banner

EXAMPLE = {
    "method": "POST",
    "path": "/iris",
    "body": '{"rows":[{"name":"it\'s"}]}',
    "content_type": "application/json",
}


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, offers: dict[str, Any], **facts: Any) -> str:
    """What is shown, without colours, on a narrow terminal."""
    for name, value in (("TERM", "xterm"), ("COLUMNS", "50"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    banner = Banner(notebook=Path("a.ipynb"), out=Path("runs/a/out.ipynb"), **facts)
    return banner.drawn("http://127.0.0.1:8000", offers, Screen())


def test_a_model_shows_all_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its page, its documentation, its record, and a command that asks it."""
    shown = drawn(monkeypatch, {"page": "/", "docs": "/docs", "example": EXAMPLE}, reloads=True)
    for part in ("a.ipynb is served", "http://127.0.0.1:8000/docs", "runs/a/out.ipynb"):
        assert part in shown
    assert "edit and save to deploy · Ctrl-C stops" in shown


def test_an_app_of_ones_own_shows_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it answers is not known."""
    shown = drawn(monkeypatch, {"page": "/_runner"})
    assert "address" in shown
    assert "http://127.0.0.1:8000/_runner" in shown
    assert "docs" not in shown
    assert "curl http://127.0.0.1:8000/\n" in shown
    assert "--reload" in shown


def test_the_command_can_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one line, however narrow the terminal is, and a shell reads it as it is meant."""
    shown = drawn(monkeypatch, {"example": EXAMPLE}, asks_for_keys=True)
    (line,) = (line.strip() for line in shown.splitlines() if "curl" in line)
    words = shlex.split(line)
    assert words[:4] == ["curl", "-X", "POST", "http://127.0.0.1:8000/iris"]
    assert words[-1] == EXAMPLE["body"]
    assert "x-api-key: KEY" in words
