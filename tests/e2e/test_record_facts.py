"""What git says of a notebook is recorded."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from support import ROOT, write_notebook

from runner.notebook import document as notebook
from runner.notebook.document import Notebook
from runner.record import facts
from runner.record import git as asked_git

pytestmark = pytest.mark.usefixtures("patient_git")


@pytest.fixture
def document(tmp_path: Path) -> Notebook:
    path = write_notebook(
        tmp_path / "notebooks/a.ipynb",
        "import json\nimport numpy as np, os.path\nfrom sklearn.svm import SVC\n%matplotlib inline",
        "def later():\n    import tqdm",
        "this is no Python",
        parameters='model_path: str = "model/m.joblib"\nother_path = 3\nport: int = 1',
    )
    return notebook.read(path)


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_notebooks_commit_is_named(document: Notebook) -> None:
    """A committed notebook is clean, an edited one is dirty, at the same commit."""
    folder = document.path.parent
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "a")
    commit = git(folder, "rev-parse", "HEAD")
    assert facts.git_facts(document.path, document.path) == {
        "git_commit": commit,
        "git_dirty": False,
    }
    document.path.write_text("{}")
    (folder / "other").touch()
    assert facts.git_facts(document.path, document.path) == {
        "git_commit": commit,
        "git_dirty": True,
    }


def test_the_commit_is_the_one_that_gave_the_content(document: Notebook) -> None:
    """As `runner versions` has it: not the newest of all, and that of an older content."""
    path, folder = document.path, document.path.parent
    first_content, found = path.read_bytes(), []
    git(folder, "init", "-q")
    for content in (first_content, b"{}"):
        path.write_bytes(content)
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "a")
        found.append(git(folder, "rev-parse", "HEAD"))
    git(folder, "commit", "-qm", "other", "--allow-empty")
    first, second = found
    assert facts.git_facts(path, path) == {"git_commit": second, "git_dirty": False}
    path.write_text("[]")
    assert facts.git_facts(path, path) == {"git_commit": second, "git_dirty": True}
    path.write_bytes(first_content)
    assert facts.git_facts(path, path) == {"git_commit": first, "git_dirty": False}
    commits = asked_git.Commits(path)
    assert commits.look()
    named = commits.of_content("", path)
    assert named
    assert named.sha == first


def test_what_is_run_is_told_by_its_content(document: Notebook) -> None:
    """Of a copy in a folder that git ignores, the notebook's commit is told, and what differs."""
    path = document.path
    git(path.parent, "init", "-q")
    git(path.parent, "add", ".")
    git(path.parent, "commit", "-qm", "a")
    copy = path.parent / "runs/copy.ipynb"
    copy.parent.mkdir()
    (copy.parent / ".gitignore").write_text("*")
    copy.write_bytes(path.read_bytes())
    assert facts.git_facts(path, copy)["git_dirty"] is False
    copy.write_text("{}")
    assert facts.git_facts(path, copy)["git_dirty"] is True


def test_without_git_nothing_is_said_of_it(
    document: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a folder outside of any repository nor a machine without git is an error."""
    assert facts.git_facts(document.path, document.path) == {}
    monkeypatch.setenv("PATH", "")
    train = ROOT / "notebooks/train.ipynb"
    assert facts.git_facts(train, train) == {}


def test_a_slow_git_is_not_waited_for(
    document: Notebook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A git that does not answer, as on a network's disk, is given up."""
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 100\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(asked_git, "_DEADLINE", 0.1)
    assert facts.git_facts(document.path, document.path) == {}


def test_everything_collected_is_json_without_secrets(document: Notebook) -> None:
    """Parameters stand as they were given, but for secrets and what JSON does not know."""
    found = facts.run_facts(
        document,
        {"token": "t0p"},
        path=document.path,
        shown={"token": "***", "path": Path("a")},
        with_packages=True,
    )
    assert json.loads(json.dumps(found)) == found
    assert found["parameters"] == {"token": "***", "path": "a"}
    assert set(found["packages"]) == {"numpy", "scikit-learn"}


def test_another_kernels_packages_are_not_guessed(document: Notebook) -> None:
    """Our own versions say nothing of a kernel with another Python."""
    assert "packages" not in facts.run_facts(
        document, {}, path=document.path, shown={}, with_packages=False
    )
