"""What a process wrote last is known, bounded, and passed on."""

from __future__ import annotations

import os

import pytest

from runner.run.last_words import LastWords


def said(written: bytes, *, lives_on: bool = False) -> str:
    words = LastWords()
    fd = os.dup(words.fd)
    words.listen()
    with os.fdopen(fd, "wb", closefd=not lives_on) as stderr:
        stderr.write(written)
    text = words.text()
    if lives_on:
        os.close(fd)
    return text


@pytest.mark.parametrize(
    ("written", "last"),
    [
        (b"", ""),
        (b"one\ntwo\n\nthree\nfour\n", "two | three | four"),
        (b"no newline", "no newline"),
        (b"\x1b[31mred \xff\x07\x1b[0m\n", "red \N{REPLACEMENT CHARACTER}"),
        (b"Traceback:\n  File x\n    code\nOSError: no\n", "Traceback: | OSError: no"),
        (b"y\n" * 500_000 + b"0" * 300, "y | y | " + "0" * 200),
    ],
)
def test_the_last_lines_are_told(written: bytes, last: str) -> None:
    """Whatever the encoding, without colours, indented lines and what is beyond bounds."""
    assert said(written) == last


def test_what_is_written_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    """Our own stderr gets all of it."""
    said(b"out\nerr\n")
    assert capfd.readouterr().err == "out\nerr\n"


def test_one_that_lives_on_is_not_waited_for() -> None:
    """A child of the process that holds its stderr keeps nobody."""
    assert said(b"said", lives_on=True) == "said"
