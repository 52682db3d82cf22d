"""Ask git about a notebook: whatever it does not tell in time is not known."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

_DEADLINE = 1.0
_MOST_COMMITS = "100"  # that are looked through for a content
_FORMAT = "--format=%x01%H%x02%an%x02%aI%x02%s"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Commit:
    """Be a commit.

    Attributes:
        sha: Its hash.
        author: Who has written it.
        time: When, in ISO 8601.
        subject: The first line of its message.
    """

    sha: str
    author: str
    time: str
    subject: str


def git(folder: Path, *words: str, text: bytes | None = None) -> str | None:
    """Ask git in a folder; None when there is no answer.

    Args:
        folder: The folder.
        words: Of the command.
        text: What it reads.
    """
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        done = subprocess.run(
            command, input=text or b"", capture_output=True, timeout=_DEADLINE, check=True
        )
        return done.stdout.decode().strip()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None


class Commits:
    """Find the commits that a notebook's versions come from; what was found is remembered.

    Callable from any thread.

    Args:
        notebook: The notebook's path.

    Attributes:
        head: The newest one of all when it was last looked; None if there is none.
    """

    def __init__(self, notebook: Path) -> None:
        self._folder, self._name = notebook.absolute().parent, notebook.name
        self.head: str | None = None
        self._by_content: dict[str, Commit | None] = {}
        self._by_sha: dict[str, Commit | None] = {}

    def look(self) -> bool:
        """Learn whether there are new commits; tell whether there are any at all."""
        head = git(self._folder, "rev-parse", "HEAD")
        if head != self.head:
            self.head = head
            self._by_content.clear()
        return head is not None

    def of_content(self, sha256: str, content: Path) -> Commit | None:
        """Give the newest commit that gave the notebook this content, as git's filters leave it.

        Args:
            sha256: By which the content is known.
            content: A file that has it.
        """
        if sha256 not in self._by_content:
            self._by_content[sha256] = self._found(content)
        return self._by_content[sha256]

    def at(self, sha: str) -> Commit | None:
        """Give the commit that had last changed the notebook when another one was the newest."""
        if sha not in self._by_sha:
            said = git(self._folder, "log", "-1", _FORMAT, sha, "--", self._name)
            self._by_sha[sha] = _commit_of(said.lstrip("\x01")) if said else None
        return self._by_sha[sha]

    def _found(self, content: Path) -> Commit | None:
        try:
            text = content.read_bytes()
        except OSError:
            return None
        blob = git(self._folder, "hash-object", "--stdin", "--path", self._name, text=text)
        if not blob:
            return None
        words = ["log", "-n", _MOST_COMMITS, _FORMAT, "--raw", "--no-abbrev", "--no-renames"]
        said = git(self._folder, *words, f"--find-object={blob}", "--", self._name)
        for part in (said or "").split("\x01")[1:]:
            first, *changes = part.splitlines()
            if any(_gives(change, blob) for change in changes):
                return _commit_of(first)
        return None


def _gives(change: str, blob: str) -> bool:
    """Tell whether a line of git's raw format says that a file got a content."""
    words = change.split()
    return change.startswith(":") and len(words) > 3 and words[3] == blob


def _commit_of(line: str) -> Commit | None:
    fields = line.strip().split("\x02")
    if len(fields) != 4:
        return None
    sha, author, time, subject = fields
    return Commit(sha=sha, author=author, time=time, subject=subject)
