"""The list of what is ours in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.files import process_start
from runner.record.ledger import NAME, Ledger


def test_only_what_is_noted_is_removed(tmp_path: Path) -> None:
    """Other names, and names that have become folders, are left alone."""
    ledger = Ledger(tmp_path)
    for name in ("a", "b", "own"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    for name in ("a", "b", "b", "folder", "never made"):
        ledger.add(name)
    assert ledger.names() == ["a", "b"]
    ledger.remove(["a", "own", "folder", "never made"])
    assert ledger.names() == ["b"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, "b", "folder", "own"]


@pytest.mark.parametrize("noted", ["../outside", "{}/outside", "..", ".", "", "sub/file"])
def test_no_entry_leads_out_of_the_folder(tmp_path: Path, noted: str) -> None:
    """Whoever wrote it."""
    folder, noted = tmp_path / "folder", noted.format(tmp_path)
    (folder / "sub").mkdir(parents=True)
    for path in (tmp_path / "outside", folder / "sub" / "file"):
        path.touch()
    (folder / NAME).write_text(f"{noted}\n")
    Ledger(folder).remove([noted])
    assert (tmp_path / "outside").exists()
    assert (folder / "sub" / "file").exists()


def test_what_cannot_be_noted_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It stays for ever, and the log says so."""
    (tmp_path / NAME).mkdir()
    ledger = Ledger(tmp_path)
    ledger.add("a")
    ledger.remove(["a"])
    assert ledger.names() == []
    assert "is never going to be removed" in caplog.text


@pytest.mark.parametrize("half", [b"own", "own-é".encode()[:-1]])
def test_half_a_name_is_none(tmp_path: Path, half: bytes) -> None:
    """A full disk has cut it off: the next one begins a line of its own, and all others stay."""
    for name in ("a", "b", "own"):
        (tmp_path / name).touch()
    (tmp_path / NAME).write_bytes(b"a\n" + half)
    ledger = Ledger(tmp_path)
    assert ledger.names() == ["a"]
    ledger.add("b")
    assert ledger.names() == ["a", "b"]
    ledger.remove(["a", "own"])
    assert (tmp_path / "own").exists()
    assert ledger.names() == ["b"]


def test_what_was_never_made_can_be_forgotten(tmp_path: Path) -> None:
    """What is there stays noted."""
    ledger = Ledger(tmp_path)
    (tmp_path / "a").touch()
    for name in ("a", "never made"):
        ledger.add(name)
    ledger.forget_missing()
    (tmp_path / "never made").touch()
    assert ledger.names() == ["a"]


def test_what_killed_processes_left_of_our_files_is_swept(tmp_path: Path) -> None:
    """Also of those that came to no file; others' temporary files stay."""
    nobody = int(Path("/proc/sys/kernel/pid_max").read_text())  # one more than any number
    left = f"{nobody}.{process_start(os.getpid())}.tmp"
    ledger = Ledger(tmp_path)
    ledger.add("a[1].ipynb")
    for name in ("a[1].ipynb", "own.ipynb", NAME):
        (tmp_path / f".{name}.{left}").touch()
    ledger.sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, f".own.ipynb.{left}"]
