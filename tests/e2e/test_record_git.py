"""Which commit a version comes from, asked of git itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runner.record.git import Commits

pytestmark = pytest.mark.usefixtures("patient_git")


class Repository:
    """A repository with a notebook below a folder."""

    def __init__(self, folder: Path) -> None:
        self.notebook = folder / "notebooks/a.ipynb"
        self.notebook.parent.mkdir(parents=True)
        self.git("init", "-q")

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=Ann Ö", "-c", "user.email=a@b.c")
        done = subprocess.run(
            ["git", *who, *words], cwd=self.notebook.parent, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def save(self, text: str) -> Path:
        """Save the notebook; give what was kept of it."""
        self.notebook.write_text(text)
        kept = self.notebook.with_name(f"kept-{text}")
        kept.write_text(text)
        return kept

    def commit(self, subject: str) -> str:
        self.git("add", "a.ipynb")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_version_has_the_commit_that_gave_the_notebook_its_content(
    repository: Repository,
) -> None:
    """Not the newest one, nor the one that took it away, and one that was made later counts."""
    one = repository.save("one")
    commits = Commits(repository.notebook)
    assert not commits.look()
    first = repository.commit("One")
    two = repository.save("two")
    assert commits.look()
    found = commits.of_content("1", one)
    assert found
    assert (found.sha, found.author, found.subject) == (first, "Ann Ö", "One")
    assert commits.of_content("2", two) is None
    second = repository.commit("Two")
    repository.commit("Other")
    assert commits.look()
    found = commits.of_content("2", two)
    assert found
    assert found.sha == second
    found = commits.of_content("1", one)
    assert found
    assert found.sha == first
    found = commits.at(repository.git("rev-parse", "HEAD"))
    assert found
    assert found.sha == second


def test_what_a_filter_of_git_takes_out_makes_no_difference(repository: Repository) -> None:
    """As nbstripout does with outputs: what is kept has them."""
    (repository.notebook.parent / ".gitattributes").write_text("*.ipynb filter=strip\n")
    repository.git("config", "filter.strip.clean", "sed s/output//")
    kept = repository.save("one output")
    sha = repository.commit("One")
    commits = Commits(repository.notebook)
    assert commits.look()
    found = commits.of_content("1", kept)
    assert found
    assert found.sha == sha
