"""Packages are pinned as they are installed here, with all that they need where they will be."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from runner.project.pins import environment, pinned

TARGET = environment("3.13")


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some packages that are installed before all others, and none besides."""
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    install(tmp_path, "top-1.0", "middle>=2", "win; sys_platform == 'win32'", "old; extra == 'x'")
    install(tmp_path, "middle-2.1+cpu", "bottom", "new; python_version >= '3.13'", "odd ==> 1")
    for name in ("bottom-3.0", "new-4.0", "old-5.0"):
        install(tmp_path, name)


def install(folder: Path, name: str, *needs: str, origin: object = None) -> None:
    place = folder / f"{name}.dist-info"
    place.mkdir()
    project, _, version = name.partition("-")
    lines = [
        f"Name: {project}",
        f"Version: {version}",
        *(f"Requires-Dist: {each}" for each in needs),
    ]
    (place / "METADATA").write_text("\n".join(lines) + "\n")
    if origin:
        (place / "direct_url.json").write_text(json.dumps(origin))


def pins(*asked: str) -> tuple[list[str], list[str], int]:
    found = pinned(map(Requirement, asked), TARGET)
    return [*found.asked], [*found.needed], len(found.remarks)


def test_all_that_is_needed_there_is_pinned() -> None:
    """By the markers of the image, not of here; a version of an index has no local part."""
    assert pins("top") == (["top==1.0"], ["bottom==3.0", "middle==2.1", "new==4.0"], 0)


def test_extras_bring_theirs() -> None:
    """And stay written, since the image's own pip asks for them again."""
    asked, needed, _ = pins("top", "Top[x]")
    assert asked == ["Top[x]==1.0"]
    assert "old==5.0" in needed


def test_what_does_not_fit_is_left_as_it_was_asked() -> None:
    """Another version is installed here, or none: that is said, and pip decides."""
    assert pins("bottom>=4", "nowhere<2") == (["bottom>=4", "nowhere<2"], [], 2)
    assert pins("nowhere; sys_platform == 'darwin'") == ([], [], 0)


def test_where_a_package_came_from_is_kept(tmp_path: Path) -> None:
    """A commit and an address are pins; a folder of this machine is none, and is told."""
    commit = {"url": "https://x.test/a", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    install(tmp_path, "committed-1", origin=commit)
    install(tmp_path, "fetched-1", origin={"url": "https://x.test/f.whl", "archive_info": {}})
    install(tmp_path, "edited-1", origin={"url": "file:///here", "dir_info": {"editable": True}})
    install(tmp_path, "carried-1", origin={"url": "file:///f.whl", "archive_info": {}})
    asked, _, remarks = pins("committed", "fetched", "edited", "carried")
    assert asked == [
        "carried==1",
        "committed @ git+https://x.test/a@abc",
        "edited==1",
        "fetched @ https://x.test/f.whl",
    ]
    assert remarks == 1
    assert importlib.metadata.version("edited") == "1"
