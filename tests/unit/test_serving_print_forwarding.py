"""What an app prints: in the log, named, and never too much of it."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import until

from runner.serving.print_forwarding import (
    LINES_PER_SECOND,
    LONGEST_LINE,
    PrintForwarder,
    forward_prints,
)
from runner.telemetry.request_trace import RequestTrace

Shown = tuple[int, Path]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Shown]:
    """An open file descriptor, and what was written to it."""
    path = tmp_path / "log"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    yield fd, path
    os.close(fd)


def said(path: Path) -> list[str]:
    """The lines without their time and worker."""
    return [line.partition(f"worker {os.getpid()}: ")[2] for line in path.read_text().splitlines()]


def test_lines_come_to_the_log_with_the_worker(log: Shown) -> None:
    """By themselves, soon; what is not a whole line yet comes when the worker ends."""
    fd, path = log
    stream = io.StringIO()
    with contextlib.closing(PrintForwarder(fd, [stream])):
        print("a", 1, file=stream)
        until(lambda: path.read_text().endswith(f" INFO    worker {os.getpid()}: a 1\n"))
        print("half", end="", file=stream)
    assert said(path) == ["a 1", "half"]
    assert stream.getvalue() == ""


def test_a_line_in_pieces_is_one_line(log: Shown) -> None:
    """However long its end takes."""
    fd, path = log
    stream = io.StringIO()
    with contextlib.closing(PrintForwarder(fd, [stream])):
        print("first\nhalf", end="", file=stream)
        until(lambda: said(path) == ["first"])
        print(" and half", file=stream)
    assert said(path) == ["first", "half and half"]


def test_a_flood_is_counted_not_written(log: Shown) -> None:
    """The first lines of a second are shown, and how many there were besides."""
    fd, path = log
    stream = io.StringIO()
    with contextlib.closing(PrintForwarder(fd, [stream])):
        stream.write("x\n" * (LINES_PER_SECOND + 12_345))
    *lines, last = said(path)
    assert lines == ["x"] * LINES_PER_SECOND
    assert last == "… 12,345 more lines were printed"


def test_the_bound_is_one_for_the_whole_second(log: Shown) -> None:
    """However often the buffer is taken away in it."""
    fd, path = log
    stream = io.StringIO()
    with contextlib.closing(PrintForwarder(fd, [stream], clock=lambda: 0.0)):
        stream.write("x\n" * (LINES_PER_SECOND - 1))
        until(lambda: len(said(path)) == LINES_PER_SECOND - 1)
        stream.write("y\n" * 3)
    assert said(path)[-2:] == ["y", "… 2 more lines were printed"]


def test_after_a_flood_lines_are_shown_again(log: Shown) -> None:
    """The next second has its own first lines."""
    fd, path = log
    stream = io.StringIO()
    with contextlib.closing(PrintForwarder(fd, [stream])):
        stream.write("x\n" * (LINES_PER_SECOND + 1))
        until(lambda: "… 1 more lines were printed" in said(path))
        stream.write("again\n")
    assert said(path)[-1] == "again"


def test_no_line_is_longer_than_the_bound(log: Shown) -> None:
    """Neither one that ends nor one that does not."""
    fd, path = log
    stream = io.StringIO()
    with contextlib.closing(PrintForwarder(fd, [stream])):
        stream.write("x" * 10_000 + "\n" + "y" * 10_000)
    assert [len(line) for line in said(path)] == [LONGEST_LINE, LONGEST_LINE]


def test_json_lines_are_json(log: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --log-format json each line is an object that names the worker."""
    fd, path = log
    monkeypatch.setenv("RUNNER_LOG_FORMAT", "json")
    with contextlib.closing(forward_prints(fd)):
        sys.stdout.write('with "quotes"\n')
    shown = json.loads(path.read_text())
    assert (shown["worker"], shown["line"]) == (os.getpid(), 'with "quotes"')


def test_streams_that_are_held_already_are_diverted_and_given_back(
    log: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    """A logging handler keeps the stream that it was made with."""
    fd, path = log
    stream = sys.stderr
    mine = logging.Logger("mine")
    mine.addHandler(logging.StreamHandler(stream))
    with contextlib.closing(forward_prints(fd)):
        mine.warning("by a handler")
        sys.stdout.write("by print\n")
    sys.stdout.write("after\n")
    assert said(path) == ["by a handler", "by print"]
    assert (capsys.readouterr().out, stream is sys.stderr) == ("after\n", True)


def test_a_log_that_nobody_reads_holds_nobody_up() -> None:
    """A full pipe and a closed one: the app goes on, and what was lost was lost."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    stream, before = io.StringIO(), {*threading.enumerate()}
    prints = PrintForwarder(writing, [stream])
    print("lost", file=stream)
    prints.close()
    assert "prints" not in {thread.name for thread in {*threading.enumerate()} - before}
    os.close(reading)
    with contextlib.closing(PrintForwarder(writing, [stream])):
        print("lost too", file=stream)
    os.close(writing)
    print("goes on", file=stream)
    assert stream.getvalue() == "goes on\n"


def events(path: Path) -> list[tuple[str, str]]:
    """The level of each line, and what it says."""
    lines = path.read_text().splitlines()
    return [(line.split()[1], line.partition(": ")[2]) for line in lines]


def test_a_traceback_is_one_error(log: Shown) -> None:
    """Whether it comes in one piece, with a message, or in many."""
    fd, path = log
    mine, errors = logging.Logger("mine"), io.StringIO()
    mine.addHandler(logging.StreamHandler(errors))
    with contextlib.closing(PrintForwarder(fd, [errors], stderr=errors)):
        try:
            raise ValueError("odd")
        except ValueError:
            mine.exception("it failed")
            traceback.print_exc(file=errors)
        print("and goes on", file=errors)
    (first, logged), (second, printed), (third, last) = events(path)
    assert (first, second, third, last) == ("ERROR", "ERROR", "WARNING", "and goes on")
    assert logged.startswith(r"it failed\nTraceback (most recent call last):\n  File")
    assert logged.endswith(r"\nValueError: odd")
    assert printed == logged.removeprefix(r"it failed\n")


def test_what_is_printed_has_a_level(log: Shown) -> None:
    """By its stream, or by the level with which `logging` begins a line."""
    fd, path = log
    out, errors = io.StringIO(), io.StringIO()
    prints = PrintForwarder(fd, [out, errors], stderr=errors, level="warning")
    with contextlib.closing(prints):
        print("to stdout", file=out)
        print("INFO:root:left out", file=errors)
        errors.write("ERROR:root:shown\nin two lines\n")
        print("to stderr", file=errors)
    assert events(path) == [("ERROR", r"ERROR:root:shown\nin two lines"), ("WARNING", "to stderr")]


def test_requests_and_threads_have_lines_of_their_own(log: Shown) -> None:
    """Also if their pieces come by turns; each line of a request names it."""
    fd, path = log
    stream, trace = io.StringIO(), RequestTrace()
    with contextlib.closing(PrintForwarder(fd, [stream])):
        trace.run(stream.write, "of a ")
        stream.write("of a ")
        trace.run(stream.write, "request\n")
        stream.write("thread\n")
        trace.run(stream.write, "its rest")
        until(lambda: "its rest" in path.read_text())
    assert said(path) == [
        f"of a request id={trace.id}",
        "of a thread",
        f"its rest id={trace.id}",
    ]
