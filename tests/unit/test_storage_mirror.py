"""Local files are copied when they change; what was refused is caught up."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from runner.storage.faults import StorageError, UnreachableError
from runner.storage.follow import Follower, LocalCopy, is_newer
from runner.storage.mirror import Mirror


class Bucket:
    """Be a storage that can be out of reach.

    Attributes:
        held: What it has, by URL.
        writes: The URLs that were written, in their order.
        fails: What it answers instead.
    """

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.writes: list[str] = []
        self.fails: StorageError | UnreachableError | None = None

    def write(self, url: str, content: bytes | Path, seconds: float | None = None) -> None:
        if self.fails:
            raise self.fails
        self.writes.append(url)
        self.held[url] = content if isinstance(content, bytes) else content.read_bytes()

    def stamp(self, url: str) -> str:
        if self.fails:
            raise self.fails
        return str(hash(self.held[url]))

    def read(self, url: str, most: int) -> tuple[bytes, str]:
        return self.held[url], self.stamp(url)


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(".new").write_text(text)
    path.with_name(".new").replace(path)


def test_a_file_is_copied_when_it_was_written(tmp_path: Path, bucket: Bucket) -> None:
    """Once for each time, and not before it is there."""
    record = tmp_path / "out.ipynb"
    mirror = Mirror(record, "s3://b/o.ipynb", bucket, 0.0, suffix="")
    mirror.step(0.0)
    assert bucket.writes == []
    write(record, "1")
    mirror.step(1.0)
    mirror.step(2.0)
    assert bucket.writes == ["s3://b/o.ipynb"]
    write(record, "2")
    mirror.step(time.monotonic() + 100)
    assert bucket.held == {"s3://b/o.ipynb": b"2"}


def test_it_is_copied_no_more_often_than_asked(tmp_path: Path, bucket: Bucket) -> None:
    """But at the end, when all is copied."""
    record = tmp_path / "out.ipynb"
    mirror = Mirror(record, "s3://b/o", bucket, 60.0, suffix="")
    for text in "123":
        write(record, text)
        mirror.step(time.monotonic())
    assert bucket.held == {"s3://b/o": b"1"}
    assert mirror.finish(time.monotonic() + 5) == []
    assert bucket.held == {"s3://b/o": b"3"}


def test_a_record_is_copied_after_what_it_speaks_of(tmp_path: Path, bucket: Bucket) -> None:
    """Hidden files, links and those of another kind are left out where that is asked."""
    write(tmp_path / "p/out.ipynb", "r")
    write(tmp_path / "p/zz.joblib", "m")
    write(tmp_path / "p/plots/a.svg", "a")
    write(tmp_path / "p/.lock", "")
    write(tmp_path / ".hidden/x", "")
    (tmp_path / "p/link").symlink_to("zz.joblib")
    Mirror(tmp_path, "s3://b/f/", bucket, 0.0, suffix="").step(0.0)
    assert sorted(bucket.writes[:-1]) == ["s3://b/f/p/plots/a.svg", "s3://b/f/p/zz.joblib"]
    assert bucket.writes[-1] == "s3://b/f/p/out.ipynb"
    other = Bucket()
    Mirror(tmp_path, "s3://b/f", other, 0.0, suffix=".ipynb").step(0.0)
    assert other.writes == ["s3://b/f/p/out.ipynb"]


def test_files_of_an_earlier_run_are_not_copied_over_a_newer_ones(
    tmp_path: Path, bucket: Bucket
) -> None:
    """Another machine has run the point since: its model is that of the record over there."""
    for name in ("told/out.ipynb", "told/m.joblib", "found/out.ipynb", "found/sub/m.joblib"):
        write(tmp_path / name, "old")
    asked = []

    def brings(record: Path) -> bool:
        asked.append(record.parent.name)
        return record.parent.name == "found"

    mirror = Mirror(tmp_path, "s3://b", bucket, 0.0, suffix="")
    mirror.brings = brings
    mirror.known(tmp_path / "told/out.ipynb")
    write(tmp_path / "ours/out.ipynb", "new")
    assert mirror.finish(time.monotonic() + 5) == []
    assert bucket.writes == ["s3://b/ours/out.ipynb"]
    assert sorted(asked) == ["found", "ours"]
    write(tmp_path / "found/out.ipynb", "run again, here")
    assert mirror.finish(time.monotonic() + 5) == []
    assert bucket.writes[1:] == ["s3://b/found/out.ipynb"]


def test_what_was_refused_is_caught_up(tmp_path: Path, bucket: Bucket) -> None:
    """The newest state is what counts, and each try is later than the one before."""
    record = tmp_path / "out.ipynb"
    write(record, "1")
    mirror = Mirror(record, "s3://b/o", bucket, 0.0, suffix="")
    bucket.fails = UnreachableError("gone")
    waits = []
    for _ in range(3):
        now = time.monotonic() + 1000 * len(waits)
        waits.append(mirror.step(now) - time.monotonic())
    assert waits == sorted(waits)
    write(record, "2")
    bucket.fails = None
    assert mirror.finish(time.monotonic() + 5) == []
    assert bucket.held == {"s3://b/o": b"2"}


def test_the_end_does_not_wait_for_ever(tmp_path: Path, bucket: Bucket) -> None:
    """What is not copied is named, with the reason."""
    record = tmp_path / "out.ipynb"
    write(record, "1")
    mirror = Mirror(record, "s3://b/o", bucket, 0.0, suffix="")
    bucket.fails = UnreachableError("gone")
    assert mirror.finish(time.monotonic() + 0.2) == [record]
    assert mirror.reason == "gone"


def test_one_file_that_is_refused_holds_up_no_other_folder(tmp_path: Path) -> None:
    """Where the storage answers, the fault may be one file's."""

    class Picky(Bucket):
        def write(self, url: str, content: bytes | Path, seconds: float | None = None) -> None:
            if "/a/" in url:
                raise StorageError("too large")
            super().write(url, content, seconds)

    write(tmp_path / "a/x", "")
    write(tmp_path / "b/x", "")
    picky = Picky()
    Mirror(tmp_path, "s3://b", picky, 0.0, suffix="").step(0.0)
    assert picky.writes == ["s3://b/b/x"]


