"""What an exception says is asked for with care: its class is an author's."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from runner.telemetry import error_texts
from runner.telemetry.error_texts import MOST, bounded, in_a_moment, text_of


class WaitingError(Exception):
    """Take long to say anything."""

    asked = 0
    goes_on = threading.Event()

    def __str__(self) -> str:
        WaitingError.asked += 1
        self.goes_on.wait(30)
        return "late"


class RaisingError(Exception):
    """Fail to say anything."""

    def __str__(self) -> str:
        raise SystemExit("no")


class Odd(str):
    """Be a text that cannot be cut."""

    __slots__ = ()

    def __getitem__(self, place: Any) -> str:
        raise RuntimeError


class OwnError(Exception):
    """Say something in code of its own."""

    def __str__(self) -> str:
        return Odd("own")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("a"), "a"),
        (KeyError("a"), "'a'"),
        (ValueError(), ""),
        (OwnError(), "own"),
        (ValueError(OwnError()), "own"),
        (ValueError("\ud800"), "\\ud800"),
        (RaisingError(), "(its text cannot be made: SystemExit)"),
    ],
)
def test_it_is_what_python_says(
    error: BaseException, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it says anything that can be written."""
    monkeypatch.setattr(error_texts, "_MOMENT", 30.0)
    assert text_of(error) == said


@pytest.mark.parametrize("error", [ValueError("é" * 10_000_000), KeyError("é" * 10_000_000)])
def test_it_is_bounded_in_bytes(error: Exception) -> None:
    """Whatever a client has sent that stands in it."""
    assert MOST - 10 <= len(text_of(error).encode()) <= MOST
    assert bounded("aé", 2) == "a"


def test_nobody_waits_for_a_class_that_takes_long() -> None:
    """Nor is it asked again: each question would leave a thread behind."""
    try:
        WaitingError.asked, began = 0, time.monotonic()
        said = [text_of(WaitingError()) for _ in range(20)]
        assert time.monotonic() - began < 10
        assert said == ["(its text takes too long)"] * 20
        assert WaitingError.asked == 1
    finally:
        WaitingError.goes_on.set()
        error_texts._late.pop(WaitingError)[0].join(30)


def test_a_class_that_was_late_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, and when the last question has ended: it may have been the machine."""
    monkeypatch.setattr(error_texts, "_LATE_FOR", 0.0)
    WaitingError.goes_on.clear()
    try:
        assert [text_of(WaitingError()) for _ in range(2)] == ["(its text takes too long)"] * 2
    finally:
        WaitingError.goes_on.set()
        error_texts._late[WaitingError][0].join(30)
    monkeypatch.setattr(error_texts, "_MOMENT", 30.0)
    assert text_of(WaitingError()) == "late"


def test_what_lies_behind_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback says all of it."""
    monkeypatch.setattr(error_texts, "_MOMENT", 30.0)
    outer = ValueError("outer")
    outer.__cause__ = RaisingError()
    assert not error_texts.is_quick(outer)
    assert in_a_moment(outer, lambda: "said") == "said"
    assert not error_texts.is_quick(ExceptionGroup("a", [outer]))
    outer.__cause__ = outer  # as a class of the author's may have it
    assert error_texts.is_quick(outer)
