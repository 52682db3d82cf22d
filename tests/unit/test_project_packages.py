"""Which packages an image gets is said by the first of five sources that there is."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from support import write_notebook

import runner
from runner.notebook import document as notebook
from runner.project.packages import Packages, packages_of
from runner.project.pins import environment

TARGET = environment("3.13")
OURS = f"notebook-runner=={runner.__version__}"
SERVING = f"notebook-runner[serve]=={runner.__version__}"
BLOCK = "# /// script\n# dependencies = ['NumPy>1', 'no-such-package']\n# ///"
LOCK = "version = 1\n[manifest]\nrequirements = []\n[[package]]\nname = 'x'\nversion = '1'"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def packages(*cells: str, imports: tuple[str, ...] = ("runner",), serves: bool = True) -> Packages:
    document = notebook.read(write_notebook(Path("a.ipynb"), *cells))
    return packages_of([document], imports, TARGET, serves=serves)


def test_what_is_imported_is_pinned() -> None:
    """By the names of the distributions; what nothing brings is told."""
    found = packages(imports=("yaml", "no_such_module", "runner"))
    version = importlib.metadata.version("PyYAML")
    assert {OURS, f"PyYAML=={version}"} < {*found.pins.asked}
    assert any("no_such_module" in remark for remark in found.pins.remarks)
    names = {each.partition("==")[0].lower() for each in (*found.pins.asked, *found.pins.needed)}
    assert {"papermill", "httptools", "uvloop"} <= names
    assert not {"numpy", "scikit-learn", "uvicorn"} & names


@pytest.mark.parametrize(
    ("cell", "imports", "serves", "asked"),
    [
        ("x = 1", ("numpy", "runner"), True, SERVING),
        ("from runner import load_model\nload_model('m')", ("runner",), True, SERVING),
        ("from runner import save_model\nsave_model(1, 'm')", ("runner",), False, OURS),
    ],
)
def test_as_much_of_the_runner_as_is_needed(
    cell: str, imports: tuple[str, ...], serves: bool, asked: str
) -> None:
    """All that serves a model, where there is one; less to execute."""
    found = packages(cell, imports=imports, serves=serves).pins
    assert asked in found.asked
    assert any(each.startswith("joblib==") for each in (*found.asked, *found.needed))


def test_the_sources_have_an_order() -> None:
    """Imports, requirements.txt, the project's lock, the block, the notebook's own lock."""
    Path("requirements.txt").touch()  # as a shell does whose output it is to be
    assert packages("x = 1").source.startswith("what is imported")
    Path("requirements.txt").write_text("numpy==2\n")
    assert packages("x = 1").source == "requirements.txt"
    Path("uv.lock").write_text(LOCK.replace("[manifest]", "[other]"))
    assert packages("x = 1").source.startswith("uv.lock")
    assert packages(BLOCK).source.startswith("the block of PEP 723")
    Path("a.ipynb.lock").write_text(LOCK)
    assert packages(BLOCK).source.startswith("a.ipynb.lock")


def test_a_block_is_pinned_as_far_as_it_is_installed() -> None:
    """And the rest is told."""
    found = packages(BLOCK).pins
    assert f"NumPy=={importlib.metadata.version('numpy')}" in found.asked
    assert "no-such-package" in found.asked
    assert any(remark.startswith("no-such-package is not pinned") for remark in found.remarks)


def test_requirements_are_installed_as_they_stand() -> None:
    """The runner is added unless it is among them; what is not pinned there is told."""
    Path("requirements.txt").write_text("numpy>=2  # why\n-r more.txt\nuvloop==1 --hash=sha256:0\n")
    found = packages("x = 1", imports=())
    assert found.file == "requirements.txt"
    assert found.pins.asked == (OURS, "httptools", "websockets")
    assert [remark.split("; ")[0].split(":")[0] for remark in found.pins.remarks] == [
        "requirements.txt names no exact version of numpy>=2",
        "requirements.txt has `-r more.txt`",
    ]
    Path("requirements.txt").write_text(
        "Notebook_Runner[serve]==0\nhttptools\nuvloop\nwebsockets\n"
    )
    assert packages("x = 1", imports=()).pins.asked == ()


def test_a_lock_has_what_the_runner_needs_added() -> None:
    """And nothing that it has itself."""
    lock = "version = 1\n[manifest]\nrequirements = [{ name = 'tqdm' }]\n"
    lock += "[[package]]\nname = 'tqdm'\nversion = '4.0'\n"
    Path("a.ipynb.lock").write_text(lock)
    found = packages("x = 1").pins
    assert found.asked == ("tqdm==4.0",)
    assert OURS in found.needed
    assert not any(each.startswith("tqdm") for each in found.needed)
