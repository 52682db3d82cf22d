"""Other systems than Linux: what works there does, and the rest says what is missing.

There is no such system here: ``sys.platform`` is replaced.
"""

from __future__ import annotations

import sys

import pytest

import runner
from runner.cli.main import main
from runner.errors import ConfigurationError


def said_by(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """The exit code of a command, and what it wrote to stderr."""
    sys.argv[1:] = words
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr().err


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test set the command line."""
    monkeypatch.setattr(sys, "argv", ["runner"])


@pytest.mark.usefixtures("arguments")
@pytest.mark.parametrize(
    ("system", "words", "missing"),
    [
        ("win32", ["run", "a.ipynb"], "unix sockets"),
        ("win32", ["serve", "a.ipynb"], "unix sockets"),
        ("win32", ["sweep", "a.ipynb", "--grid", "n=1"], "unix sockets"),
        ("win32", ["status"], "unix sockets"),
        ("darwin", ["serve", "a.ipynb"], "SO_REUSEPORT"),
    ],
)
def test_a_command_says_what_this_system_lacks(
    system: str,
    words: list[str],
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In one line and a hint, by the exit code of a wrong command."""
    monkeypatch.setattr(sys, "platform", system)
    code, said = said_by(words, capsys)
    assert code == ConfigurationError.exit_code
    assert f"`runner {words[0]}`" in said
    assert missing in said
    assert "hint: in a container" in said


@pytest.mark.usefixtures("arguments")
def test_a_notebook_is_executed_on_macos(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`runner run` gets as far as the notebook, which is not there."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "absent.ipynb" in said_by(["run", "absent.ipynb"], capsys)[1]


@pytest.mark.parametrize(("system", "workers"), [("win32", 1), ("darwin", 2)])
def test_serve_says_what_this_system_lacks(
    system: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a notebook, too, there is no traceback out of our insides."""
    serve = runner.serve  # imported before uvicorn could take the name of the system for true
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(ConfigurationError, match="Linux"):
        serve(print, workers=workers)
