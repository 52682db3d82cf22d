"""What commands draw: on a terminal for people, elsewhere for programs."""

from __future__ import annotations

import io
import sys

import pytest

from runner.cli import terminal

COLUMNS = ("name", "state", "requests")
ROWS = (("a.ipynb", ("serving", "green"), "7"), ("longer/b.ipynb", ("failed", "red"), "1200"))


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """What is stdout from now on: a terminal of 60 columns that knows colours."""
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "60")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    found = Screen()
    monkeypatch.setattr(sys, "stdout", found)
    return found


def test_programs_get_a_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers stand at the right, nothing is coloured, cut or broken."""
    terminal.print_table(COLUMNS, ROWS, right=("requests",))
    assert capsys.readouterr().out.splitlines() == [
        "name            state    requests",
        "a.ipynb         serving         7",
        "longer/b.ipynb  failed       1200",
    ]


def test_people_get_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same cells, in as many columns as the terminal has."""
    shown = screen(monkeypatch)
    terminal.print_table(COLUMNS, ROWS, right=("requests",))
    assert "\x1b[32mserving" in shown.getvalue()
    assert "longer/b.ipynb" in shown.getvalue()


def test_colours_can_be_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As https://no-color.org has it."""
    shown = screen(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    terminal.print_table(COLUMNS, ROWS)
    assert "\x1b[32m" not in shown.getvalue()
    assert "serving" in shown.getvalue()


def test_what_is_shown_says_nothing_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook may be named anything: no markup, no escape, no line of its own."""
    hostile = ("[red]x[/red] :smile: \x1b[31mRED\x1b]0;title\x07\nnext",)
    terminal_ = screen(monkeypatch)
    terminal.print_table(("name",), [hostile])
    shown = terminal_.getvalue()
    assert "[red]x[/red] :smile:" in shown.replace("\n", "")
    assert "\x1b[31m" not in shown
    assert "\x07" not in shown
    assert "\x1b" not in terminal.plain_table(("name",), [hostile])
    assert len(terminal.plain_table(("name",), [hostile]).splitlines()) == 2


def test_on_a_narrow_terminal_no_word_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash has to be copied: where the columns do not fit, each stands in a line of its own."""
    shown = screen(monkeypatch)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    rows = [("1f0e9a7b", "2026-11-30 00:00:00", "it was edited")]
    terminal.print_table(("version", "since", "why"), rows)
    said = [line.strip() for line in shown.getvalue().splitlines()]
    assert "1f0e9a7b" in said[0]
    assert "2026-11-30 00:00:00" in said[1]
    monkeypatch.setenv("COLUMNS", "60")
    terminal.print_table(("version", "since", "why"), rows)
    assert "1f0e9a7b   2026-11-30 00:00:00   it was edited" in shown.getvalue()
