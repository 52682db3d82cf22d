"""A lock is kept as long as it is wanted; who has lost it copies nothing over another's files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from runner.storage import hold as hold_module
from runner.storage.faults import StorageError, UnreachableError
from runner.storage.follow import is_newer
from runner.storage.hold import Hold
from runner.storage.lock import StorageLock
from runner.storage.mirror import Mirror

URL = "s3://b/.locks/p.lock"


class Bucket:
    """Be a storage that honours conditions and can be out of reach.

    Attributes:
        held: What it has, by URL.
        fails: What it answers instead.
    """

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.fails: StorageError | UnreachableError | None = None

    def create(self, url: str, data: bytes) -> bool:
        self._answer()
        return self.held.setdefault(url, data) is data

    def replace(self, url: str, data: bytes, stamp: str) -> bool:
        is_same = self.held[url].decode() == stamp
        if is_same:
            self.write(url, data)
        return is_same

    def remove(self, url: str) -> None:
        del self.held[url]

    def stamp(self, url: str) -> str:
        return self.read(url, 0)[1]

    def read(self, url: str, most: int) -> tuple[bytes, str]:
        self._answer()
        return self.held[url], self.held[url].decode()

    def write(self, url: str, content: bytes | Path, seconds: float | None = None) -> None:
        self._answer()
        self.held[url] = content if isinstance(content, bytes) else content.read_bytes()

    def _answer(self) -> None:
        if self.fails:
            raise self.fails


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def hold_of(bucket: Bucket, owner: str = "") -> Hold:
    return Hold(StorageLock(URL, bucket, owner))


def test_who_has_lost_a_lock_copies_nothing_over_anothers_files(
    tmp_path: Path, bucket: Bucket
) -> None:
    """Until it gets the lock again."""
    mirror = Mirror(tmp_path, "s3://b", bucket, 0.0, suffix="")
    hold = hold_of(bucket)
    assert hold.take("ours", tmp_path / "p", mirror)
    bucket.held[URL] = b'{"word": "theirs", "owner": "another"}'
    hold.keep()
    (tmp_path / "p/deep").mkdir(parents=True)
    (tmp_path / "p/out.ipynb").touch()
    (tmp_path / "p/deep/m.joblib").touch()
    assert mirror.finish(time.monotonic() + 5) == []
    assert list(bucket.held) == [URL]
    assert not hold.take("ours", tmp_path / "p", mirror)
    del bucket.held[URL]
    assert hold.take("ours", tmp_path / "p", mirror)
    assert mirror.finish(time.monotonic() + 5) == []
    assert "s3://b/p/out.ipynb" in bucket.held


def test_who_was_cut_off_makes_sure_of_its_lock_before_it_copies(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first that it writes then would be over what another has written meanwhile."""
    monkeypatch.setattr(hold_module, "_SURE_FOR", 0.0)
    mirror = Mirror(tmp_path, "s3://b", bucket, 0.0, suffix="")
    hold = hold_of(bucket)
    hold.take("ours", tmp_path / "p", mirror)
    (tmp_path / "p").mkdir()
    (tmp_path / "p/out.ipynb").touch()
    bucket.fails = UnreachableError("gone")
    assert mirror.finish(time.monotonic() + 0.2) == [tmp_path / "p/out.ipynb"]
    bucket.fails = None
    bucket.held[URL] = b'{"word": "theirs", "owner": "another"}'
    assert mirror.finish(time.monotonic() + 5) == []
    assert list(bucket.held) == [URL]


def test_it_is_kept_while_what_was_written_under_it_is_refused(
    tmp_path: Path, bucket: Bucket
) -> None:
    """Nobody else may begin before all is copied."""

    class Picky(Bucket):
        def write(self, url: str, content: bytes | Path, seconds: float | None = None) -> None:
            if url.endswith("m.joblib"):
                raise StorageError("too large")
            super().write(url, content, seconds)

    picky = Picky()
    hold = hold_of(picky)
    hold.take("ours", tmp_path, Mirror(tmp_path, "s3://b", picky, 0.0, suffix=""))
    (tmp_path / "m.joblib").touch()
    before = picky.held[URL]
    hold.is_wanted = False
    assert hold.step(0.0) > 0
    hold.keep()
    assert hold.lock.is_held
    assert picky.held[URL] != before


