"""The line of a terminal that says what is under way."""

from __future__ import annotations

import os
import pty
import select
import threading
import time
from collections.abc import Iterator

import pytest
from support import until

from runner import processes
from runner.telemetry import log_lines
from runner.telemetry.live_line import LiveLine, fitted
from runner.telemetry.log_lines import erasing, text_line, write_lines


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A terminal: the end that sees what is shown, and the one that is written to."""
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def shown(ours: int) -> str:
    """All that was written to the terminal by now."""
    text = b""
    while select.select([ours], [], [], 0)[0]:
        text += os.read(ours, 65536)
    return text.decode()


def test_what_takes_long_is_shown_anew(screen: tuple[int, int]) -> None:
    """With its seconds; the cursor waits at the line's beginning, and nothing is left of it."""
    ours, theirs = screen
    line, seen = LiveLine(theirs, every=0.01), []
    line.show(lambda took: f"took {took:.2f} s")

    def twice() -> bool:
        seen.append(shown(ours))
        return "".join(seen).count("took") >= 2

    until(twice, 20)
    line.close()

    def is_gone() -> bool:
        seen.append(shown(ours))
        return "".join(seen).endswith("\r\x1b[K\r")

    until(is_gone, 20)
    drawn = "".join(seen).split("\r\x1b[K")
    assert all(each.endswith(" s\r") for each in drawn[1:-1])


def test_a_line_of_the_log_takes_its_place(screen: tuple[int, int]) -> None:
    """Whoever writes erases what stands there, be it another process."""
    ours, theirs = screen
    write_lines(theirs, b"one\ntwo\n")
    assert shown(ours) == "\r\x1b[Kone\r\ntwo\r\n"


def test_people_see_the_time_of_day_and_levels_in_colours(
    screen: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of where they are; no colours, if they want none. What an event says is left as it is."""
    ours, theirs = screen
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(time, "localtime", lambda moment: time.gmtime(moment + 7200))
    log_lines._time_of_day.cache_clear()
    said = "1970-01-01T00:00:00.000+00:00 ERROR"
    lines = text_line(0, "error", said) + text_line(0.5, "info", "x")
    write_lines(theirs, lines)
    assert shown(ours).split("\r\n") == [
        f"\r\x1b[K\x1b[2m02:00:00\x1b[0m \x1b[1;31mERROR\x1b[0m   {said}",
        "\x1b[2m02:00:00\x1b[0m \x1b[36mINFO\x1b[0m    x",
        "",
    ]
    monkeypatch.setenv("NO_COLOR", "1")
    write_lines(theirs, lines)
    assert shown(ours) == f"\r\x1b[K02:00:00 ERROR   {said}\r\n02:00:00 INFO    x\r\n"
    log_lines._time_of_day.cache_clear()


def test_nothing_is_shown_but_on_a_terminal(screen: tuple[int, int], tmp_path: object) -> None:
    """No thread is begun for a pipe, and nothing is erased there."""
    read, write = os.pipe()
    before = set(threading.enumerate())
    line = LiveLine(write, every=0.01)
    line.show(lambda took: "x")
    assert "live line" not in {thread.name for thread in set(threading.enumerate()) - before}
    assert not erasing(write)
    line.close()
    os.close(read)
    os.close(write)


def test_a_simple_terminal_gets_no_line(
    screen: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could not take it away again."""
    monkeypatch.setenv("TERM", "dumb")
    assert not erasing(screen[1])


def test_what_is_hidden_is_taken_away(screen: tuple[int, int]) -> None:
    """A cell that has ended is not shown as if it ran."""
    ours, theirs = screen
    line, seen = LiveLine(theirs, every=0.01), []
    line.show(lambda took: "cell")
    until(lambda: seen.append(shown(ours)) or "cell" in "".join(seen), 20)  # type: ignore[func-returns-value]
    line.hide()
    until(lambda: seen.append(shown(ours)) or "".join(seen).endswith("\x1b[K\r"), 20)  # type: ignore[func-returns-value]
    line.close()


def test_a_terminal_that_stands_still_keeps_nobody(screen: tuple[int, int]) -> None:
    """As after Ctrl-S, or when nobody reads it: the run goes on, and ends."""
    _, theirs = screen
    while processes.is_writable(theirs, 0):
        os.write(theirs, b"x")
    looked = threading.Event()
    line = LiveLine(theirs, every=0.01)
    line.show(lambda took: looked.set() or "cell")  # type: ignore[func-returns-value]
    assert looked.wait(20)
    line.close()


@pytest.mark.parametrize(
    ("text", "columns", "part"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("データ", 4, "デー"),
        ("データ", 5, "デー"),
        ("", 3, ""),
    ],
)
def test_a_line_has_as_many_columns_as_there_are(text: str, columns: int, part: str) -> None:
    """Wide characters take two: a line that is broken could not be taken away."""
    assert fitted(text, columns) == part
