"""The folder of a notebook's records: by its path, and never another notebook's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import ConfigurationError
from runner.record import folders


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def take(notebook: str) -> Path:
    """Have a notebook's folder be its own, as a run does; give the folder."""
    folder = folders.folder_of(Path(notebook))
    folder.mkdir(parents=True, exist_ok=True)
    folders.take(folder, Path(notebook))
    return folder


@pytest.mark.parametrize(
    ("notebook", "name"),
    [
        ("serve.ipynb", "serve"),
        ("./serve.ipynb", "serve"),
        ("x/../serve.ipynb", "serve"),
        ("a/b/serve.ipynb", "a-b-serve"),
        ("notebooks/serve.ipynb", "serve"),
        ("notebooks/examples/petal/serve.ipynb", "examples-petal-serve"),
        ("{here}/notebooks/a/serve.ipynb", "a-serve"),
        ("/elsewhere/serve.ipynb", "serve"),
    ],
)
def test_it_is_named_after_the_path(here: Path, notebook: str, name: str) -> None:
    """As the working folder sees it, without ``notebooks``."""
    path = Path(notebook.replace("{here}", str(here)))
    assert folders.default_out(path) == Path("runs") / name / "out.ipynb"


def test_replicas_that_share_a_volume_have_folders_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a name that a container's variables can say for all of them."""
    monkeypatch.setenv("RUNNER_RUNS", "/share/{host}")
    for name in ("web-0", "web-1"):
        monkeypatch.setenv("RUNNER_REPLICA", name)
        assert folders.default_out(Path("a.ipynb")) == Path("/share", name, "a/out.ipynb")


def test_no_two_notebooks_have_one_folder() -> None:
    """Whoever comes second where the names would be the same gets one of its own, for good."""
    same = ["a/b.ipynb", "a-b.ipynb", "notebooks/a-b.ipynb", "/x/a-b.ipynb", "../a-b.ipynb"]
    taken = [take(notebook) for notebook in same]
    assert len({*taken}) == len(same)
    assert taken[0] == Path("runs/a-b")
    assert [take(notebook) for notebook in reversed(same)] == taken[::-1]


def test_a_folder_of_an_earlier_version_belongs_to_whom_its_record_names() -> None:
    """Two notebooks of one stem shared it: it goes on with the one whose record is there."""
    out = Path("runs/main/out.ipynb")
    out.parent.mkdir(parents=True)
    out.write_text(json.dumps({"metadata": {"runner": {"notebook": "a/main.ipynb"}}, "cells": []}))
    assert folders.default_out(Path("main.ipynb")).parent != out.parent
    out.write_text(json.dumps({"metadata": {"runner": {"notebook": "main.ipynb"}}, "cells": []}))
    assert folders.default_out(Path("main.ipynb")) == out
    there = Path("/there")
    assert folders.notebook_of(out.parent, there) == there / "main.ipynb"


def test_a_folder_that_became_anothers_is_not_written_to() -> None:
    """Two first starts at once end in one refusal, not in one folder for both."""
    folder = take("a/b.ipynb")
    with pytest.raises(ConfigurationError, match=r"a/b\.ipynb writes there"):
        folders.take(folder, Path("a-b.ipynb"))


def test_a_mark_stays_true_when_all_is_moved(here: Path, tmp_path: Path) -> None:
    """It is the path as the working folder sees it."""
    folder = take("a/main.ipynb")
    here.rename(tmp_path / "there")
    there = tmp_path / "there"
    assert folders.notebook_of(there / folder, there) == there / "a/main.ipynb"


def test_a_long_path_has_a_short_name() -> None:
    """A file's name has 255 bytes at most."""
    long = "/".join(["a" * 60] * 6)
    names = {take(f"{long}/{name}.ipynb").name for name in ("x", "y")}
    assert len(names) == 2
    assert max(map(len, names)) < 100
