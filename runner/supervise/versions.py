"""Name runs, and keep what they leave below ``runs``: records and the notebooks that served."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner import files
from runner.errors import ConfigurationError
from runner.identity import run_id
from runner.notebook import document as notebook
from runner.record import history
from runner.record.ledger import Ledger
from runner.record.private_files import make_private_folder, write_private
from runner.spawn.processes import end_in_words
from runner.spawn.working_folder import WorkingFolder
from runner.supervise.states import KEPT, GoodVersion

log = logging.getLogger(__name__)

_RUN_OF_0_1 = re.compile(r"\d{8}T\d{6}-\d{4,}")


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
        good = []
        for number, name in enumerate(self._sources.open(), start=1):
            with contextlib.suppress(ConfigurationError):
                good.append(GoodVersion(source=number, digest=digest(self._sources.path(name))))
                self._names[number] = name
        return good

    def find_place(self) -> None:
        """Be where a run can start and leave its record, whoever has removed or replaced that."""
        self.place.restore()
        with files.if_possible(f"{self.folder}: nothing can be recorded"):
            make_private_folder(self.folder)

    def assign_name(self, run: int) -> str:
        """Give a run its name: its start, the replica and its number, so that names sort."""
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
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

    def digest(self, run: int) -> str:
        """Give the digest of a run's notebook; none if it cannot be read any more."""
        with contextlib.suppress(ConfigurationError):
            return digest(self.source(run))
        return ""

    def take(self, notebook: Path, run: int) -> Path:
        """Keep a notebook as it is now for a run.

        Raises:
            ConfigurationError: It cannot be read.
        """
        return self._sources.take(notebook, self.name(run))

    def approve(self, run: int, good: Sequence[GoodVersion]) -> None:
        """Keep a run's notebook, because it has served; prune those beyond need."""
        self._sources.approve(self.name(run))
        self._sources.prune({self.name(version.source) for version in good})

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

    def give_up(self, run: int) -> None:
        """Keep a notebook no more, though it has served."""
        self._sources.remove([self.name(run)])

    def forget(self, run: int, good: Sequence[GoodVersion]) -> None:
        """Let go of a run that has ended, but for a version that is good."""
        if run in self._names:
            is_good = any(run == version.source for version in good)
            self._sources.drop(self._names[run], is_good=is_good)
            with files.if_possible(f"{self.folder}: no record is removed"):
                history.prune(self.folder / "out.ipynb")
        self._ended.add(run)
        for ended in self._ended - {version.source for version in good}:
            self._names.pop(ended, None)
            self._ended.discard(ended)


