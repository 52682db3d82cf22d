"""What has served is kept and can be told apart, over as many sessions as there are."""

from __future__ import annotations

import itertools
import json
import time
import types
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConfigurationError
from runner.supervise import version_notes
from runner.supervise.states import KEPT, GoodVersion
from runner.supervise.versions import Versions


class Session:
    """One session of a service whose runs do nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.notebook = folder / "runs/a", folder / "a.ipynb"
        self.versions = Versions(self.folder, self.folder / "out.ipynb")
        self.good = self.versions.open()
        self.newest = max((version.source for version in self.good), default=0)

    def start(self, text: str) -> int:
        """Let a run take a notebook of one cell."""
        cell: dict[str, Any] = {"cell_type": "code", "id": "a", "metadata": {}, "source": text}
        cell |= {"outputs": [], "execution_count": None}
        document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        self.notebook.write_text(json.dumps(document))
        self.newest += 1
        self.versions.find_place()
        self.versions.assign_name(self.newest)
        self.versions.take(self.notebook, self.newest)
        return self.newest

    def serve(self, text: str, cause: str = "a save") -> int:
        """Let it serve, too, and take the place of the one before."""
        run = self.start(text)
        version = GoodVersion(source=run, digest=self.versions.hashes(run)[1])
        self.good = [*self.good, version][-KEPT:]
        self.versions.approve(run, run, cause, self.good)
        self.versions.forget(run - 1, self.good)
        return run

    def fail(self, text: str, reason: str = "cell 1 raised") -> None:
        """Let it end before it serves."""
        run = self.start(text)
        self.versions.record(run).write_text(
            json.dumps({"cells": [], "metadata": {"runner": {"run": "x", "cause": "a save"}}})
        )
        self.versions.note_failure(run, reason)
        self.versions.forget(run, self.good)

    def told(self, serving: int = 0) -> list[tuple[str, str, str]]:
        """What is listed, in short."""
        return [
            (source_of(each["kept"]), each["state"], each["reason"])
            for each in self.versions.told(serving)
        ]


def source_of(kept: str | None) -> str:
    return json.loads(Path(kept).read_bytes())["cells"][0]["source"] if kept else ""


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.chdir(tmp_path)
    seconds = itertools.count(time.time())  # what happens in one millisecond has no order
    clock = types.SimpleNamespace(time=lambda: next(seconds))
    monkeypatch.setattr(version_notes, "time", clock)
    return Session(tmp_path)


def test_each_version_that_served_is_listed_with_its_cause_the_newest_first(
    session: Session,
) -> None:
    """Also by the next session."""
    session.serve("1", cause="first start")
    serving = session.serve("2")
    assert session.told(serving) == [("2", "serving", ""), ("1", "kept", "")]
    later = Session(session.notebook.parent)
    causes = [each["cause"] for each in later.versions.told(0)]
    assert (later.told(), causes) == (
        [("2", "kept", ""), ("1", "kept", "")],
        ["a save", "first start"],
    )


def test_what_was_gone_back_from_is_still_kept(session: Session) -> None:
    """It can be gone forward to."""
    first = session.serve("1")
    second = session.serve("2")
    back = session.versions
    back.assign_name(session.newest + 1)
    back.approve(session.newest + 1, first, "runner rollback", session.good[:1])
    back.forget(second, session.good[:1])
    assert session.told(first) == [("2", "kept", ""), ("1", "serving", "")]
    sha256 = back.told(first)[0]["sha256"]
    assert back.find(sha256[:8]).source == second
    assert source_of(str(back.source(second))) == "2"


def test_a_version_that_failed_is_listed_until_it_serves(session: Session) -> None:
    """There is nothing to go back to, and the reason is told."""
    session.serve("1")
    session.fail("2")
    assert session.told(1) == [("", "failed", "cell 1 raised"), ("1", "serving", "")]
    assert session.versions.told(1)[0]["cause"] == "a save"
    assert Session(session.notebook.parent).told()[0] == ("", "failed", "cell 1 raised")
    serving = session.serve("2")
    assert session.told(serving) == [("2", "serving", ""), ("1", "kept", "")]


def test_a_version_that_was_given_up_has_failed(session: Session) -> None:
    """Though it has served."""
    session.serve("1")
    session.serve("2")
    session.versions.give_up(2, "it died 3 times")
    assert session.told(1) == [("", "failed", "it died 3 times"), ("1", "serving", "")]


def test_a_notebook_that_is_started_again_is_no_other_version(session: Session) -> None:
    """However often: else a rollback would change nothing, and push out what it is for."""
    session.serve("1")
    for _ in range(KEPT + 2):
        session = Session(session.notebook.parent)
        session.good = session.good[:1] if len(session.good) == 1 else session.good[:-1]
        session.serve("2")
    later = Session(session.notebook.parent)
    assert later.told() == [("2", "kept", ""), ("1", "kept", "")]
    assert len(later.good) == 2
    assert len(list((session.folder / "sources").glob("*.ipynb"))) <= 3


def test_what_an_earlier_release_has_kept_twice_is_one_version(session: Session) -> None:
    """A rollback goes to another one, whatever was started again and again."""
    session.serve("1")
    run = session.serve("2")
    sources = session.folder / "sources"
    again = f"{session.versions.name(run)}1.ipynb"
    (sources / again).write_bytes(session.versions.source(run).read_bytes())
    with (sources / ".ledger").open("a") as ledger:
        ledger.write(f"{again}\n")
    assert len(Session(session.notebook.parent).good) == 2


def test_a_version_is_named_by_the_beginning_of_its_hash(session: Session) -> None:
    """Which has to be of one version, and long enough to be no accident."""
    session.serve("1")
    (told,) = session.versions.told(1)
    assert session.versions.find(told["sha256"][:4].upper()).source == 1
    for wrong in (told["sha256"][:3], "zzzz", ""):
        with pytest.raises(ConfigurationError, match=f"kept: {told['sha256'][:8]}"):
            session.versions.find(wrong)


@pytest.mark.parametrize("text", ["", "[]", '{"served": 1}', '{"served": {"a": 1}, "failed": []}'])
def test_notes_that_are_damaged_are_as_none(session: Session, text: str) -> None:
    """A version is listed all the same, with the time at which its run began."""
    session.serve("1")
    (session.folder / "sources/.versions.json").write_text(text)
    (told,) = Session(session.notebook.parent).versions.told(0)
    assert (told["cause"], told["since"][:2], told["run"]) == ("", "20", session.versions.name(1))


def test_failures_are_bounded(session: Session) -> None:
    """Who saves broken notebooks all day finds the newest of them."""
    session.serve("0")
    for number in range(1, 16):
        session.fail(str(number), f"reason {number}")
    failed = [reason for _, state, reason in session.told(1) if state == "failed"]
    assert (len(failed), "reason 15" in failed, "reason 5" in failed) == (10, True, False)
