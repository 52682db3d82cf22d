"""Copies of a folder's files: read again when they have changed, within bounds, kept meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.storage import folder_copy
from runner.storage.faults import DeniedError, Fault, MissingError, StorageError, UnreachableError
from runner.storage.folder_copy import Bounds, FolderCopy, Look
from runner.storage.remote import Listed

USUAL = {"suffix": ".ipynb", "listed": 100, "files": 100, "bytes": 1000, "whole": 100, "end": 10}


class Bucket:
    """Be a storage whose files are written later the later they are put.

    Attributes:
        held: What it has.
        asked: The names that were read, in their order.
        refuses: What is said instead, by name; for all by an empty one.
    """

    def __init__(self) -> None:
        self.held: dict[str, tuple[bytes, float]] = {}
        self.asked: list[str] = []
        self.refuses: dict[str, Fault] = {}

    def put(self, name: str, data: bytes = b"{}") -> None:
        last = max((when for _, when in self.held.values()), default=0.0)
        self.held[name] = (data, last + 1)

    def listed(self, url: str, most: int | None = None) -> list[Listed]:
        if "" in self.refuses:
            raise self.refuses[""]
        files = sorted(self.held.items())[:most]
        return [Listed(name, len(data), str(when), when) for name, (data, when) in files]

    def read_parts(
        self, url: str, parts: Mapping[str, tuple[int, int]]
    ) -> dict[str, bytes | Fault]:
        self.asked += parts
        found = ((name, self.held[name][0][start:end]) for name, (start, end) in parts.items())
        return {name: self.refuses.get(name, data) for name, data in found}


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def copy_of(bucket: Bucket, path: Path, **bounds: Any) -> FolderCopy:
    return FolderCopy("s3://b/runs", path, bucket, Bounds(**{**USUAL, **bounds}))


def copies(path: Path) -> dict[str, bytes]:
    found = path.rglob("*.ipynb")
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in found}


def test_only_what_has_changed_is_read_again(tmp_path: Path, bucket: Bucket) -> None:
    """By the stamp that the list has of each file; other files and hidden ones are not read."""
    for name in ("h/a/out.ipynb", "h/a/model.joblib", ".locks/x.ipynb", "h/.c/y.ipynb"):
        bucket.put(name)
    bucket.put("h/b/out.ipynb")
    copy = copy_of(bucket, tmp_path)
    assert copy.fetch()
    assert not copy.fetch()
    assert sorted(bucket.asked) == ["h/a/out.ipynb", "h/b/out.ipynb"]
    bucket.put("h/a/out.ipynb", b"{1}")
    assert copy.fetch()
    assert bucket.asked[2:] == ["h/a/out.ipynb"]
    assert copies(tmp_path) == {"h/a/out.ipynb": b"{1}", "h/b/out.ipynb": b"{}"}
    assert Look.of(tmp_path).at
    assert Look.of(tmp_path).unread == 0


def test_what_is_there_no_more_is_removed(tmp_path: Path, bucket: Bucket) -> None:
    """With the folders that are empty then; also what a process before us has copied."""
    bucket.put("h/a/sources/1.ipynb")
    bucket.put("h/b/out.ipynb")
    copy_of(bucket, tmp_path).fetch()
    del bucket.held["h/a/sources/1.ipynb"]
    copy_of(bucket, tmp_path).fetch()
    assert [path.name for path in (tmp_path / "h").iterdir()] == ["b"]
    assert copies(tmp_path) == {"h/b/out.ipynb": b"{}"}


def test_what_a_process_before_us_has_read_is_read_again(tmp_path: Path, bucket: Bucket) -> None:
    """Nobody has noted which content that is."""
    bucket.put("a.ipynb")
    copy_of(bucket, tmp_path).fetch()
    bucket.put("a.ipynb", b"[]")
    copy_of(bucket, tmp_path).fetch()
    assert copies(tmp_path) == {"a.ipynb": b"[]"}


def test_while_the_storage_is_away_all_stays_and_it_is_told(tmp_path: Path, bucket: Bucket) -> None:
    """Since when, and why; it is told no more when the storage is back."""
    bucket.put("a.ipynb")
    copy = copy_of(bucket, tmp_path)
    copy.fetch()
    at = Look.of(tmp_path).at
    bucket.refuses[""] = UnreachableError("it does not answer")
    with pytest.raises(UnreachableError):
        copy.fetch()
    assert copies(tmp_path) == {"a.ipynb": b"{}"}
    assert Look.of(tmp_path) == Look(at=at, fault="it does not answer")
    del bucket.refuses[""]
    copy.fetch()
    assert Look.of(tmp_path).fault == ""


def test_a_storage_that_goes_away_meanwhile_is_not_asked_for_the_rest(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be waited for again and again; what is missing is read by the next look."""
    monkeypatch.setattr(folder_copy, "_MOST_AT_ONCE", 1)
    for name in "abc":
        bucket.put(f"{name}.ipynb")
    bucket.refuses["b.ipynb"] = UnreachableError("it does not answer")
    copy = copy_of(bucket, tmp_path)
    with pytest.raises(UnreachableError):
        copy.fetch()
    assert bucket.asked == ["c.ipynb", "b.ipynb"]
    assert Look.of(tmp_path).unread == 1
    bucket.refuses.clear()
    copy.fetch()
    assert copies(tmp_path).keys() == {"a.ipynb", "b.ipynb", "c.ipynb"}


