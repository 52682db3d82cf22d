"""What a watcher of a sweep is told."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest

from runner.sweep.outcomes import Outcome
from runner.sweep.points import Point
from runner.sweep.progress import RunCounts, SweepProgress

POINT = Point(name="C=1", chosen={}, values={}, record=Path("out.ipynb"), identity="")
OTHER = dataclasses.replace(POINT, name="C=2")
GOOD = Outcome(status="completed", seconds=2.0, metrics={"a": 0.5})
BAD = Outcome(status="failed", seconds=1.0, reason="cell train raised ValueError")


def test_lines_say_what_ended_how_and_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """A line for each run: place, state, metrics, counts, and the time left."""
    caplog.set_level(logging.INFO, "runner")
    times = iter([0.0, 10.0, 20.0])
    lines = SweepProgress(RunCounts(total=5, done=1, clock=lambda: next(times)))
    lines.started(OTHER)
    lines.started(POINT)
    lines.ended(POINT, GOOD)
    lines.ended(OTHER, BAD)
    assert caplog.messages == [
        "2/5 C=1 completed in 2.0 s: a 0.5; 1 running, about 30 s left",
        f"3/5 C=2 failed in 1.0 s: {BAD.reason}; 0 running, 1 failed, about 20 s left",
    ]


def test_a_stopped_run_has_not_failed() -> None:
    """It will go on."""
    tally = RunCounts(total=1, done=0)
    tally.started(POINT)
    tally.ended(POINT, Outcome(status="stopped"))
    assert str(tally) == "0 running"


def test_the_live_line_says_how_far_all_are() -> None:
    """Nothing is known of the time that is left before a first run has ended."""
    now = 0.0
    counts = RunCounts(total=5, done=1, clock=lambda: now)
    lines = SweepProgress(counts)
    lines.started(POINT)
    now = 4.0
    assert counts.shown() == "1 of 5 points done, 1 running, 4 s"
    lines.ended(POINT, BAD)
    assert counts.shown() == "2 of 5 points done, 0 running, 1 failed, 4 s, about 12 s left"


def test_nodes_are_counted_and_named(caplog: pytest.LogCaptureFixture) -> None:
    """A point whose node was lost is counted where it runs now."""
    caplog.set_level(logging.INFO, "runner")
    counts = RunCounts(total=2, done=0, clock=lambda: 0.0)
    lines = SweepProgress(counts)
    lines.started(POINT, "n1")
    lines.started(OTHER, "n2")
    assert str(counts) == "2 running on 2 nodes"
    lines.started(POINT, "n2")
    assert str(counts) == "2 running on 1 node"
    lines.ended(POINT, GOOD)
    assert caplog.messages[0].startswith("1/2 C=1 completed in 2.0 s on n2: a 0.5; 1 running on 1")
