"""Which notebook a path of Jupyter's names, and where it is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import ConfigurationError
from runner.lab.places import below, notebook_at, project_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Jupyter's root folder, with a notebook in it and one beside it."""
    root = tmp_path / "root"
    (root / "a/notebooks").mkdir(parents=True)
    for path in (root / "a/notebooks/serve.ipynb", tmp_path / "other.ipynb", root / "a/x.txt"):
        path.write_text("{}")
    return root


def test_a_notebook_below_the_root_is_found(root: Path) -> None:
    """By the path that Jupyter has for it, with or without a slash before it."""
    for path in ("a/notebooks/serve.ipynb", "/a/notebooks/serve.ipynb"):
        assert notebook_at(root, path) == root / "a/notebooks/serve.ipynb"


@pytest.mark.parametrize(
    "path",
    ["../other.ipynb", "a/../../other.ipynb", "link.ipynb", "a", "a/x.txt", "no.ipynb", "\0"],
)
def test_nothing_else_is_found(root: Path, path: str) -> None:
    """Neither above the root, nor by a link that leads out, nor what is no notebook."""
    (root / "link.ipynb").symlink_to(root.parent / "other.ipynb")
    with pytest.raises(ConfigurationError):
        notebook_at(root, path)


def test_a_notebook_is_served_in_its_project(root: Path) -> None:
    """The nearest folder that has what projects have; else its own, as Jupyter runs it."""
    notebook = root / "a/notebooks/serve.ipynb"
    (root.parent / "pyproject.toml").touch()  # above the root, so none of ours
    assert project_of(notebook, root) == root / "a/notebooks"
    (root / "runs").mkdir()
    assert project_of(notebook, root) == root
    (root / "a/requirements.txt").touch()
    assert project_of(notebook, root) == root / "a"


def test_only_files_below_the_root_can_be_opened(root: Path) -> None:
    """They are named as Jupyter names them."""
    assert below(root, root / "a/x.txt") == "a/x.txt"
    assert below(root, root / "a/gone.txt") is None
    assert below(root, root.parent / "other.ipynb") is None
    assert below(root, None) is None
