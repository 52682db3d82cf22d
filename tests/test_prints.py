"""What an app prints: in the log, named, and never too much of it."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from support import until

from runner.prints import LINES_PER_SECOND, LONGEST_LINE, Prints, diverted

Shown = tuple[int, Path]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Shown]:
    """An open file descriptor, and what was written to it."""
    path = tmp_path / "log"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    yield fd, path
    os.close(fd)


def test_lines_come_to_the_log_with_the_worker(log: Shown) -> None:
    """By themselves, soon; what is not a whole line yet when the worker ends comes then."""
    fd, path = log
    prints = Prints(fd)
    print("a", 1, file=prints)
    until(lambda: path.read_text().endswith(f" INFO    worker {os.getpid()}: a 1\n"))
    print("half", end="", file=prints)
    prints.close()
    assert path.read_text().endswith(": half\n")


def test_a_flood_is_counted_not_written(log: Shown) -> None:
    """The first lines of a second are shown, and how much there was besides."""
    fd, path = log
    prints = Prints(fd)
    for number in range(LINES_PER_SECOND + 12_345):
        prints.write(f"{number % 10}\n")
    prints.close()
    *lines, last = path.read_text().splitlines()
    assert len(lines) == LINES_PER_SECOND
    assert last.endswith("… 12,345 more lines (24,690 characters) were printed")


def test_after_a_flood_lines_are_shown_again(log: Shown) -> None:
    """The next second has its own first lines."""
    fd, path = log
    prints = Prints(fd)
    prints.write("x\n" * (LINES_PER_SECOND + 1))
    until(lambda: "1 more lines" in path.read_text())
    prints.write("again\n")
    until(lambda: path.read_text().endswith(": again\n"))
    prints.close()


def test_no_line_is_longer_than_the_bound(log: Shown) -> None:
    """Nor does a line without an end grow in memory."""
    fd, path = log
    prints = Prints(fd)
    prints.write("x" * 10_000_000 + "\n")
    for _ in range(1000):
        prints.write("y" * 1000)
    prints.close()
    assert max(map(len, path.read_text().splitlines())) < LONGEST_LINE + 100


def test_threads_do_not_mix_their_lines(log: Shown) -> None:
    """``print`` writes a line and its end apart; another thread may write between."""
    fd, path = log
    prints = Prints(fd)
    prints.write("mine")
    other = threading.Thread(target=print, args=("theirs",), kwargs={"file": prints})
    other.start()
    other.join()
    prints.write(" too\n")
    prints.close()
    assert [line.rpartition(": ")[2] for line in path.read_text().splitlines()] == [
        "theirs",
        "mine too",
    ]


def test_json_lines_are_json(log: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --log-format json each line is an object that names the worker."""
    fd, path = log
    monkeypatch.setenv("RUNNER_LOG_FORMAT", "json")
    with diverted(fd):
        print('with "quotes"')
    shown = json.loads(path.read_text())
    assert (shown["worker"], shown["line"]) == (os.getpid(), 'with "quotes"')


def test_streams_that_are_held_already_are_diverted_and_given_back(
    log: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    """A logging handler keeps the stream that it was made with."""
    fd, path = log
    stream: TextIO = sys.stderr
    mine = logging.Logger("mine")
    mine.addHandler(logging.StreamHandler(stream))
    with diverted(fd):
        mine.warning("by a handler")
        print("by print")
    print("after")
    assert [line.rpartition(": ")[2] for line in path.read_text().splitlines()] == [
        "by a handler",
        "by print",
    ]
    assert (capsys.readouterr().out, stream is sys.stderr) == ("after\n", True)


def test_a_log_that_nobody_reads_costs_the_app_nothing() -> None:
    """A closed pipe raises in the log's thread only, and ends nothing."""
    reading, writing = os.pipe()
    os.close(reading)
    prints = Prints(writing)
    prints.write("x\n")
    prints.close()
    prints.write("y\n")
    os.close(writing)
