"""A search's trials: each has a point, is told by its record, and outlives who asked for it."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import write_notebook

from runner.config import EngineConfig, KernelChoice, TimeLimits
from runner.errors import ConfigurationError, NotebookError, RunnerError
from runner.notebook import document as notebook
from runner.sweep import trials
from runner.sweep.locks import SEARCH, FolderLocks, Locks
from runner.sweep.options import SweepOptions
from runner.sweep.optuna_journal import JOURNAL
from runner.sweep.outcomes import Outcome, identity_facts, outcome_of
from runner.sweep.plan import plan_of
from runner.sweep.points import Point
from runner.sweep.results import Goal
from runner.sweep.shards import WHOLE, Shard
from runner.sweep.trials import Trials
from runner.wire import METRICS_MIME

pytest.importorskip("optuna")

GRID = ("C=0.1..10:log", "n=1..9", "kind=a,b,none")


class Driver:
    """A process that takes part in a search of a folder."""

    def __init__(
        self,
        folder: Path,
        *,
        trials: int = 4,
        shard: Shard = WHOLE,
        grid: tuple[str, ...] = GRID,
        goal: Goal = Goal.MAX,
        locks: Callable[[Path], Locks] = FolderLocks,
    ) -> None:
        declared = "C: float = 1.0\nn: int = 1\nkind: str = 'a'\ntoken: str = ''"
        path = write_notebook(folder / "a.ipynb", "1", parameters=declared)
        self.options = SweepOptions(
            path=path,
            out=folder / "out",
            fixed={},
            grid=grid,
            jobs=1,
            metric="",
            goal=goal,
            retries_failed=False,
            is_dry=False,
            config=EngineConfig(),
            log_output=False,
            log_level="info",
            time_limits=TimeLimits(),
            kernel=KernelChoice(),
            trials=trials,
            shard=shard,
        )
        (folder / "out").mkdir(exist_ok=True)
        plan = plan_of(self.options, notebook.read(path), "1")
        self.trials = Trials(self.options, plan, locks(folder / "out"))
        self.elsewhere: list[str] = []
        self.trials.on_elsewhere = lambda point, outcome: self.elsewhere.append(point.name)

    def take(self) -> Point:
        point = self.trials.take()
        assert point is not None
        return point

    def end(self, point: Point, status: str = "completed", **metrics: Any) -> None:
        """Write a point's record, and tell of it."""
        record(point, status, **metrics)
        self.trials.ended(point, outcome_of(point))
        self.trials.release(point)

    def states(self) -> list[tuple[str, Any]]:
        """The journal's own view of all trials."""
        import optuna
        from optuna.storages.journal import JournalFileBackend

        path = str(self.options.folder / JOURNAL)
        storage = optuna.storages.JournalStorage(JournalFileBackend(path))
        study = optuna.load_study(study_name=None, storage=storage)
        return [(trial.state.name, trial.values and trial.values[0]) for trial in study.trials]


def record(point: Point, status: str, **metrics: Any) -> None:
    facts = {"status": status, **identity_facts(point)}
    cell = {"outputs": [{"data": {METRICS_MIME: metrics}}]}
    point.record.parent.mkdir(parents=True, exist_ok=True)
    point.record.write_text(json.dumps({"metadata": {"runner": facts}, "cells": [cell]}))


def test_each_trial_has_a_point_within_the_grid(tmp_path: Path) -> None:
    """With few digits, of the types that are declared, and as many as were asked for."""
    driver = Driver(tmp_path, trials=12)
    points = []
    while (point := driver.trials.take()) is not None:
        points.append(point)
        driver.end(point, score=point.values["C"])
    assert driver.trials.is_exhausted
    assert len(driver.states()) == 12
    for point in points:
        assert 0.1 <= point.chosen["C"] <= 10
        assert point.chosen["C"] == float(f"{point.chosen['C']:.6g}")
        assert point.chosen["n"] in range(1, 10)
        assert type(point.chosen["n"]) is int
        assert point.chosen["kind"] in {"a", "b", "none"}
    assert [point.name for point in driver.trials.points(all_shards=True)] == [
        point.name for point in points
    ]


