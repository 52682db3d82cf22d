"""A notebook's lock is its own, else that of the project around it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from support import write_notebook

from runner.notebook import document as notebook
from runner.notebook import locks


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_notebook(Path("notebooks/a.ipynb"), "x = 1")


def lock_of(path: Path) -> locks.Lock | None:
    return locks.lock_of(notebook.read(path))


def test_the_nearest_is_taken(path: Path, tmp_path: Path) -> None:
    """Juv's within the notebook, uv's and PEP 751's beside it, the project's above."""
    (tmp_path / ".git").mkdir()
    assert lock_of(path) is None
    for name in ("uv.lock", "notebooks/pylock.toml", "notebooks/pylock.a.toml", f"{path}.lock"):
        Path(name).write_text(name)
        found = lock_of(path)
        assert found
        assert (found.name, found.content) == (name, name.encode())
    document = json.loads(path.read_text())
    document["metadata"]["uv.lock"] = "version = 1"
    path.write_text(json.dumps(document))
    found = lock_of(path)
    assert found
    assert found.name == "uv.lock in notebooks/a.ipynb"
    assert found.sha256 == hashlib.sha256(b"version = 1").hexdigest()


def test_one_above_the_repository_is_anothers(path: Path) -> None:
    """As with requirements.txt."""
    Path("uv.lock").write_text("")
    Path("notebooks/.git").mkdir()
    assert lock_of(path) is None
