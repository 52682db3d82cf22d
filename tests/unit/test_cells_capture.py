"""What a cell prints and displays: its own thread's output only, and not without end."""
# ruff: noqa: T201 - printing is what is tested

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

import pytest

from runner.cells.capture import OutputCapture, TooMuchOutputError


@pytest.fixture
def capture() -> Iterator[OutputCapture]:
    before = sys.stdout
    yield OutputCapture(100)
    sys.stdout = before


def test_the_thread_s_prints_are_taken(capture: OutputCapture) -> None:
    """Text and bytes, in their order."""
    with capture.collect() as captured:
        print("ü", end="")
        sys.stdout.buffer.write(b"\xff")
        print("x", flush=True)
    assert captured.printed() == "ü".encode() + b"\xffx\n"


def test_others_print_where_they_did(
    capture: OutputCapture, capsys: pytest.CaptureFixture[str]
) -> None:
    """No other thread's text may land in a client's answer, nor what comes after the cell."""
    with capture.collect() as captured:
        other = threading.Thread(target=print, args=("other",))
        other.start()
        other.join()
    print("later")
    assert captured.printed() == b""
    assert capsys.readouterr().out == "other\nlater\n"


def test_a_cell_begins_with_nothing(capture: OutputCapture) -> None:
    """Whatever the one before has printed, or however it ended."""
    with contextlib.suppress(ValueError), capture.collect():
        print("before")
        raise ValueError
    with capture.collect() as captured:
        pass
    assert not captured.has_printed


def test_too_much_output_ends_the_cell(capture: OutputCapture) -> None:
    """And is known even if the cell catches all that is raised; nothing of it is kept."""
    with capture.collect() as captured:
        print("x" * 90)
        with pytest.raises(TooMuchOutputError):
            print("x" * 10)
    assert captured.is_too_large
    assert captured.printed() == b""
    assert not issubclass(TooMuchOutputError, Exception)


def test_displays_are_taken(capture: OutputCapture) -> None:
    """As IPython publishes them, until it clears them."""
    capture.publish({"text/plain": "lost"})
    with capture.collect() as captured:
        capture.publish({"text/plain": "a"}, {}, transient={})
        capture.clear_output(wait=True)
        capture.publish(data={"text/plain": "b"}, metadata={})
    assert captured.displays == [{"text/plain": "b"}]


def test_a_cell_that_takes_stdout_away_spoils_nothing(capture: OutputCapture) -> None:
    """The next cell's prints are taken again."""
    with capture.collect():
        sys.stdout.close()
        sys.stdout = None  # type: ignore[assignment]
    with capture.collect() as captured:
        print("x")
    assert captured.printed() == b"x\n"