def test_optuna_is_told_what_was_recorded(tmp_path: Path) -> None:
    """The first metric; a point that failed, or whose metric is no number, is a failed trial."""
    driver = Driver(tmp_path)
    driver.end(driver.take(), score=0.5, other=2)
    driver.end(driver.take(), "failed")
    driver.end(driver.take(), score=math.nan)
    driver.end(driver.take(), score=1)
    assert driver.states() == [("COMPLETE", 0.5), ("FAIL", None), ("FAIL", None), ("COMPLETE", 1.0)]
    driver.trials.check(())


def test_what_a_killed_driver_left_is_taken_up(tmp_path: Path) -> None:
    """A trial that had ended is told, one that had not is run, and no more are asked for."""
    killed = Driver(tmp_path, trials=3)
    ended, running = killed.take(), killed.take()
    record(ended, "completed", score=1)
    for point in (ended, running):
        killed.trials.release(point)
    with (killed.options.folder / JOURNAL).open("a") as file:
        file.write('{"op_code":4,"half')
    driver = Driver(tmp_path, trials=3)
    assert driver.take().name == running.name
    assert driver.elsewhere == [ended.name]
    driver.end(running, score=2)
    driver.end(driver.take(), score=3)
    assert driver.trials.take() is None
    assert driver.states() == [("COMPLETE", 1.0), ("COMPLETE", 2.0), ("COMPLETE", 3.0)]


def test_a_stopped_trial_goes_on(tmp_path: Path) -> None:
    """By the next driver, with the same values."""
    driver = Driver(tmp_path)
    point = driver.take()
    driver.end(point, "stopped")
    assert driver.states() == [("RUNNING", None)]
    assert Driver(tmp_path).take().name == point.name


def test_shards_share_one_study(tmp_path: Path) -> None:
    """Each asks for its share of the trials; what is completed or compared is all of them."""
    shards = [Driver(tmp_path, trials=5, shard=Shard(index, 2)) for index in (1, 2)]
    assert [shard.trials.share for shard in shards] == [3, 2]
    with pytest.raises(NotebookError, match="0 of 2 trials"):
        shards[1].trials.check(())
    for shard in shards:
        while (point := shard.trials.take()) is not None:
            shard.end(point, score=1)
    assert [len(shard.trials.points(all_shards=False)) for shard in shards] == [3, 2]
    assert len(shards[0].trials.points(all_shards=True)) == 5
    assert shards[0].trials.is_complete()


def test_drivers_share_a_search(tmp_path: Path) -> None:
    """What one runs, the other waits for, and takes up only if it is let go undone."""
    one, other = Driver(tmp_path, trials=2), Driver(tmp_path, trials=2)
    first, second = one.take(), other.take()
    assert one.trials.take() is None
    assert not one.trials.is_exhausted
    other.trials.release(second)
    assert one.take().name == second.name
    one.end(first, score=1)
    one.end(second, score=1)
    assert (one.trials.take(), other.trials.take()) == (None, None)
    assert one.trials.is_exhausted
    assert other.trials.is_exhausted


def test_a_point_that_was_proposed_twice_is_run_once(tmp_path: Path) -> None:
    """The second trial is told what the first one found."""
    driver = Driver(tmp_path, trials=6, grid=("kind=a,b",))
    runs = 0
    while (point := driver.trials.take()) is not None:
        runs += 1
        driver.end(point, score=runs)
    assert runs == len(driver.trials.points(all_shards=True)) <= 2
    assert [state for state, _ in driver.states()] == ["COMPLETE"] * 6


def test_a_search_without_its_metric_ends(tmp_path: Path) -> None:
    """It would propose at random, and run all trials for nothing."""
    driver = Driver(tmp_path)
    driver.end(driver.take())
    assert driver.trials.take() is None
    assert driver.trials.is_exhausted
    with pytest.raises(ConfigurationError, match="recorded no metric"):
        driver.trials.check(())


