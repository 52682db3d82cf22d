"""Points are given out under their locks, and only if nobody has run them meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import ConfigurationError
from runner.sweep.locks import FolderLocks
from runner.sweep.outcomes import Outcome, identity_facts, outcome_of
from runner.sweep.point_queue import PointQueue
from runner.sweep.points import Point


class Driver:
    """A process that shares a folder, and its queue."""

    def __init__(self, folder: Path, *, identity: str = "1", retries_failed: bool = False) -> None:
        self.points = [
            Point(
                name=f"C={n}",
                chosen={},
                values={},
                record=folder / f"C={n}/out.ipynb",
                identity=identity,
            )
            for n in (1, 2)
        ]
        self.elsewhere: list[tuple[str, str]] = []
        self.queue = PointQueue(
            self.points,
            {point.name: outcome_of(point) for point in self.points},
            FolderLocks(folder),
            retries_failed=retries_failed,
            on_elsewhere=self._hear,
        )

    def _hear(self, point: Point, outcome: Outcome) -> None:
        self.elsewhere.append((point.name, outcome.status))

    def take(self) -> str:
        point = self.queue.take()
        return point.name if point else ""

    def end(self, number: int, status: str, seconds: float = 1.0) -> None:
        """Write the record of a point that we hold, and let it go."""
        record(self.points[number - 1], status, seconds)
        self.queue.release(self.points[number - 1])


def record(point: Point, status: str, seconds: float) -> None:
    facts = {"status": status, **identity_facts(point)}
    text = {"metadata": {"runner": facts, "papermill": {"duration": seconds}}, "cells": []}
    point.record.parent.mkdir(exist_ok=True)
    point.record.write_text(json.dumps(text))


def test_what_another_holds_is_left_and_what_it_has_run_is_not_run(tmp_path: Path) -> None:
    """Each gets what is free; in the end both know of all."""
    one, other = Driver(tmp_path), Driver(tmp_path)
    assert [one.take(), other.take(), one.take(), other.take()] == ["C=1", "C=2", "", ""]
    one.end(1, "completed")
    other.end(2, "completed")
    assert not one.queue.is_exhausted
    assert [one.take(), other.take()] == ["", ""]
    assert one.queue.is_exhausted
    assert one.elsewhere == [("C=2", "completed")]
    assert other.elsewhere == [("C=1", "completed")]


@pytest.mark.parametrize("status", ["stopped", "killed", "running"])
def test_what_another_left_undone_is_taken_up(tmp_path: Path, status: str) -> None:
    """It was stopped or killed; a record that says more is one that nobody could close."""
    one, other = Driver(tmp_path), Driver(tmp_path)
    assert [one.take(), other.take()] == ["C=1", "C=2"]
    one.end(1, status)
    assert other.take() == "C=1"


def test_a_failure_is_retried_once_not_by_each_driver(tmp_path: Path) -> None:
    """Who asks for --retry-failed finds that another has just done so."""
    record(Driver(tmp_path).points[0], "failed", 1.0)
    one, other = (Driver(tmp_path, retries_failed=True) for _ in range(2))
    assert one.take() == "C=1"
    one.end(1, "failed", 2.0)
    assert other.take() == "C=2"
    assert other.elsewhere == [("C=1", "failed")]


def test_a_sweep_with_other_parameters_is_refused_while_one_is_at_work(tmp_path: Path) -> None:
    """At its start, or when it meets such a point; afterwards it runs them anew."""
    early = Driver(tmp_path, identity="2")
    one = Driver(tmp_path)
    assert one.take() == "C=1"
    with pytest.raises(ConfigurationError, match="with other parameters, is at work there"):
        early.take()
    with pytest.raises(ConfigurationError, match=r"C=1: another sweep"):
        Driver(tmp_path, identity="2")
    one.end(1, "completed")
    assert Driver(tmp_path, identity="2").take() == "C=1"
