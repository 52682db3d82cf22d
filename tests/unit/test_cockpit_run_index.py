"""The list of the runs below a folder."""

from __future__ import annotations

import os
from pathlib import Path

from support.records import document, write

from runner.cockpit import run_index
from runner.cockpit.run_index import RunIndex
from runner.cockpit.run_summary import RunSummary, summary_of
from runner.files import process_start
from runner.identity import replica


class Clock:
    """A clock that each question moves on."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Reader:
    """Reads summaries, and notes whose."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, path: Path, root: Path) -> RunSummary | None:
        self.read.append(path.name)
        return summary_of(path, root)


def paths(index: RunIndex) -> list[str]:
    return [run.path for run in index.runs().all]


def test_records_are_found_wherever_they_are_the_newest_first(tmp_path: Path) -> None:
    """Below runs or not; other notebooks, links and what is hidden or installed are left out."""
    write(tmp_path / "runs/a/out.ipynb", document(started="2026-01-01T00:00:00+00:00"))
    write(tmp_path / "b/c/d.ipynb", document(started="2026-02-01T00:00:00+00:00"))
    for name in (".hidden", "node_modules", "runs/a/sources"):
        write(tmp_path / name / "x.ipynb", document())
    (tmp_path / "plain.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4}')
    (tmp_path / "link").symlink_to(tmp_path / "b")
    assert paths(RunIndex(tmp_path)) == ["b/c/d.ipynb", "runs/a/out.ipynb"]


def test_only_what_has_changed_is_read_again(tmp_path: Path) -> None:
    """A file is known by its size, change and number."""
    for name in ("a.ipynb", "b.ipynb"):
        write(tmp_path / name, document())
    reader, clock = Reader(), Clock()
    index = RunIndex(tmp_path, read=reader, now=clock)
    index.runs()
    assert sorted(reader.read) == ["a.ipynb", "b.ipynb"]
    clock.now = 9.0
    index.runs()
    reader.read.clear()
    write(tmp_path / "b.ipynb", document(status="failed"))
    (tmp_path / "a.ipynb").unlink()
    clock.now = 99.0
    found = index.runs().all
    assert reader.read == ["b.ipynb"]
    assert [(run.path, run.status) for run in found] == [("b.ipynb", "failed")]


def test_a_look_that_takes_too_long_is_gone_on_with_by_the_next(tmp_path: Path) -> None:
    """The newest are read first, and what is left is counted."""
    for number in range(5):
        path = write(tmp_path / f"{number}.ipynb", document())
        os.utime(path, (number, number))
    reader = Reader()
    index = RunIndex(tmp_path, read=reader, now=Clock(1.0))
    first = index.runs()
    assert first.unread == 5 - len(first.all) > 0
    assert reader.read[0] == "4.ipynb"
    for _ in range(20):
        index.runs()
    assert index.runs().unread == 0
    assert len(index.runs().all) == len(reader.read) == 5


def test_one_look_answers_all_that_ask_at_once(tmp_path: Path) -> None:
    """Pages that are asked for in the same second do not look again; the next one does."""
    clock = Clock()
    index = RunIndex(tmp_path, now=clock)
    assert paths(index) == []
    write(tmp_path / "a.ipynb", document())
    assert paths(index) == []
    clock.now = 1.0
    assert paths(index) == ["a.ipynb"]


def test_who_asks_while_another_looks_gets_what_is_known(tmp_path: Path) -> None:
    """A slow disk holds up one page, not all."""
    write(tmp_path / "a.ipynb", document())
    clock, asked = Clock(), []

    def read(path: Path, root: Path) -> RunSummary | None:
        if path.name == "b.ipynb":
            asked.append(paths(index))
        return summary_of(path, root)

    index = RunIndex(tmp_path, read=read, now=clock)
    index.runs()
    write(tmp_path / "b.ipynb", document())
    clock.now = 9.0
    assert len(paths(index)) == 2
    assert asked == [["a.ipynb"]]


def test_looks_that_take_long_are_rare(tmp_path: Path) -> None:
    """Four times as long as one has taken it is not looked again."""
    clock = Clock(step=1.0)
    index = RunIndex(tmp_path, now=clock)
    index.runs()
    write(tmp_path / "a.ipynb", document())
    seen = [len(index.runs().all) for _ in range(10)]
    assert seen[:3] == [0, 0, 0]
    assert seen[-1] == 1


def test_a_record_with_two_names_is_one_run_and_found_by_both(tmp_path: Path) -> None:
    """`out.ipynb` is another name of the newest; the name that stays is listed."""
    kept = write(tmp_path / "runs/a/20261129T000939-web-0001.ipynb", document(run="1"))
    os.link(kept, kept.with_name("out.ipynb"))
    index = RunIndex(tmp_path)
    assert paths(index) == ["runs/a/20261129T000939-web-0001.ipynb"]
    assert index.run("runs/a/out.ipynb") is not None


def test_only_what_is_listed_can_be_asked_for(tmp_path: Path) -> None:
    """A path that a browser sends is looked up, and never opened."""
    write(tmp_path / "runs/a.ipynb", document())
    write(tmp_path / "secret.ipynb", document())
    index = RunIndex(tmp_path / "runs")
    assert index.run("a.ipynb") is not None
    assert index.run("../secret.ipynb") is None
    assert index.run("./a.ipynb") is None


def test_a_run_whose_process_is_gone_is_shown_as_killed(tmp_path: Path) -> None:
    """Nobody has closed its record; one of another host may still run."""
    gone = {"status": "running", "pid": 2**22 + 1, "process_start": "1-1", "duration": None}
    write(tmp_path / "here.ipynb", document(**gone, host=replica()))
    write(tmp_path / "there.ipynb", document(**gone, host="elsewhere"))
    own = {"pid": os.getpid(), "process_start": process_start(os.getpid())}
    write(tmp_path / "alive.ipynb", document(**gone | own, host=replica()))
    found = {run.path: run.status for run in RunIndex(tmp_path).runs().all}
    assert found == {"here.ipynb": "killed", "there.ipynb": "running", "alive.ipynb": "running"}


def test_the_report_of_a_sweep_is_no_run_of_the_list(tmp_path: Path) -> None:
    """It is given by its sweep's folder."""
    write(tmp_path / "runs/s/report.ipynb", document(sweep_point="report"))
    runs = RunIndex(tmp_path).runs()
    assert runs.all == ()
    assert runs.reports["runs/s"].path == "runs/s/report.ipynb"


def test_the_number_of_records_is_bounded(tmp_path: Path, monkeypatch: object) -> None:
    """What is beyond is not read, and said."""
    for number in range(4):
        write(tmp_path / f"{number}.ipynb", document())
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_index, "_MOST_RECORDS", 3)
        runs = RunIndex(tmp_path).runs()
    assert (len(runs.all), runs.is_cut) == (3, True)
