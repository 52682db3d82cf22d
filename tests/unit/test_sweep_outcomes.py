"""How a point's run ended, by its record."""

from __future__ import annotations

import json
from pathlib import Path

from runner import files
from runner.sweep.outcomes import identity_facts, outcome_of
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
