"""What travels with a sweep: enough to run, nothing from outside, and no more than may."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from support import write_notebook

from runner.errors import ConfigurationError
from runner.notebook import document
from runner.sweep.nodes import archive, bundle
from runner.sweep.nodes.archive import Bounds
from runner.sweep.nodes.bundle import MOST, SMALL, Bundle, gather


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which we are, with a notebook that imports what lies in it."""
    folder = tmp_path / "project"
    (folder / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(folder)
    write_notebook(folder / "notebooks/a.ipynb", "import tools, package", "import json")
    return folder


def put(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def gathered(project: Path, *more: str) -> Bundle:
    path = Path("notebooks/a.ipynb")
    return gather(document.read(path), path, [Path(each) for each in more], project / "out")


def names_in(found: Bundle) -> set[str]:
    return {str(member.name) for member in archive.members(found.data, MOST)}


def test_modules_and_small_data_travel_with_the_notebook(project: Path) -> None:
    """Those beside it, and those in the working folder that it imports, or that these import."""
    for name in ("notebooks/beside.py", "notebooks/data/small.csv", "other.py", "package/deep.py"):
        put(project / name)
    put(project / "tools.py", "import third")
    put(project / "third.py", "raise SyntaxError(")
    put(project / "package/__init__.py")
    put(project / "package/data.bin")
    found = gathered(project)
    assert found.notebook == "notebooks/a.ipynb"
    assert names_in(found) == {
        *("notebooks/a.ipynb", "notebooks/beside.py", "notebooks/data/small.csv"),
        *("tools.py", "third.py", "package/__init__.py", "package/deep.py"),
    }


def test_what_nobody_means_to_send_stays(project: Path) -> None:
    """Hidden files, environments, caches, runs, and the folder of the sweep itself."""
    skipped = (".env", ".git/config", "env/pyvenv.cfg", "env/lib/a.py", "runs/a/out.ipynb")
    for name in (*skipped, "__pycache__/a.pyc", "out/points/x=1/out.ipynb"):
        put(project / "notebooks" / name)
    path = Path("notebooks/a.ipynb")
    found = gather(document.read(path), path, [], project / "notebooks/out")
    assert names_in(found) == {"notebooks/a.ipynb"}


def test_large_data_goes_by_name_only(project: Path) -> None:
    """It is named; with `--with` it travels, a folder with all that is in it."""
    put(project / "notebooks/large.csv", "0" * (SMALL + 1))
    put(project / "data/more.csv")
    assert gathered(project).left == [Path("notebooks/large.csv")]
    asked = gathered(project, "notebooks/large.csv", "data")
    assert asked.left == []
    assert names_in(asked) == {"notebooks/a.ipynb", "notebooks/large.csv", "data/more.csv"}


def test_what_has_the_name_of_a_secret_goes_by_name_only(project: Path) -> None:
    """A scheduler sees what travels."""
    put(project / "notebooks/credentials.json")
    put(project / "notebooks/keys/server.pem")
    found = gathered(project)
    assert names_in(found) == {"notebooks/a.ipynb"}
    assert set(map(str, found.left)) == {"notebooks/credentials.json", "notebooks/keys/server.pem"}
    assert "notebooks/credentials.json" in names_in(gathered(project, "notebooks/credentials.json"))


def test_a_file_that_goes_meanwhile_is_missed_by_nobody(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a temporary one of an editor's does."""
    put(project / "notebooks/a.tmp")
    monkeypatch.setattr(Path, "is_file", lambda path: path.suffix == ".tmp" or path.exists())
    listed = os.walk

    def walked(folder: Path) -> Any:
        for found in listed(folder):
            (project / "notebooks/a.tmp").unlink(missing_ok=True)
            yield found

    monkeypatch.setattr(os, "walk", walked)
    assert names_in(gathered(project)) == {"notebooks/a.ipynb"}


def test_nothing_from_outside_travels(project: Path) -> None:
    """Not by a link either: beside the notebook it is left out, by `--with` refused."""
    secret = put(project.parent / "secret/key")
    (project / "notebooks/link").symlink_to(secret)
    (project / "notebooks/folder").symlink_to(secret.parent)
    (project / "notebooks/inner").symlink_to(put(project / "kept"))
    assert names_in(gathered(project)) == {"notebooks/a.ipynb", "notebooks/inner"}
    for asked in ("../secret", "notebooks/link", "notebooks/folder", str(secret)):
        with pytest.raises(ConfigurationError, match="lies outside of"):
            gathered(project, asked)
    with pytest.raises(ConfigurationError, match="no such file"):
        gathered(project, "gone")


def test_too_much_is_refused_by_a_sentence(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how much may travel, and what is the largest."""
    monkeypatch.setattr(bundle, "MOST", Bounds(size=2_000_000, files=10_000))
    put(project / "notebooks/large.py", "0" * 2_500_000)
    with pytest.raises(ConfigurationError, match=r"more than .* 2\.0 MB; the largest: .*large\.py"):
        gathered(project)


def test_a_notebook_from_elsewhere_brings_its_own_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is where its runs begin."""
    put(project / "notebooks/beside.py")
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = Path("../project/notebooks/a.ipynb")
    found = gather(document.read(path), path, [], elsewhere / "out")
    assert names_in(found) == {"a.ipynb", "beside.py"}


def test_what_travels_is_known_by_its_content(project: Path) -> None:
    """The same files have the same name, whenever they were written."""
    beside = put(project / "notebooks/beside.py")
    first = gathered(project)
    os.utime(beside, (1, 1))
    assert gathered(project).sha256 == first.sha256
    put(beside, "1")
    assert gathered(project).sha256 != first.sha256
    assert "data" not in repr(dataclasses.replace(first, left=()))
