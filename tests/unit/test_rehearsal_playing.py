"""What waits is asked in its order, within its time, once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from runner.rehearsal.answer import Answer
from runner.rehearsal.cases import Case
from runner.rehearsal.handover import Handover, Rules
from runner.rehearsal.playing import LATE, MAY_CHANGE, NO_USE, rehearse
from runner.rehearsal.report import MOST_FAILED


class App:
    """Answers by a function, and notes what it was asked."""

    def __init__(self, status: int = 200, *, is_late: bool = False) -> None:
        self.asked: list[str] = []
        self._status, self._is_late = status, is_late

    def is_safe(self, method: str, path: str) -> bool:
        return method == "GET"

    async def answer(self, case: Case, within: float) -> Answer:
        self.asked.append(case.name)
        return Answer(status=self._status, late_after=within if self._is_late else None)


def lines(*names: str, method: str = "GET") -> list[dict[str, Any]]:
    return [{"id": name, "method": method, "path": "/", "status": 200} for name in names]


def rehearsed(folder: Path, app: App, given: list[dict[str, Any]], **rules: Any) -> dict[str, Any]:
    handover = Handover(folder, "run")
    handover.leave(Rules(**{"most": 100} | rules), given, {})
    asyncio.run(rehearse(handover, app, app.answer))
    return handover.said()


def test_it_is_asked_once(tmp_path: Path) -> None:
    """Whichever worker is started anew later: who takes the requests takes them away."""
    app, handover = App(), Handover(tmp_path, "run")
    said = rehearsed(tmp_path, app, lines("a", "b"))
    assert (app.asked, said["asked"], handover.is_waiting) == (["a", "b"], 2, False)
    asyncio.run(rehearse(handover, app, app.answer))
    assert app.asked == ["a", "b"]
    handover.clear()
    assert [*tmp_path.iterdir()] == []


def test_no_more_are_asked_than_were_wanted_and_only_what_is_safe(tmp_path: Path) -> None:
    """What may change something is counted, unless all is wanted; a case is always asked."""
    own = [{"name": "own", "request": {"method": "POST"}, "status": 200}]
    given = [*own, *lines("p", method="POST"), *lines("a", "b", "c")]
    app = App()
    assert rehearsed(tmp_path, app, given, most=2)["left_out"] == {MAY_CHANGE: 1}
    assert app.asked == ["own", "a", "b"]
    app = App()
    assert rehearsed(tmp_path, app, given, most=2, takes_all=True)["left_out"] == {}
    assert app.asked == ["own", "p", "a"]


def test_what_comes_too_late_is_counted_and_no_failure(tmp_path: Path) -> None:
    """But for a case of the author's, which has to be answered."""
    app = App()
    assert rehearsed(tmp_path, app, lines("a", "b"), seconds=0.0)["left_out"] == {LATE: 2}
    assert app.asked == []
    app = App(0, is_late=True)
    slow = [line | {"ms": 2_000} for line in lines("a")]
    said = rehearsed(tmp_path, app, slow, seconds=5.0)
    assert (said["left_out"], said["failed"]) == ({LATE: 1}, 0)
    own = [{"name": "own", "request": {}, "status": 200}]
    with pytest.raises(RuntimeError, match="1 of 1 failed"):
        rehearsed(tmp_path, App(0, is_late=True), own, seconds=0.0)


@pytest.mark.parametrize(("seconds", "within"), [(3.0, "1 s"), (60.0, "10 s")])
def test_one_that_is_never_answered_fails_however_little_time_there_is(
    tmp_path: Path, seconds: float, within: str
) -> None:
    """It has its share of the time for all."""
    with pytest.raises(RuntimeError, match=f"no answer within {within}"):
        rehearsed(tmp_path, App(0, is_late=True), lines("a"), seconds=seconds)


def test_when_many_have_failed_no_more_are_asked(tmp_path: Path) -> None:
    """Each may write a traceback into the log."""
    app = App(500)
    with pytest.raises(RuntimeError, match=f"{MOST_FAILED} of {MOST_FAILED} failed"):
        rehearsed(tmp_path, app, lines(*map(str, range(99))))
    assert len(app.asked) == MOST_FAILED
    assert Handover(tmp_path, "run").said()["left_out"] == {NO_USE: 99 - MOST_FAILED}


def test_a_report_that_is_none_says_nothing(tmp_path: Path) -> None:
    """It comes from a process in which the author's code runs."""
    for text in ("", "[]", "{", "x" * 2_000_000):
        (tmp_path / "rehearsal-run.json").write_text(text)
        assert Handover(tmp_path, "run").said() == {}


def test_a_full_disk_keeps_no_version_from_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How far it is cannot be said then, and no more than that."""

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)
    app = App()
    assert rehearsed(tmp_path, app, lines("a", "b"))["asked"] == 2
