"""Atomic writes and the claim on a record."""

from __future__ import annotations

import os
import threading
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


def test_the_file_can_be_read_by_others(tmp_path: Path) -> None:
    """A record that a container wrote can be read on the host."""
    path = tmp_path / "out.ipynb"
    before = os.umask(0o022)
    try:
        files.write_atomically(path, "", durable=True)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_only_what_dead_processes_left_is_swept(tmp_path: Path) -> None:
    """A killed process's partial file goes, a living one's stays."""
    path = tmp_path / "out.ipynb"
    nobody = int(Path("/proc/sys/kernel/pid_max").read_text())  # one more than any number
    dead, alive = (tmp_path / f".out.ipynb.{pid}.tmp" for pid in (nobody, os.getpid()))
    other = tmp_path / f".other.ipynb.{nobody}.tmp"
    for partial in (dead, alive, other):
        partial.touch()
    files.sweep_partials(path)
    assert not dead.exists()
    assert alive.exists()
    assert other.exists()


def test_a_claim_is_exclusive_and_leaves_nothing(tmp_path: Path) -> None:
    """Who comes second is told so; after the first has ended, the place is free and clean."""
    lock = tmp_path / ".lock"
    with files.claim(lock) as first, files.claim(lock) as second:
        assert (first, second) == (True, False)
    with files.claim(lock) as third:
        assert third
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