class KeptNotebooks:
    """Own the notebooks in a folder that its ledger knows; what else lies there is left alone.

    What has served has to be there when it is started again, whatever became of the folder and
    the disk. So each file stays open, and one that the disk refuses is in memory instead.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ledger = Ledger(folder)
        self._files: dict[str, int] = {}
        self._only_in_memory: set[str] = set()

    def open(self) -> list[str]:
        """Make the folder ready; give the ids of the runs whose notebooks are there, oldest first.

        What a killed supervisor left of runs that never served is removed.
        """
        with files.if_possible(f"{self.folder}: what is left there stays as it is"):
            make_private_folder(self.folder)
            if not self._ledger.exists:
                self._note_those_of_0_1()
            self._ledger.sweep()
            self._ledger.forget_missing()
            names = self._ledger.names()
            self._ledger.remove([name for name in names if name.startswith(".")])
        for run in (kept := self._approved()):
            self._open(run, self.folder / f"{run}.ipynb")
        return kept

    def _note_those_of_0_1(self) -> None:
        """Take over what an earlier release has kept, which had no ledger: so it is named."""
        for path in sorted(self.folder.iterdir()):
            if path.suffix == ".ipynb" and _RUN_OF_0_1.fullmatch(path.stem.removeprefix(".")):
                self._ledger.add(path.name)

    def _approved(self) -> list[str]:
        return [Path(name).stem for name in self._ledger.names() if not name.startswith(".")]

    def path(self, run: str) -> Path:
        """Where the notebook of a run is."""
        good, starting = self.folder / f"{run}.ipynb", self.folder / f".{run}.ipynb"
        for path in (good, starting):
            if path.exists() or run not in self._files:
                return path
        opened = Path(f"/proc/{os.getpid()}/fd/{self._files[run]}")
        return opened if run in self._only_in_memory else self._restored(good, opened)

    def _restored(self, path: Path, opened: Path) -> Path:
        """Write a notebook again that somebody has removed; else give what is open of it."""
        try:
            text = opened.read_bytes()
            make_private_folder(path.parent)
            write_private(path, text)
        except OSError as error:
            log.warning("%s is gone, and cannot be written again: %s", path, error)
            return opened
        log.warning("%s was gone, and was written again", path)
        self._ledger.add(path.name)
        return path

    def take(self, path: Path, run: str) -> Path:
        """Copy a notebook as it is now: what is edited while the run starts does not touch it.

        Raises:
            ConfigurationError: It cannot be read.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{path}: cannot be read: {error}") from error
        kept = self.folder / f".{run}.ipynb"
        try:
            make_private_folder(kept.parent)
            write_private(kept, text)
        except OSError as error:
            log.warning("%s is kept in memory only: %s", kept, error)
            self._files[run] = _in_memory(run, text)
            self._only_in_memory.add(run)
        else:
            self._ledger.add(kept.name)
            self._open(run, kept)
        return self.path(run)

    def approve(self, run: str) -> None:
        """Keep a run's notebook, because it has served."""
        starting = self.folder / f".{run}.ipynb"
        with files.if_possible(f"{starting}: it is not kept beyond this session"):
            if starting.exists():
                self._ledger.add(f"{run}.ipynb")  # before it is there: killed between, it is kept
                starting.rename(self.folder / f"{run}.ipynb")
                self._ledger.remove([starting.name])

    def drop(self, run: str, *, is_good: bool = False) -> None:
        """Remove the notebook of a run that never served."""
        self._ledger.remove([f".{run}.ipynb"])
        if not is_good:
            self._close(run)

    def prune(self, needed: set[str]) -> None:
        """Remove all but ``KEPT``: those that are needed, and the newest of the others."""
        others = [run for run in self._approved() if run not in needed]
        self.remove(others[: max(0, len(others) + len(needed) - KEPT)])

    def remove(self, runs: Sequence[str]) -> None:
        """Remove the notebooks of runs that have served."""
        self._ledger.remove([f"{run}.ipynb" for run in runs])
        for run in runs:
            self._close(run)

    def _open(self, run: str, path: Path) -> None:
        with files.if_possible(f"{path}: it is lost if somebody removes it"):
            self._files[run] = os.open(path, os.O_RDONLY)

    def _close(self, run: str) -> None:
        self._only_in_memory.discard(run)
        fd = self._files.pop(run, -1)
        if fd >= 0:
            os.close(fd)


def _in_memory(name: str, text: str) -> int:
    """Write a text to a file that no disk has; give its number."""
    fd = os.memfd_create(name)
    with open(fd, "w", encoding="utf-8", closefd=False) as file:
        file.write(text)
    return fd


def digest(path: Path) -> str:
    """Reduce a notebook to what its run depends on: kernel, code, tags; not its outputs.

    Raises:
        ConfigurationError: It is not a whole notebook, or a merge in git has left marks in it.
    """
    document = notebook.read(path)
    if fault := notebook.conflict(document):
        raise ConfigurationError(f"{path}: {fault}")
    cells = [
        [notebook.source(cell), notebook.tags(cell)]
        for cell in document.cells
        if cell["cell_type"] == "code"
    ]
    text = json.dumps([document.kernel_name, cells])
    return hashlib.sha256(text.encode()).hexdigest()
