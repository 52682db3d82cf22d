"""Name the folder of a notebook's records by the notebook's path, so that no other's go there.

The rules of this file:

1. The name is the path below the working folder, without ``notebooks`` before it: ``a/main.ipynb``
   has ``runs/a-main``. A notebook from elsewhere has its stem. One that was named by URL has that:
   ``s3://bucket/a/main.ipynb`` has ``runs/s3-bucket-a-main``.
2. A folder is whose mark is in it. Another notebook whose name would be the same gets a digest of
   its path behind that.
3. The mark is the path as the working folder sees it: it stays true when both are moved.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from runner.errors import ConfigurationError
from runner.record import history
from runner.record.private_files import write_private
from runner.storage import urls

_MARK = ".notebook"
_LONGEST_NAME = 200  # bytes; a system lets a file's name have 255


def default_out(notebook: Path) -> Path:
    """Say where a notebook's record goes unless told otherwise, below the working folder."""
    return folder_of(notebook) / "out.ipynb"


def runs() -> Path:
    """Give the folder below which records go; ``{host}`` in its name is this replica's."""
    return urls.runs()


def folder_of(notebook: Path, below: Path | None = None) -> Path:
    """Name a notebook's folder; nothing is made.

    Args:
        notebook: Whose it is.
        below: In which it is; unless given, that of all records.
    """
    below, path = below or runs(), _as_seen(notebook)
    name = _name(path)
    owner = _owner(below / name)
    is_too_long = len(os.fsencode(name)) > _LONGEST_NAME
    if owner in ("", path) and not is_too_long:
        return below / name
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    return below / f"{name[: _LONGEST_NAME // 4]}-{digest}"


def take(folder: Path, notebook: Path) -> None:
    """Mark a folder, which is locked, as a notebook's.

    Raises:
        ConfigurationError: It became another's since it was named.
    """
    path, owner = _as_seen(notebook), _marked(folder)
    if owner not in ("", path):
        raise ConfigurationError(f"{folder}: {owner} writes there", hint="start it once more")
    write_private(folder / _MARK, os.fsencode(path))


def notebook_of(folder: Path, working_folder: Path) -> Path | None:
    """Give the notebook whose folder this is, as seen from a working folder; None if nobody's."""
    path = _marked(folder) or _recorded(folder)
    return working_folder / path if path else None


def marked_notebook(folder: Path, working_folder: Path) -> Path | None:
    """Give that whose mark is in the folder, whatever a record says; None if there is no mark."""
    path = _marked(folder)
    return working_folder / path if path else None


def absolute(notebook: Path) -> Path:
    """Give a notebook's path as all see it: links that lead to its folder are followed."""
    return notebook.parent.resolve() / notebook.name


def _as_seen(notebook: Path) -> str:
    """Give a path below the working folder as seen from there, any other one as it is for all."""
    here = Path.cwd()
    path = here / notebook
    if ".." in path.parts or not path.is_relative_to(here):
        path = absolute(path)
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _name(path: str) -> str:
    place = Path(path)
    folders = [] if place.is_absolute() else [*place.parts[:-1]]
    for root in (Path("notebooks"), urls.copies()):
        if place.is_relative_to(root) and not place.is_absolute():
            folders = folders[len(root.parts) :]
    return "-".join([*folders, place.stem])


def _owner(folder: Path) -> str:
    """Say whose a folder is, as its mark or, of an earlier version, its record tells."""
    if path := _marked(folder):
        return path
    recorded = _recorded(folder)
    return _as_seen(Path(recorded)) if recorded else ""


def _recorded(folder: Path) -> str:
    recorded = history.facts_of(folder / "out.ipynb").get("notebook")
    return recorded if isinstance(recorded, str) else ""


def _marked(folder: Path) -> str:
    try:
        return os.fsdecode((folder / _MARK).read_bytes())
    except OSError:
        return ""