def test_a_file_that_goes_as_it_is_copied_ends_nothing(tmp_path: Path) -> None:
    """Notebooks remove files of their own at any moment; the next look finds the others."""

    class Late(Bucket):
        def write(self, url: str, content: bytes | Path, seconds: float | None = None) -> None:
            if isinstance(content, Path) and content.name == "partial":
                content.unlink()
            super().write(url, content, seconds)

    write(tmp_path / "p/out.ipynb", "r")
    write(tmp_path / "p/partial", "")
    late = Late()
    mirror = Mirror(tmp_path, "s3://b", late, 0.0, suffix="")
    mirror.step(0.0)
    assert mirror.finish(time.monotonic() + 5) == []
    assert late.held == {"s3://b/p/out.ipynb": b"r"}


def test_a_copy_is_replaced_only_by_another_content(tmp_path: Path, bucket: Bucket) -> None:
    """Who watches the copy sees no save where nothing has changed."""
    path = tmp_path / "runs/a.ipynb"
    bucket.held["s3://b/a"] = b"1"
    copy = LocalCopy("s3://b/a", path, bucket)
    assert copy.fetch()
    inode = path.stat().st_ino
    assert not copy.fetch()
    assert not LocalCopy("s3://b/a", path, bucket).fetch()
    assert path.stat().st_ino == inode
    assert path.stat().st_mode & 0o777 == 0o600
    bucket.held["s3://b/a"] = b"2"
    assert copy.fetch()
    assert path.read_bytes() == b"2"


def test_a_storage_that_is_gone_changes_no_copy(tmp_path: Path, bucket: Bucket) -> None:
    """The looks go on, spread over time, and the first answer is taken up."""
    path = tmp_path / "a.ipynb"
    bucket.held["s3://b/a"] = b"1"
    follower = Follower(copy := LocalCopy("s3://b/a", path, bucket), 5.0)
    copy.fetch()
    bucket.fails = UnreachableError("gone")
    assert 4.0 <= follower.step(0.0) <= 6.0
    assert path.read_bytes() == b"1"
    bucket.fails, bucket.held["s3://b/a"] = None, b"2"
    follower.step(0.0)
    assert path.read_bytes() == b"2"


@pytest.mark.parametrize(
    ("name", "here", "there", "newer"),
    [
        ("out.ipynb", '{"metadata": {"runner": {"saved": "2026-01-01"}}}', "{}", False),
        ("out.ipynb", "{}", '{"metadata": {"runner": {"saved": "2026-01-01"}}}', True),
        ("a.log", "1\n", "1\n2\n", True),
        ("a.log", "1\n2\n", "1\n", False),
        ("a.log", "1\n2\n", "1\n2\n", False),
        ("a.log", "1\n2\n3\n", "1\nx\n", True),
    ],
)
def test_what_is_newer_is_seen_by_the_content(
    name: str, here: str, there: str, newer: bool
) -> None:
    """Of a notebook by when it was saved; of a log by whether what is here goes on from there."""
    assert is_newer(name, here.encode(), there.encode()) == newer
