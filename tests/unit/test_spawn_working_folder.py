"""Staying in the folder that has the path of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.spawn.working_folder import WorkingFolder


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A link to a checkout, as git-sync makes it; we are there."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link = tmp_path / "current"
    link.symlink_to("one")
    monkeypatch.chdir(link)
    return link


def swap(link: Path) -> None:
    """Let the link lead to the next checkout, and remove the one before."""
    (link.parent / "new").symlink_to("two")
    (link.parent / "new").replace(link)
    (link.parent / "one").rmdir()


def test_a_link_by_which_we_came_is_followed(link: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell, or who starts a container, has said which."""
    monkeypatch.setenv("PWD", str(link))
    folder = WorkingFolder()
    assert not folder.is_elsewhere()
    swap(link)
    assert folder.follow()
    assert Path.cwd() == link.parent / "two"


@pytest.mark.parametrize("said", ["", "two", "/nowhere", "{parent}/two"])
def test_what_is_said_of_another_folder_counts_for_nothing(
    link: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """A process that is started elsewhere has the variable of its parent."""
    monkeypatch.setenv("PWD", said.replace("{parent}", str(link.parent)))
    folder = WorkingFolder()
    (link.parent / "new").symlink_to("two")
    (link.parent / "new").replace(link)
    assert not folder.is_elsewhere()
