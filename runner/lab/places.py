"""Find the notebook that a path of Jupyter's names, and the folder in which it is to be served."""

from __future__ import annotations

from pathlib import Path

from runner.errors import ConfigurationError

_OF_A_PROJECT = ("pyproject.toml", "requirements.txt", ".git", "runs")


def notebook_at(root: Path, path: str) -> Path:
    """Find a notebook by its path below the server's root folder.

    Raises:
        ConfigurationError: There is none, or it lies elsewhere, be it by a link.
    """
    root = root.resolve()
    try:
        found = (root / path.lstrip("/")).resolve()
        is_notebook = found.suffix == ".ipynb" and found.is_file()
    except (OSError, ValueError) as error:  # a name that no file can have
        raise ConfigurationError(f"{path!r}: {error}") from error
    if not is_notebook or not found.is_relative_to(root):
        raise ConfigurationError(f"{path!r} is no notebook below Jupyter's root folder")
    return found


def project_of(notebook: Path, root: Path) -> Path:
    """Choose the folder in which a notebook is served: where its project begins, below the root.

    That is the nearest at or above it that has what projects have. Where none does it is the
    notebook's own, in which Jupyter runs its cells.
    """
    root = root.resolve()
    above = [each for each in notebook.parents if each.is_relative_to(root)]
    projects = (each for each in above if any((each / name).exists() for name in _OF_A_PROJECT))
    return next(projects, notebook.parent)


def below(root: Path, file: Path | str | None) -> str | None:
    """Name a file as Jupyter does; None if it is not there, or not below its root folder."""
    if not file:
        return None
    path, root = Path(file).resolve(), root.resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) and path.is_file() else None