def test_a_look_ends_and_the_next_goes_on(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the newest first, and told how many are still to come."""
    monkeypatch.setattr(folder_copy, "_MOST_AT_ONCE", 1)
    clock = iter(range(0, 1000, 15))
    monkeypatch.setattr(folder_copy.time, "monotonic", lambda: next(clock))
    for name in "abc":
        bucket.put(f"{name}.ipynb")
    copy = copy_of(bucket, tmp_path)
    copy.fetch()
    assert bucket.asked == ["c.ipynb"]
    assert Look.of(tmp_path).unread == 2
    copy.fetch()
    assert bucket.asked == ["c.ipynb", "b.ipynb"]


@pytest.mark.parametrize("bounds", [{"files": 2}, {"bytes": 5}])
def test_what_is_beyond_the_bounds_is_left_out(
    tmp_path: Path, bucket: Bucket, bounds: dict[str, int]
) -> None:
    """The oldest are, also of those that were here; and it is told how many."""
    for name in "cab":
        bucket.put(f"{name}.ipynb")
    copy = copy_of(bucket, tmp_path, **bounds)
    copy.fetch()
    assert copies(tmp_path).keys() == {"a.ipynb", "b.ipynb"}
    assert Look.of(tmp_path).left_out == 1
    bucket.put("d.ipynb")
    copy.fetch()
    assert copies(tmp_path).keys() == {"b.ipynb", "d.ipynb"}
    assert Look.of(tmp_path).left_out == 2


def test_a_list_has_an_end(tmp_path: Path, bucket: Bucket) -> None:
    """Whatever the files are; that there are more is told."""
    for name in ("a.bin", "b.ipynb", "c.ipynb"):
        bucket.put(name)
    copy_of(bucket, tmp_path, listed=2).fetch()
    assert copies(tmp_path).keys() == {"b.ipynb"}
    assert Look.of(tmp_path).is_cut
    copy_of(bucket, tmp_path, listed=3).fetch()
    assert not Look.of(tmp_path).is_cut


def test_of_a_very_large_file_the_end_is_here(tmp_path: Path, bucket: Bucket) -> None:
    """Where it stands in the file, whose size the copy has."""
    bucket.put("a.ipynb", bytes(range(150)))
    copy_of(bucket, tmp_path).fetch()
    assert (tmp_path / "a.ipynb").read_bytes() == bytes(140) + bytes(range(140, 150))


def test_half_of_another_content_is_not_taken(tmp_path: Path, bucket: Bucket) -> None:
    """What was replaced by something longer after it was listed is read by the next look."""
    bucket.put("a.ipynb", b"1234")
    listed = bucket.listed("")
    bucket.put("a.ipynb", b"12345678")
    listed_now, bucket.listed = bucket.listed, lambda *_: listed  # type: ignore[method-assign]
    copy = copy_of(bucket, tmp_path)
    copy.fetch()
    assert copies(tmp_path) == {}
    bucket.listed = listed_now  # type: ignore[method-assign]
    copy.fetch()
    assert copies(tmp_path) == {"a.ipynb": b"12345678"}


def test_a_file_that_is_refused_hides_no_other(tmp_path: Path, bucket: Bucket) -> None:
    """It is told, and asked for again; one that was removed meanwhile is no fault."""
    for name in "abc":
        bucket.put(f"{name}.ipynb")
    bucket.refuses["c.ipynb"] = DeniedError("c: access is denied")
    bucket.refuses["b.ipynb"] = MissingError("b: there is no such file")
    copy = copy_of(bucket, tmp_path)
    for _ in range(2):
        with pytest.raises(StorageError):
            copy.fetch()
        assert copies(tmp_path).keys() == {"a.ipynb"}
        assert Look.of(tmp_path).fault == "c: access is denied"
    del bucket.refuses["c.ipynb"]
    copy.fetch()
    assert copies(tmp_path).keys() == {"a.ipynb", "c.ipynb"}
    assert Look.of(tmp_path).fault == ""


def test_no_name_leads_elsewhere(tmp_path: Path, bucket: Bucket) -> None:
    """A key is any text; what cannot be a file's name here is left out, and harms no other."""
    odd = ["../out.ipynb", "/etc/x.ipynb", "a//b.ipynb", "a/../../c.ipynb", "n\0.ipynb"]
    odd += ["a" * 300 + ".ipynb", "f.ipynb/g.ipynb"]
    for name in odd:
        bucket.put(name)
    bucket.put("f.ipynb")
    bucket.put("ä/ö\n<b>.ipynb")
    copy = copy_of(bucket, tmp_path / "here", bytes=10_000)
    copy.fetch()
    copy.fetch()
    assert copies(tmp_path).keys() == {"here/f.ipynb", "here/ä/ö\n<b>.ipynb"}
    assert bucket.asked.count("f.ipynb/g.ipynb") == 1
    assert Look.of(tmp_path / "here").fault == ""
