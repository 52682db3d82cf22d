"""Note when and why versions came to serve, or failed to, so that a later session knows it too."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from runner import files
from runner.identity import start_of
from runner.record.git import Commits
from runner.record.private_files import write_private
from runner.supervise.status import iso

NAME = ".versions.json"

_KEPT_FAILURES = 10
_MOST_BYTES = 1_048_576
_LONGEST_REASON = 2_000

Note = dict[str, Any]


class VersionNotes:
    """Own the file of notes beside the notebooks that are kept.

    Args:
        folder: Theirs.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._served: dict[str, Note] = {}
        self._failed: list[Note] = []

    def open(self) -> None:
        """Read what earlier sessions have noted, as far as it is whole."""
        with files.if_possible(f"{self._path}: why versions came is not known any more"):
            files.sweep_partials(self._path)
            if self._path.is_file() and self._path.stat().st_size <= _MOST_BYTES:
                with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                    self._take(json.loads(self._path.read_bytes()))

    def _take(self, noted: dict[str, Any]) -> None:
        served = {str(name): _of_texts(note) for name, note in noted["served"].items()}
        self._failed = [_of_texts(note) for note in noted["failed"]]
        self._served = served

    def has_served(self, digest: str, run: str, cause: str, kept: Collection[str]) -> None:
        """Note that a version has come to serve; when and why it first did stands.

        Args:
            digest: Of its notebook.
            run: The run that serves it now.
            cause: Why that was launched.
            kept: The digests of all that are kept; what is known of others is forgotten.
        """
        now = iso(time.time())
        self._served[digest] = {"since": now, "cause": cause} | self._served.get(digest, {})
        self._served[digest]["run"] = run
        self._served = {known: note for known, note in self._served.items() if known in kept}
        self._failed = [note for note in self._failed if note["digest"] != digest]
        self._write()

    def served(self, digest: str, run: str) -> Note:
        """Tell since when, why and in which run a version has served.

        Args:
            digest: Of its notebook.
            run: Whose notebook it is: its name tells when, if nothing is noted.
        """
        unknown = {"since": start_of(run), "cause": "", "run": run}
        return unknown | self._served.get(digest, {})

    def has_failed(
        self, sha256: str, digest: str, run: str, reason: str, facts: Mapping[str, Any]
    ) -> None:
        """Note that a version failed before it served.

        Args:
            sha256: Of its notebook's file.
            digest: Of what matters in it.
            run: The run.
            reason: Why it failed.
            facts: What its record says.
        """
        commit = facts.get("git_commit") if facts.get("git_dirty") is False else ""
        note = {"sha256": sha256, "digest": digest, "run": run, "since": iso(time.time())}
        note |= {"cause": str(facts.get("cause", "")), "commit": str(commit or "")}
        note["reason"] = reason[:_LONGEST_REASON]
        self._add_failure(note)

    def was_given_up(self, sha256: str, digest: str, run: str, reason: str) -> None:
        """Note that a version has served, and died so often that the one before is back."""
        known = self.served(digest, run)
        note = known | {"sha256": sha256, "digest": digest, "since": iso(time.time())}
        self._add_failure(note | {"reason": reason[:_LONGEST_REASON], "commit": ""})

    def _add_failure(self, note: Note) -> None:
        others = [known for known in self._failed if known["digest"] != note["digest"]]
        self._failed = [*others, note][-_KEPT_FAILURES:]
        self._write()

    def failed(self) -> list[Note]:
        """List the versions that failed, the newest last."""
        return [*self._failed]

    def _write(self) -> None:
        with files.if_possible(f"{self._path}: a later session will not know why versions came"):
            content = {"served": self._served, "failed": self._failed}
            write_private(self._path, json.dumps(content, indent=1) + "\n")


def with_commits(told: Iterable[Note], commits: Commits) -> list[Note]:
    """Say of versions by which commit they came, and whose that is, where git knows it."""
    known = commits.look()
    return [{**each, **_commit_fields(each, commits if known else None)} for each in told]


def _commit_fields(told: Note, commits: Commits | None) -> Note:
    commit = None
    if commits and told["kept"]:
        commit = commits.of_content(told["sha256"], Path(told["kept"]))
    elif commits and told.get("commit"):
        commit = commits.at(told["commit"])
    if commit is None:
        return {"commit": None, "author": None, "subject": None}
    return {"commit": commit.sha, "author": commit.author, "subject": commit.subject}


def _of_texts(note: Mapping[str, Any]) -> Note:
    return {str(name): str(value) for name, value in note.items()}
