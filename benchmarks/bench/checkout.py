"""See which commit of the project a Python has installed, and check out another one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_WHERE = "import runner; print(runner.__file__)"


class CheckoutError(Exception):
    """What is installed is of another checkout."""


def commit_of(python: Path, root: Path) -> str:
    """Say which commit is measured, as the installed package itself shows it.

    Args:
        python: Whose package it is.
        root: The checkout from which it has to come.

    Returns:
        The commit's short name, with a word if the package's files differ from it.

    Raises:
        CheckoutError: It comes from elsewhere.
    """
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    package = Path(_said([str(python), "-P", "-c", _WHERE], env=clean)).resolve().parent
    if package.parent != root.resolve():
        raise CheckoutError(f"{python} has {package} installed, which is not of {root}")
    commit = _git(package, "rev-parse", "--short", "HEAD")
    return f"{commit}, changed" if _git(package, "status", "--porcelain", "--", ".") else commit


def check_out(folder: Path, root: Path, commit: str) -> Path:
    """Give a tree of its own to a commit of a repository, below a folder, and keep it there."""
    name = _git(root, "rev-parse", "--short", f"{commit}^{{commit}}")
    tree = folder / name
    if not tree.exists():
        part = folder / f"{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        _git(root, "clone", "--quiet", "--shared", "--no-checkout", ".", str(part))
        _git(part, "checkout", "--quiet", "--detach", name)
        part.rename(tree)
    return tree


def _git(folder: Path, *words: str) -> str:
    return _said(["git", "-C", str(folder), *words])


def _said(words: list[str], env: dict[str, str] | None = None) -> str:
    return subprocess.run(
        words, check=True, stdout=subprocess.PIPE, text=True, timeout=60, env=env
    ).stdout.strip()
