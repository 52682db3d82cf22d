"""The benchmark says which commit it measures, as the interpreter that serves sees it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from checkout import CheckoutError, check_out, commit_of


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with a package of our name, and a Python that imports it."""
    package = tmp_path / "tree/runner"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    git(package.parent, "init", "--quiet")
    commit(package.parent)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho {package / '__init__.py'}\n")
    python.chmod(0o755)
    return package.parent


def git(folder: Path, *words: str) -> str:
    line = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@localhost", *words]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "a")
    return git(folder, "rev-parse", "--short", "HEAD")


def test_a_change_of_the_package_is_said(tree: Path) -> None:
    """Only the package's own files count: results are written beside it."""
    python, head = tree.parent / "python", git(tree, "rev-parse", "--short", "HEAD")
    (tree / "results").touch()
    assert commit_of(python, tree) == head
    (tree / "runner/new.py").touch()
    assert commit_of(python, tree) == f"{head}, changed"


def test_the_package_of_another_checkout_is_refused(tree: Path) -> None:
    """It is not measured under this one's name."""
    with pytest.raises(CheckoutError, match="which is not of"):
        commit_of(tree.parent / "python", tree.parent)


def test_an_old_commit_gets_a_tree_of_its_own(tree: Path) -> None:
    """The checkout in which somebody works is left as it is."""
    old = commit(tree)
    new = commit(tree)
    assert git(check_out(tree.parent, tree, "HEAD~1"), "rev-parse", "--short", "HEAD") == old
    assert git(tree, "rev-parse", "--short", "HEAD") == new
