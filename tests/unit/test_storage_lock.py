"""One of many machines holds a lock, as long as it lives."""

from __future__ import annotations

import json

import pytest

from runner.storage.faults import MissingError
from runner.storage.lock import EXPIRES, StorageLock

URL = "s3://b/.locks/a.lock"


class Bucket:
    """Be a storage that honours conditions.

    Attributes:
        held: What it has, by URL.
    """

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def create(self, url: str, data: bytes) -> bool:
        return self.held.setdefault(url, data) is data

    def replace(self, url: str, data: bytes, stamp: str) -> bool:
        if url not in self.held or self.stamp(url) != stamp:
            return False
        self.held[url] = data
        return True

    def remove(self, url: str) -> None:
        self.held.pop(url, None)

    def stamp(self, url: str) -> str:
        if url not in self.held:
            raise MissingError("gone")
        return self.held[url].decode()

    def read(self, url: str, most: int) -> tuple[bytes, str]:
        return self.stamp(url).encode(), self.stamp(url)


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def test_one_holds_it_and_others_are_told_who(bucket: Bucket) -> None:
    """Until it is given back."""
    first, second = StorageLock(URL, bucket), StorageLock(URL, bucket)
    assert first.take("first", 0.0)
    assert not second.take("second", 0.0)
    assert second.word == "first"
    first.release()
    assert bucket.held == {}
    assert second.take("second", 1.0)


def test_who_lives_keeps_it(bucket: Bucket) -> None:
    """It is written again and again: others see another content each time."""
    first, second = StorageLock(URL, bucket), StorageLock(URL, bucket)
    assert first.take("first", 0.0)
    for now in range(0, int(3 * EXPIRES), 15):
        assert not second.take("second", float(now))
        assert first.refresh()


def test_who_is_gone_loses_it_to_one(bucket: Bucket) -> None:
    """Each of those who wait has seen it unchanged for as long, by its own clock."""
    StorageLock(URL, bucket).take("gone", 0.0)
    waiting = [StorageLock(URL, bucket) for _ in range(3)]
    assert not any(lock.take("late", 1000.0) for lock in waiting)
    assert not any(lock.take("late", 1000.0 + EXPIRES - 1) for lock in waiting)
    assert [lock.take("late", 1000.0 + EXPIRES) for lock in waiting] == [True, False, False]


def test_who_has_lost_it_notices_and_removes_nothing(bucket: Bucket) -> None:
    """A machine that stood still for minutes may have been given up."""
    first, second = StorageLock(URL, bucket), StorageLock(URL, bucket)
    first.take("first", 0.0)
    second.take("second", 0.0)
    assert second.take("second", EXPIRES)
    assert not first.refresh()
    assert not first.is_held
    first.release()
    assert json.loads(bucket.held[URL])["word"] == "second"


def test_a_process_that_came_anew_holds_what_its_driver_holds(bucket: Bucket) -> None:
    """At once, and so that who waits for it sees that it lives."""
    StorageLock(URL, bucket, "driver").take("word", 0.0)
    other, again = StorageLock(URL, bucket), StorageLock(URL, bucket, "driver")
    assert not other.take("late", 0.0)
    assert again.take("word", 1.0)
    assert again.refresh()
    assert not other.take("late", EXPIRES + 1)
    again.release()
    assert bucket.held == {}


def test_what_was_written_although_no_answer_came_is_known_again(bucket: Bucket) -> None:
    """A library tries once more, and is told that another was first: that was itself."""

    class Deaf(Bucket):
        def replace(self, url: str, data: bytes, stamp: str) -> bool:
            super().replace(url, data, stamp)
            return False

        def create(self, url: str, data: bytes) -> bool:
            super().create(url, data)
            return False

    lock = StorageLock(URL, Deaf())
    assert lock.take("first", 0.0)
    assert lock.refresh()
    assert lock.is_held
