"""How a point's run ended, by its record."""

from __future__ import annotations

import json
from pathlib import Path

from runner.sweep.outcomes import identity_facts, outcome_of
from runner.sweep.points import Point


def test_only_who_is_to_correct_a_record_does(tmp_path: Path) -> None:
    """A dry run looks beside a sweep that may run, and touches nothing."""
    nobody = int(Path("/proc/sys/kernel/pid_max").read_text())
    point = Point(name="p", chosen={}, values={}, record=tmp_path / "out.ipynb", identity="1")
    facts = {"status": "running", "pid": nobody, **identity_facts(point)}
    text = json.dumps({"metadata": {"runner": facts}, "cells": []})
    point.record.write_text(text)
    assert outcome_of(point, corrects=False).status == "running"
    assert point.record.read_text() == text
    assert outcome_of(point).status == "killed"
