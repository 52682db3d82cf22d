"""Temporary folders: ours alone, and gone when their makers are."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from pathlib import Path

import pytest

from runner.run import private_folder
from runner.run.private_folder import PrivateFolder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folders are made in these tests."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(private_folder, "_LONGEST_PLACE", 1000)
    return tmp_path


def left_by_a_killed_process() -> Path:
    """Make a folder with a file, and free its lock, as the system does at a process's end."""
    folder = PrivateFolder()
    (folder.path / "connection.json").touch()
    folder.forget()
    return folder.path


def test_only_its_user_can_enter(place: Path) -> None:
    """And it is removed at the end, once."""
    folder = PrivateFolder()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    folder.close()
    folder.close()
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_goes_at_the_next_start_and_end(place: Path) -> None:
    """Also if another process has its number by now: here it is our own."""
    left_by_a_killed_process()
    folder = PrivateFolder()
    assert list(place.iterdir()) == [folder.path]
    left_by_a_killed_process()
    folder.close()
    assert list(place.iterdir()) == []


def test_what_belongs_to_a_living_process_stays(place: Path) -> None:
    """Whatever its number; in another container it may be one that we do not see."""
    theirs = left_by_a_killed_process()
    holder = os.open(theirs, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    PrivateFolder().close()
    assert list(place.iterdir()) == [theirs]
    os.close(holder)
    private_folder.sweep()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "runner-4194304-data",
        "runner-1-abcdefgh",
        "runner-1-012345-89ab",
        "runner-images",
        "runner-doctor-x",
    ],
)
def test_another_ones_folder_is_never_removed(place: Path, name: str) -> None:
    """Though its name resembles ours, and no process has its number."""
    (place / name).mkdir(mode=0o700)
    (place / name / "file").touch()
    PrivateFolder().close()
    assert (place / name / "file").exists()


def test_a_link_with_a_name_of_ours_is_not_followed(place: Path) -> None:
    """What it leads to is another's."""
    ours = left_by_a_killed_process()
    own = place / "own"
    ours.rename(own)
    ours.symlink_to(own)
    private_folder.sweep()
    assert (own / "connection.json").exists()


def test_a_folder_that_was_swept_is_made_again_at_its_place(place: Path) -> None:
    """Also if all temporary files went, with their folder."""
    folder = PrivateFolder()
    path = folder.path
    path.rmdir()
    place.rmdir()
    folder.renew()
    folder.renew()
    assert folder.path == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    PrivateFolder().close()
    assert list(place.iterdir()) == [path]
    folder.close()


def test_a_place_that_another_took_is_not_used(place: Path) -> None:
    """A file, or a link to a folder of whoever waits for us there."""
    folder = PrivateFolder()
    folder.path.rmdir()
    folder.path.symlink_to(place)
    (place / "mine").touch()
    with pytest.raises(FileExistsError, match="is not ours"):
        folder.renew()
    assert (place / "mine").exists()


def test_no_socket_has_too_long_a_path(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever temporary files are, be it too deep for a socket."""
    monkeypatch.undo()
    for length in (1, 67, 68, 200):
        monkeypatch.setattr(tempfile, "tempdir", "/".ljust(length, "x"))
        longest = private_folder._place() / "runner-4194304-abcdef-0123" / "socket-5"
        assert len(str(longest)) <= 103
