"""What a node gives back: it is put in place as a whole, the record last, and never twice."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support import write_notebook

from runner.errors import KernelDiedError
from runner.files import claim, lock_of
from runner.record import history
from runner.sweep.nodes import archive, handover
from runner.sweep.nodes.archive import ArchiveError, Bounds, Member
from runner.sweep.nodes.handover import Handover, collected, commit, commit_failure
from runner.sweep.outcomes import outcome_of
from runner.sweep.points import Point


@pytest.fixture
def point(tmp_path: Path) -> Point:
    folder = tmp_path / "points/x=1"
    return Point(
        name="x=1", chosen={"x": 1}, values={}, record=folder / "out.ipynb", identity="known",
        own_model=folder / "model.joblib",
    )  # fmt: skip


def record_text(status: str = "completed", identity: str = "known", **facts: Any) -> bytes:
    run = {"status": status, "sweep_identity": identity, **facts}
    metadata = {"runner": run, "papermill": {"duration": 1.0, "start_time": "2026-01-01T00:00:00"}}
    return json.dumps({"cells": [], "metadata": metadata, "nbformat": 4}).encode()


def given(files: dict[str, bytes], code: int = 0) -> Handover:
    members = (Member(PurePosixPath(name), content) for name, content in files.items())
    return Handover(code=code, node="node1", data=archive.packed(members))


def test_all_files_come_to_the_points_folder(point: Point) -> None:
    """The log below that of earlier runs; hidden files stay away."""
    point.log.parent.mkdir(parents=True)
    point.log.write_text("earlier\n")
    files = {"out.ipynb": record_text(), "out.log": b"now\n", "a/b.txt": b"1", ".ledger": b"x"}
    commit(point, given(files), 1)
    assert outcome_of(point).is_completed
    assert point.log.read_text() == "earlier\nnow\n"
    assert (point.record.parent / "a/b.txt").read_text() == "1"
    assert not (point.record.parent / ".ledger").exists()


def test_a_completed_point_stays_as_it_is(point: Point) -> None:
    """Whatever comes a second time is dropped."""
    commit(point, given({"out.ipynb": record_text(), "model.joblib": b"first"}), 1)
    commit(point, given({"out.ipynb": record_text(), "model.joblib": b"second"}), 1)
    assert (point.record.parent / "model.joblib").read_bytes() == b"first"


def test_a_failed_run_is_kept_beside_the_next_without_its_model(point: Point) -> None:
    """A model of an earlier run would pass for this one's."""
    commit(point, given({"out.ipynb": record_text("failed"), "model.joblib": b"old"}), 1)
    commit(point, given({"out.ipynb": record_text()}), 1)
    assert not (point.record.parent / "model.joblib").exists()
    assert len(list(point.record.parent.glob("*.ipynb"))) == 2


def test_the_record_comes_last(point: Point, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that is killed before leaves a point that is run again."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("killed here")

    monkeypatch.setattr(handover, "write_private", fail)
    with pytest.raises(OSError, match="killed here"):
        commit(point, given({"out.ipynb": record_text(), "zzz": b"1"}), 1)
    assert (point.record.parent / "zzz").exists()
    assert not point.record.exists()


@pytest.mark.parametrize(
    "files",
    [{"out.ipynb": record_text(identity="another")}, {"out.ipynb": b"{}"}, {"../up": b""}],
)
def test_what_is_no_points_files_is_refused(point: Point, files: dict[str, bytes]) -> None:
    """Nothing of it is written."""
    with pytest.raises(ArchiveError):
        commit(point, given({"a": b"", **files}), 1)
    assert not point.record.parent.exists()


def test_a_link_in_the_folder_leads_nowhere(point: Point, tmp_path: Path) -> None:
    """What comes is not written through it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    point.record.parent.mkdir(parents=True)
    (point.record.parent / "folder").symlink_to(outside)
    with pytest.raises(ArchiveError, match="a link leads out"):
        commit(point, given({"out.ipynb": record_text(), "folder/a": b"1"}), 1)
    (outside / "file").write_text("kept")
    (point.record.parent / "file").symlink_to(outside / "file")
    commit(point, given({"out.ipynb": record_text(), "file": b"new"}), 1)
    assert (outside / "file").read_text() == "kept"
    assert (point.record.parent / "file").read_text() == "new"


def test_another_run_of_the_point_is_waited_for_and_then_told(point: Point) -> None:
    """A run of a sweep that was killed may be ending still."""
    point.record.parent.mkdir(parents=True)
    with claim(lock_of(point.record)) as is_ours:
        assert is_ours
        with pytest.raises(Exception, match="another run is writing it"):
            commit(point, given({"out.ipynb": record_text()}), 0.2)


def test_a_point_without_a_record_fails_with_a_reason(point: Point, tmp_path: Path) -> None:
    """It is not run again by itself, and its record says why."""
    source = write_notebook(tmp_path / "a.ipynb", "1")
    commit_failure(point, source, KernelDiedError("4 workers died while they ran it"), {}, 1)
    outcome = outcome_of(point)
    assert outcome.has_failed
    assert outcome.reason == "4 workers died while they ran it"
    assert history.facts_of(point.record)["sweep_point"] == "x=1"


def test_everything_in_the_folder_is_collected_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links and hidden files stay; beyond the bound it is said how much there is."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("1")
    (tmp_path / "a/.hidden").write_text("1")
    (tmp_path / ".ledger").write_text("1")
    (tmp_path / "link").symlink_to("/etc/passwd")
    data, refused = collected(tmp_path)
    assert {str(each.name) for each in archive.members(data, handover.MOST)} == {"a/b", "a/.hidden"}
    assert refused == ""
    monkeypatch.setattr(handover, "MOST", Bounds(size=1, files=10))
    data, refused = collected(tmp_path)
    assert data == b""
    assert "2 files" in refused
