"""Name runs, and keep what they leave below ``runs``: records and the notebooks that served."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner import files
from runner.errors import ConfigurationError
from runner.identity import STAMP, run_id
from runner.record import history
from runner.record.ledger import Ledger
from runner.record.private_files import make_private_folder
from runner.spawn.processes import end_in_words
from runner.spawn.working_folder import WorkingFolder
from runner.supervise.kept_notebooks import KeptNotebooks, digest
from runner.supervise.states import GoodVersion
from runner.supervise.version_notes import Note, VersionNotes

_LEAST_LETTERS = 4  # of a hash, so that no word is one by chance
_SHOWN_LETTERS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeptVersion:
    """Be a notebook that has served and can do so again.

    Attributes:
        source: The run whose notebook it is.
        sha256: Of its file.
        digest: Of what of it matters.
        path: Of its file.
    """

    source: int
    sha256: str
    digest: str
    path: Path


class Versions:
    """Own a notebook's folder below ``runs``.

    Args:
        folder: That folder.
        out: Where the record of what serves is shown.

    Attributes:
        place: Where relative paths begin, and runs too.
    """

    def __init__(self, folder: Path, out: Path) -> None:
        self.folder = folder
        self.place = WorkingFolder()
        self._out = out
        self._sources = KeptNotebooks(folder / "sources")
        self._notes = VersionNotes(folder / "sources")
        self._hashes: dict[str, tuple[str, str]] = {}
        self._names: dict[int, str] = {}
        self._ended: set[int] = set()

    def open(self) -> list[GoodVersion]:
        """Bring the folder in order; give the versions that earlier sessions served."""
        shown = self.folder / "out.ipynb"
        with files.if_possible(f"{shown}: the records of earlier runs stay as they are"):
            history.mark_all_killed(shown)
            if not history.is_kept(shown):
                history.keep_last(shown)
            history.prune(shown)
            Ledger(self.folder).forget_missing()
        good: list[GoodVersion] = []
        for number, name in enumerate(self._sources.open(), start=1):
            if own := self._digest(name):
                self._names[number] = name
                if good and good[-1].digest == own:  # it was started again
                    good.pop()
                good.append(GoodVersion(source=number, digest=own))
        self._notes.open()
        return good

    def find_place(self) -> None:
        """Be where a run can start and leave its record, whoever has removed or replaced that."""
        self.place.restore()
        with files.if_possible(f"{self.folder}: nothing can be recorded"):
            make_private_folder(self.folder)

    def assign_name(self, run: int) -> str:
        """Give a run its name: its start, the replica and its number, so that names sort."""
        stamp = dt.datetime.now(dt.UTC).strftime(STAMP)
        self._names[run] = run_id(run, stamp)
        history.note(self.record(run))
        return self._names[run]

    def name(self, run: int) -> str:
        """Name a run; empty while it is a standby."""
        return self._names.get(run, "")

    @property
    def names(self) -> list[str]:
        """Name all runs that are known."""
        return [*self._names.values()]

    def number(self, name: str) -> int:
        """Find a run by its name; 0 if there is none."""
        return next((number for number, known in self._names.items() if known == name), 0)

    def record(self, run: int) -> Path:
        """Where a run writes its record."""
        return self.folder / f"{self.name(run)}.ipynb"

    def failed_cell(self, run: int) -> dict[str, Any] | None:
        """Say in which cell a run failed, as its record has it; None if in none, or not yet."""
        found = history.facts_of(self.record(run)).get("failure")
        return found if isinstance(found, dict) else None

    def source(self, run: int) -> Path:
        """Where the notebook that a run executes is kept."""
        return self._sources.path(self.name(run))

    def hashes(self, run: int) -> tuple[str, str]:
        """Give the hash of a run's notebook and its digest; empty if it cannot be read any more."""
        return self._hashes_of(self.name(run))

    def _hashes_of(self, name: str) -> tuple[str, str]:
        if name and name not in self._hashes:
            path = self._sources.path(name)
            try:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                self._hashes[name] = (content, digest(path))
            except (ConfigurationError, OSError):
                return "", ""
        return self._hashes.get(name, ("", ""))

    def _digest(self, name: str) -> str:
        return self._hashes_of(name)[1]

    def take(self, notebook: Path, run: int) -> Path:
        """Keep a notebook as it is now for a run.

        Raises:
            ConfigurationError: It cannot be read.
        """
        return self._sources.take(notebook, self.name(run))

    def approve(self, run: int, source: int, cause: str, good: Sequence[GoodVersion]) -> None:
        """Keep the notebook by which a run has come to serve; prune those beyond need.

        Args:
            run: The run.
            source: The run whose notebook it executes.
            cause: Why it was launched, in words.
            good: What a rollback goes back through.
        """
        self._sources.approve(self.name(source))
        needed = {self.name(version.source) for version in good}
        self._sources.remove(self._repeated(needed))
        self._sources.prune(needed)
        digests = {version.digest for version in self.kept(source)}
        self._notes.has_served(self.hashes(source)[1], self.name(run), cause, digests)

    def _repeated(self, needed: set[str]) -> list[str]:
        """Name the notebooks that are not needed, and of which a newer one says the same."""
        known, repeated = {self._digest(name) for name in needed}, []
        for name in reversed(self._sources.served()):
            if name not in needed and self._digest(name) in known:
                repeated.append(name)
            known.add(self._digest(name))
        return repeated

    def note_failure(self, run: int, reason: str) -> None:
        """Note that a run's notebook, which has never served, failed to."""
        name = self.name(run)
        if self._sources.is_untried(name):
            facts = history.facts_of(self.record(run))
            self._notes.has_failed(*self.hashes(run), name, reason, facts)

    def kept(self, serving: int = 0) -> list[KeptVersion]:
        """List what can be gone back to, the newest first.

        Args:
            serving: The run whose notebook serves; of two notebooks that differ in nothing that
                matters that one is listed, else the newer.
        """
        found: dict[str, KeptVersion] = {}
        served = set(self._sources.served())
        numbers = [number for number, name in self._names.items() if name in served]
        for number in sorted(numbers, key=lambda number: (number != serving, -number)):
            sha256, own = self.hashes(number)
            if own and own not in found:
                path = self.source(number)
                found[own] = KeptVersion(source=number, sha256=sha256, digest=own, path=path)
        return sorted(found.values(), key=lambda each: str(self._note(each)["since"]), reverse=True)

    def _note(self, version: KeptVersion) -> Note:
        return self._notes.served(version.digest, self.name(version.source))

    def told(self, serving: int) -> list[Note]:
        """Say of each version that is kept or has failed what is known of it, the newest first.

        Args:
            serving: The run whose notebook serves; 0 for none.
        """
        kept = [
            {
                "sha256": version.sha256,
                "kept": str(version.path.absolute()),
                "state": "serving" if version.source == serving else "kept",
                "reason": "",
                **self._note(version),
            }
            for version in self.kept(serving)
        ]
        failed = [{**note, "kept": None, "state": "failed"} for note in self._notes.failed()]
        return sorted([*kept, *failed], key=lambda each: str(each["since"]), reverse=True)

    def find(self, sha256: str, serving: int = 0) -> KeptVersion:
        """Find the version that is kept, by the beginning of its hash.

        Raises:
            ConfigurationError: There is none, or there are several.
        """
        kept = self.kept(serving)
        found = [each for each in kept if each.sha256.startswith(sha256.lower())]
        if len(found) == 1 and len(sha256) >= _LEAST_LETTERS:
            return found[0]
        count = "more than one version" if found else "no version"
        listed = ", ".join(each.sha256[:_SHOWN_LETTERS] for each in kept) or "none"
        raise ConfigurationError(
            f"{count} that is kept begins with {sha256[:64]!r}; kept: {listed}"
        )

    def close(self, run: int, pid: int, code: int) -> str:
        """Make sure that the record of a run that ended says how, and give what it says."""
        record = self.record(run)
        files.sweep_partials(self._out)
        if not self.name(run) or not record.exists():
            return ""
        with files.if_possible(f"{record}: how the run ended is not recorded"):
            self._close(record, pid, code)
        return history.reason_of(record)

    def _close(self, record: Path, pid: int, code: int) -> None:
        how = end_in_words(code)
        is_shown = self._out.exists() and record.samefile(self._out)
        history.mark_if_killed(record, f"the run (pid {pid}) {how} without closing the record")
        if is_shown:
            files.show_at(record, self._out)

    def give_up(self, run: int, reason: str) -> None:
        """Keep a notebook no more, though it has served."""
        self._notes.was_given_up(*self.hashes(run), self.name(run), reason)
        self._sources.remove([self.name(run)])

    def forget(self, run: int, good: Sequence[GoodVersion]) -> None:
        """Let go of a run that has ended, but for a version that is good."""
        if run in self._names:
            self._sources.drop(self._names[run])
            with files.if_possible(f"{self.folder}: no record is removed"):
                history.prune(self.folder / "out.ipynb")
        self._ended.add(run)
        served = set(self._sources.served())
        needed = {version.source for version in good}
        for ended in self._ended - needed:
            if self.name(ended) not in served:
                self._hashes.pop(self._names.pop(ended, ""), None)
                self._ended.discard(ended)
