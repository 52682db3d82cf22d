"""One form of a line for all that is logged."""

from __future__ import annotations

import datetime as dt
import json
import os
import threading

import pytest

from runner.telemetry.log_lines import LONGEST, folded, json_line, text_line, time_of, write_lines
from runner.telemetry.request_trace import RequestTrace

AT = 1_800_000_000.1239


def test_a_time_is_of_utc_to_the_millisecond() -> None:
    """As ISO 8601 writes it."""
    assert time_of(AT) == "2027-01-15T08:00:00.123+00:00"
    assert dt.datetime.fromisoformat(time_of(AT)).timestamp() == pytest.approx(AT, abs=0.001)


@pytest.mark.parametrize(
    "control", ["\n", "\r", "\x1b", "\x00", "\x85", "\x9b", "\u2028", "\u202e"]
)
def test_no_control_character_stands_in_a_line(control: str) -> None:
    """Whoever may write into an event begins no line of his own by it."""
    line = text_line(AT, "error", f"a{control}b\tc é").decode()
    assert line == f"{time_of(AT)} ERROR   a{folded(control)}b\tc é\n"
    assert control not in line.removesuffix("\n")
    assert len(line.splitlines()) == 1


def test_a_traceback_is_broken_on_a_terminal_only() -> None:
    """There the request's name stands in the first line, which is found by it."""
    trace = RequestTrace()
    shown = text_line(AT, "error", "failed\n  at x", trace, folds=False).decode()
    assert shown.splitlines() == [f"{time_of(AT)} ERROR   failed id={trace.id}", "  at x"]
    assert text_line(AT, "error", "failed\n  at x", trace).endswith(
        rf"failed\n  at x id={trace.id}".encode() + b"\n"
    )


def test_nobody_says_anything_to_a_terminal() -> None:
    """But for the ends of lines no control character comes there."""
    shown = text_line(AT, "error", "a\x1b]0;b\x9b\r\n\x1bc", folds=False).decode()
    assert shown == f"{time_of(AT)} ERROR   a\\x1b]0;b\\x9b\\r\n\\x1bc\n"


@pytest.mark.parametrize("letter", ["a", "\n", "é", "\U0001f600"])
def test_a_line_is_bounded_and_keeps_both_ends(letter: str) -> None:
    """Most of it the last part, where a traceback names the error."""
    said = "first" + letter * 50_000 + "last"
    text = text_line(AT, "error", said, RequestTrace())
    written = json_line(AT, "error", {"event": "e", "traceback": said}, RequestTrace())
    assert max(len(text), len(written)) <= LONGEST
    assert b" first" in text
    assert b"last id=" in text
    kept = json.loads(written)["traceback"]
    assert kept.startswith("first")
    assert kept.endswith("last")


def test_very_many_facts_are_left_out() -> None:
    """What happened stays."""
    facts = {f"fact {number}": "x" * 60 for number in range(1_000)}
    line = json_line(AT, "info", {"event": "e"} | facts, None)
    assert json.loads(line) == {"time": time_of(AT), "level": "info", "event": "e"}


def test_lines_of_several_writers_are_not_mixed() -> None:
    """Many are written at once, on a pipe that is read slowly."""
    read, write = os.pipe()
    lines = {letter: (letter * size + "\n").encode() for letter, size in SIZES.items()}
    writers = [
        threading.Thread(target=lambda line=line: [write_lines(write, line * 20) for _ in range(5)])
        for line in lines.values()
    ]
    for writer in writers:
        writer.start()
    said = b""
    while said.count(b"\n") < 100 * len(lines):
        said += os.read(read, 3_000)
    for writer in writers:
        writer.join()
    os.close(read)
    os.close(write)
    assert set(said.splitlines(keepends=True)) == {*lines.values()}


def test_a_long_line_waits_for_room() -> None:
    """Else it would come in pieces, with other lines between them."""
    read, write = os.pipe()
    os.write(write, b"x" * 60_000)
    line = b"a" * 16_000 + b"\n"
    writer = threading.Thread(target=write_lines, args=[write, line])
    writer.start()
    assert os.read(read, 60_000) == b"x" * 60_000
    assert os.read(read, 65_536) == line
    writer.join()
    os.close(read)
    os.close(write)


SIZES = {"a": 90, "b": 1_900, "c": 4_095}
