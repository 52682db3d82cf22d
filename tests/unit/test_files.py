"""Atomic writes and the claim on a record."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from runner import files


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """While a file is rewritten again and again, whoever reads it reads a whole one."""
    path, size = tmp_path / "out.ipynb", 500_000
    files.write_atomically(path, "0" * size)
    over = threading.Event()

    def write() -> None:
        for digit in "123456789" * 5:
            files.write_atomically(path, digit * size)
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not over.is_set():
        text = path.read_text()
        assert len(text) == size
        assert text == text[0] * size
    writer.join()


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    """If the new content cannot be written, the old stays and nothing else is left."""
    path = tmp_path / "out.ipynb"
    files.write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("usual_umask")
def test_the_file_can_be_read_by_others(tmp_path: Path) -> None:
    """Whoever serves may be another user than who trained: a model is no secret."""
    path = tmp_path / "model.json"
    files.write_atomically(path, "", durable=True)
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.usefixtures("usual_umask")
def test_a_lock_is_its_owners(tmp_path: Path) -> None:
    """Who can open a file can lock it, and would keep us out."""
    with files.claim(tmp_path / "lock") as is_ours:
        assert is_ours
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_only_what_dead_processes_left_is_swept(tmp_path: Path) -> None:
    """A killed process's partial file goes, though another has its number; a living one's stays.

    What another host may be writing goes when it is an hour old.
    """
    path = tmp_path / "out.ipynb"
    nobody = int(Path("/proc/sys/kernel/pid_max").read_text())  # one more than any number
    boot = files.process_start(os.getpid()).partition("-")[0]
    dead, alive, reused, elsewhere, long_ago = (
        tmp_path / f".out.ipynb.{pid}.{started}.tmp"
        for pid, started in (
            (nobody, f"{boot}-1"),
            (os.getpid(), files.process_start(os.getpid())),
            (os.getpid(), f"{boot}-1"),
            (nobody, "another-1"),
            (nobody, "another-2"),
        )
    )
    other = tmp_path / f".other.ipynb.{nobody}.{boot}-1.tmp"
    for partial in (dead, alive, reused, elsewhere, long_ago, other):
        partial.touch()
    os.utime(long_ago, (1, 1))
    files.sweep_partials(path)
    assert not dead.exists()
    assert not reused.exists()
    assert not long_ago.exists()
    assert alive.exists()
    assert elsewhere.exists()
    assert other.exists()


def test_a_claim_is_exclusive_and_leaves_nothing(tmp_path: Path) -> None:
    """Who comes second is told so; after the first has ended, the place is free and clean."""
    lock = tmp_path / ".lock"
    with files.claim(lock) as first, files.claim(lock) as second:
        assert (first, second) == (True, False)
    with files.claim(lock) as third:
        assert third
    assert not lock.exists()


def test_a_claim_that_was_given_up_as_we_asked_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder removes the file between our opening and our locking it: nobody holds it then."""
    lock = tmp_path / ".lock"
    flock, removals = fcntl.flock, iter([lock.unlink])

    def remove_and_lock(*words: int) -> None:
        next(removals, lambda: None)()
        flock(*words)

    monkeypatch.setattr(fcntl, "flock", remove_and_lock)
    with files.claim(lock) as is_ours, files.claim(lock) as second:
        assert (is_ours, second) == (True, False)
        assert lock.exists()
    assert not lock.exists()


def test_a_published_record_is_shown_after_every_save_until_it_is_retired(tmp_path: Path) -> None:
    """Publishing twice is publishing once; nothing else is left in the folder."""
    record, shown = tmp_path / "r", tmp_path / "out"
    publication = files.Publication(record)
    publication.begin(shown)
    assert not shown.exists()
    for text in ("1", "2"):
        files.write_atomically(record, text)
        publication.show()
        publication.begin(shown)
        assert shown.read_text() == text
    publication.end()
    files.write_atomically(record, "3")
    publication.show()
    assert shown.read_text() == "2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "r"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    """To a file in another folder, through a second link, and to nowhere yet."""
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "target"
    link, second = tmp_path / "link", tmp_path / "second"
    link.symlink_to("real/target")
    second.symlink_to(link)
    for path, text in ((link, "made"), (second, "replaced")):
        files.write_atomically(path, text)
        assert target.read_text() == text
    record = tmp_path / "record"
    record.write_text("shown")
    files.show_at(record, link)
    assert target.read_text() == "shown"
    assert link.is_symlink()
    assert second.is_symlink()
    assert files.lock_of(second) == files.lock_of(target)
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_another_name_of_the_file_keeps_what_it_was(tmp_path: Path) -> None:
    """A hard link is a file of its owner's, of which the user has told us nothing."""
    path, other = tmp_path / "a", tmp_path / "b"
    other.write_text("mine")
    os.link(other, path)
    files.write_atomically(path, "new")
    assert (path.read_text(), other.read_text()) == ("new", "mine")


def test_the_permissions_stay(tmp_path: Path) -> None:
    """A record that only its owner may read stays so."""
    path = tmp_path / "out.ipynb"
    path.write_text("old")
    path.chmod(0o600)
    files.write_atomically(path, "new")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EPERM])
def test_what_cannot_be_replaced_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A bind mount is busy; in a folder such as /tmp nobody may replace another's file."""
    path = tmp_path / "out.ipynb"
    path.write_text("old and longer")
    number = path.stat().st_ino

    def refuse(*_: object) -> None:
        raise OSError(code, "refused")

    monkeypatch.setattr(Path, "replace", refuse)
    files.write_atomically(path, "new", durable=True)
    record = tmp_path / "record"
    record.write_text("shown")
    assert path.read_text() == "new"
    files.show_at(record, path)
    assert (path.read_text(), path.stat().st_ino) == ("shown", number)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.ipynb", "record"]


def test_a_file_in_a_folder_that_is_not_ours_is_written_in_place(
    tmp_path: Path, acting_as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    """Where no new file may be made, and none replaced."""
    path = tmp_path / "out.ipynb"
    path.write_text("old and longer")
    path.chmod(0o666)
    tmp_path.chmod(0o555)
    with acting_as_nobody():
        files.write_atomically(path, "new")
    tmp_path.chmod(0o755)
    assert path.read_text() == "new"


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    """What we make beside a file has no longer name than it."""
    path = tmp_path / ("é" * 127)
    files.write_atomically(path, "text")
    with files.claim(files.lock_of(path)) as is_ours:
        assert is_ours
    assert path.read_text() == "text"


def test_a_name_with_signs_of_a_pattern_is_only_a_name(tmp_path: Path) -> None:
    """Partial files of ``a[1]`` are found, those of ``a1`` are not taken for them."""
    nobody = int(Path("/proc/sys/kernel/pid_max").read_text())
    left = f"{nobody}.{files.process_start(os.getpid())}.tmp"
    for name in ("a[1]", "a1"):
        (tmp_path / f".{name}.{left}").touch()
    files.sweep_partials(tmp_path / "a[1]")
    assert [path.name for path in tmp_path.iterdir()] == [f".a1.{left}"]
