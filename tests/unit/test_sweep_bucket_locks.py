"""Locks in a bucket, of which the storage may not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.storage.client import StorageProcess
from runner.storage.faults import UnreachableError
from runner.sweep.bucket_locks import BucketLocks
from runner.sweep.locks import SEARCH, SETUP, TABLE, FolderLocks
from runner.sweep.optuna_journal import JOURNAL


class Gone(StorageProcess):
    """Be a process whose storage does not answer, and count what it is asked."""

    asked = 0

    def ask(self, within: float = 0.0, **order: Any) -> dict[str, Any]:
        self.asked += 1
        raise UnreachableError("gone")


def test_a_storage_that_does_not_answer_is_asked_once_for_many_points(tmp_path: Path) -> None:
    """Each question takes many seconds, and who holds a point is not known: it is not told."""
    process = Gone()
    locks = BucketLocks(FolderLocks(tmp_path), "s3://b/s", str(tmp_path), process)
    for number in range(50):
        with locks.claim(f"p={number}", '{"by": "ourselves"}') as is_ours:
            assert not is_ours
        assert locks.word_of(f"p={number}") == ""
    assert process.asked == 1


class Held(StorageProcess):
    """Be a process that gives every lock, and remember what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Any, Any]] = []

    def ask(self, within: float = 0.0, **order: Any) -> dict[str, Any]:
        self.asked.append((order["folder"], order["newest"]))
        return {"held": True, "word": ""}

    def tell(self, **order: Any) -> None:
        """Do nothing."""


def test_with_a_lock_comes_what_is_written_under_it(tmp_path: Path) -> None:
    """A point's record, or the search's journal; what all share is written anew each time."""
    process = Held()
    locks = BucketLocks(FolderLocks(tmp_path), "s3://b/s", str(tmp_path), process)
    for name in ("x=1", SEARCH, SETUP, TABLE):
        with locks.claim(name) as is_ours:
            assert is_ours
    point, search = ("points/x=1", "out.ipynb"), ("search", "optuna-journal.log")
    assert process.asked == [point, search, ("", ""), ("", "")]
    assert "/".join(search) == JOURNAL
