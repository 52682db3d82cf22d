"""Find the lock file that says which versions of packages a notebook is meant for."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

from runner.notebook.document import Notebook

_MOST = 50_000_000  # bytes; the lock of a large project has one or two million
_OF_PROJECTS = ("uv.lock", "pylock.toml")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lock:
    """Hold a lock.

    Attributes:
        name: Its file as seen from the working folder, or ``uv.lock in NOTEBOOK``.
        content: What it says.
        is_own: Whether it is the notebook's, and not that of a project around it.
    """

    name: str
    content: bytes
    is_own: bool = True

    @property
    def sha256(self) -> str:
        """By which hash to know it."""
        return hashlib.sha256(self.content).hexdigest()


def lock_of(document: Notebook) -> Lock | None:
    """Find a notebook's lock: its own, else that of the project around it.

    juv keeps it in the notebook's metadata; uv writes that of a script ``NAME.lock`` beside it;
    PEP 751 calls one ``pylock.STEM.toml``. A project's is the nearest at or above the notebook.
    """
    path = document.path
    if document.lock:
        return Lock(name=f"uv.lock in {path}", content=document.lock.encode())
    own = (path.with_name(f"{path.name}.lock"), path.with_name(f"pylock.{path.stem}.toml"))
    beside = next((file for file in own if file.is_file()), None)
    found = beside or _of_the_project(path)
    try:
        if found and found.stat().st_size <= _MOST:
            name, content = os.path.relpath(found), found.read_bytes()
            return Lock(name=name, content=content, is_own=bool(beside))
    except OSError:
        return None
    return None


def _of_the_project(path: Path) -> Path | None:
    """Give the nearest lock in the folders of a notebook, up to the repository's."""
    for folder in path.absolute().parents:
        for name in _OF_PROJECTS:
            if (folder / name).is_file():
                return folder / name
        if (folder / ".git").exists():
            break
    return None