def test_a_process_that_comes_anew_keeps_what_the_one_before_held(
    tmp_path: Path, bucket: Bucket
) -> None:
    """Once the storage answers; if another has it by then, nothing is copied over its files."""
    hold_of(bucket, "driver").take("ours", tmp_path, None)
    again = hold_of(bucket, "driver")
    bucket.fails = UnreachableError("gone")
    again.regain("ours", tmp_path, None)
    assert not again.lock.is_held
    bucket.fails = None
    again.keep()
    assert again.lock.is_held
    mirror = Mirror(tmp_path, "s3://b", bucket, 0.0, suffix="")
    hold_of(bucket, "late").regain("ours", tmp_path, mirror)
    (tmp_path / "out.ipynb").touch()
    assert mirror.finish(time.monotonic() + 5) == []
    assert list(bucket.held) == [URL]


def search_of(bucket: Bucket, root: Path) -> Mirror:
    """What mirrors a folder in which the holder of a lock alone writes ``search``."""
    mirror = Mirror(root, "s3://b", bucket, 0.0, suffix="")
    mirror.leaves(root / "search", True)

    def brings(path: Path) -> bool:
        there, _ = bucket.read(f"s3://b/{path.relative_to(root)}", 0)
        if path.exists() and not is_newer(path.name, path.read_bytes(), there):
            return False
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(there)
        return True

    mirror.brings = brings
    return mirror


def test_who_takes_a_lock_finds_what_the_others_have_written(
    tmp_path: Path, bucket: Bucket
) -> None:
    """What is here of an earlier time is never copied over it; what is added under the lock is."""
    bucket.held["s3://b/search/a.log"] = b"1\n2\n"
    (tmp_path / "search").mkdir()
    journal = tmp_path / "search/a.log"
    journal.write_text("1\n")
    mirror = search_of(bucket, tmp_path)
    assert mirror.finish(time.monotonic() + 5) == []
    hold = hold_of(bucket)
    assert hold.take("", tmp_path / "search", mirror, "a.log")
    assert journal.read_text() == "1\n2\n"
    journal.write_text("1\n2\n3\n")
    hold.is_wanted = False
    hold.step(0.0)
    assert bucket.held == {"s3://b/search/a.log": b"1\n2\n3\n"}
    journal.write_text("of nobody's")
    assert mirror.finish(time.monotonic() + 5) == []
    assert bucket.held == {"s3://b/search/a.log": b"1\n2\n3\n"}


def test_a_lock_is_not_ours_before_what_is_newest_was_brought(
    tmp_path: Path, bucket: Bucket
) -> None:
    """It is given back then; once it has been, nothing is brought over what is not copied yet."""
    bucket.held["s3://b/search/a.log"] = b"1\n2\n"
    (tmp_path / "search").mkdir()
    journal = tmp_path / "search/a.log"
    journal.write_text("1\n")
    mirror = search_of(bucket, tmp_path)
    reads, mirror.brings = mirror.brings, refused
    hold = hold_of(bucket)
    with pytest.raises(UnreachableError):
        hold.take("", tmp_path / "search", mirror, "a.log")
    assert not hold.is_wanted
    hold.step(0.0)
    assert bucket.held == {"s3://b/search/a.log": b"1\n2\n"}
    mirror.brings = reads
    assert hold.take("", tmp_path / "search", mirror, "a.log")
    journal.write_text("1\n2\n3\n")
    mirror.brings = refused
    assert hold.take("", tmp_path / "search", mirror, "a.log")
    hold.is_wanted = False
    hold.step(0.0)
    assert bucket.held == {"s3://b/search/a.log": b"1\n2\n3\n"}


def refused(path: Path) -> bool:
    raise UnreachableError("gone")


def test_what_is_regained_is_copied_again(tmp_path: Path, bucket: Bucket) -> None:
    """By the process that comes anew: it is told to leave the folder, and then that it is ours."""
    (tmp_path / "search").mkdir()
    (tmp_path / "search/a.log").write_text("1\n")
    hold_of(bucket, "driver").take("", None, None)
    mirror = search_of(bucket, tmp_path)
    hold_of(bucket, "driver").regain("", tmp_path / "search", mirror)
    assert mirror.finish(time.monotonic() + 5) == []
    assert bucket.held["s3://b/search/a.log"] == b"1\n"
