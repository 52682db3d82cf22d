"""How a point's run ended, by its record."""

from __future__ import annotations

import json
from pathlib import Path

from runner import files
from runner.sweep.outcomes import STOPPED, Outcome, identity_facts, outcome_after, outcome_of
from runner.sweep.points import Point


def test_a_record_is_corrected_only_by_who_may_and_once_nobody_writes_it(tmp_path: Path) -> None:
    """A dry run touches nothing; the process of a run on another host is not seen, its lock is."""
    nobody = int(Path("/proc/sys/kernel/pid_max").read_text())
    point = Point(name="p", chosen={}, values={}, record=tmp_path / "out.ipynb", identity="1")
    facts = {"status": "running", "pid": nobody, **identity_facts(point)}
    text = json.dumps({"metadata": {"runner": facts}, "cells": []})
    point.record.write_text(text)
    assert outcome_of(point, corrects=False).status == "running"
    with files.claim(files.lock_of(point.record)):
        assert outcome_of(point).status == "running"
    assert point.record.read_text() == text
    assert outcome_of(point).status == "killed"


def test_the_record_of_an_earlier_run_says_nothing_of_a_later_one(tmp_path: Path) -> None:
    """One whose process has ended without a word has failed, or was stopped before it began."""
    point = Point(name="p", chosen={}, values={}, record=tmp_path / "out.ipynb", identity="1")

    def record(status: str, started: str) -> Outcome:
        facts = {"status": status, "started": started, **identity_facts(point)}
        point.record.write_text(json.dumps({"metadata": {"runner": facts}, "cells": []}))
        return outcome_of(point, corrects=False)

    before = record("stopped", "12:00")
    left = outcome_after(point, 138, before)
    assert (left.status, left.reason.split(";")[0]) == ("failed", "its process ended with code 138")
    assert outcome_after(point, STOPPED, before).was_stopped
    record("stopped", "12:01")
    assert outcome_after(point, STOPPED, before).started == "12:01"
    before = record("completed", "12:02")  # by another, just as ours began
    assert outcome_after(point, 0, before).is_completed