def test_another_goal_is_another_study(tmp_path: Path) -> None:
    """Its trials are asked for anew, in the same journal."""
    most = Driver(tmp_path)
    most.end(most.take(), score=1)
    assert Driver(tmp_path, goal=Goal.MIN).trials.points(all_shards=True) == []


def test_a_secret_is_not_searched(tmp_path: Path) -> None:
    """Its values would stand in the journal."""
    with pytest.raises(ConfigurationError, match="token is a secret"):
        Driver(tmp_path, grid=("token=a,b",))


def test_the_outcome_of_a_vanished_run_is_told_as_failed(tmp_path: Path) -> None:
    """It left no record, so nobody else would know."""
    driver = Driver(tmp_path)
    point = driver.take()
    driver.trials.ended(point, Outcome(status="failed", reason="its process ended"))
    driver.trials.release(point)
    assert driver.states() == [("FAIL", None)]


class Elsewhere(FolderLocks):
    """Be locks of which another may hold that of the journal."""

    is_free = True

    @contextlib.contextmanager
    def claim(self, name: str, word: str = "") -> Iterator[bool]:
        with super().claim(name, word) as is_ours:
            yield is_ours and (self.is_free or name != SEARCH)


def test_a_journal_that_another_holds_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No point begins meanwhile, and what has ended is told afterwards."""
    monkeypatch.setattr(trials, "_BRIEFLY", 0.0)
    monkeypatch.setattr(trials, "_LONG", 0.0)
    monkeypatch.setattr(Elsewhere, "is_free", True)
    driver = Driver(tmp_path, trials=2, locks=Elsewhere)
    point = driver.take()
    monkeypatch.setattr(Elsewhere, "is_free", False)
    driver.trials.ended(point, Outcome(status="failed", reason="its process ended"))
    driver.trials.release(point)
    assert driver.trials.take() is None
    assert not driver.trials.is_exhausted
    with pytest.raises(RunnerError, match="another process holds its lock"):
        driver.trials.check(())
    monkeypatch.setattr(Elsewhere, "is_free", True)
    driver.end(driver.take(), score=1)
    assert driver.states() == [("FAIL", None), ("COMPLETE", 1.0)]


def test_with_the_lock_of_anothers_trial_comes_its_record(tmp_path: Path) -> None:
    """As of a folder at a URL, where a trial may be told before its record is here."""
    driver = Driver(tmp_path, trials=2)
    point = driver.take()
    driver.end(point, score=1)
    there = point.record.rename(tmp_path / "there")

    class Bringing(FolderLocks):
        @contextlib.contextmanager
        def claim(self, name: str, word: str = "") -> Iterator[bool]:
            with super().claim(name, word) as is_ours:
                if name == point.name:
                    shutil.copy(there, point.record)
                yield is_ours

    other = Driver(tmp_path, trials=2, locks=Bringing)
    other.end(other.take(), score=2)
    assert other.trials.take() is None
    assert other.elsewhere == [point.name]
    assert other.trials.is_exhausted
    knowing = Driver(tmp_path, trials=2)
    knowing.trials.known = {each.name for each in knowing.trials.points(all_shards=True)}
    assert knowing.trials.take() is None
    assert knowing.elsewhere == []


def test_a_newer_journal_may_come_in_its_place(tmp_path: Path) -> None:
    """As of a folder at a URL: what others asked for is seen, and only what is there is told."""
    driver = Driver(tmp_path, trials=3)
    first = driver.take()
    journal = driver.options.folder / JOURNAL
    before = journal.read_bytes()
    lost = driver.take()
    journal.with_suffix(".new").write_bytes(before)
    journal.with_suffix(".new").replace(journal)
    other = Driver(tmp_path, trials=3)
    theirs = other.take()
    assert theirs.name != lost.name
    driver.end(lost, score=0.25)
    assert driver.states() == [("RUNNING", None), ("RUNNING", None)]
    other.end(theirs, score=0.5)
    driver.end(first, score=1)
    assert driver.states() == [("COMPLETE", 1.0), ("COMPLETE", 0.5)]
