"""Own the notebooks that have served or are about to, and have them there when they are needed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

from runner import files
from runner.errors import ConfigurationError
from runner.notebook import document as notebook
from runner.record.ledger import Ledger
from runner.record.private_files import make_private_folder, write_private
from runner.supervise.states import KEPT

log = logging.getLogger(__name__)

_RUN_OF_0_1 = re.compile(r"\d{8}T\d{6}-\d{4,}")


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
        self._served: set[str] = set()

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
        self._served = {Path(name).stem for name in self._ledger.names() if name[0] != "."}
        for run in self.served():
            self._open(run, self.folder / f"{run}.ipynb")
        return self.served()

    def _note_those_of_0_1(self) -> None:
        """Take over what an earlier release has kept, which had no ledger: so it is named."""
        for path in sorted(self.folder.iterdir()):
            if path.suffix == ".ipynb" and _RUN_OF_0_1.fullmatch(path.stem.removeprefix(".")):
                self._ledger.add(path.name)

    def served(self) -> list[str]:
        """Give the ids of the runs whose notebooks have served and are kept, oldest first."""
        return sorted(self._served)

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
        if starting.exists() or run in self._files:
            self._served.add(run)
        with files.if_possible(f"{starting}: it is not kept beyond this session"):
            if starting.exists():
                self._ledger.add(f"{run}.ipynb")  # before it is there: killed between, it is kept
                starting.rename(self.folder / f"{run}.ipynb")
                self._ledger.remove([starting.name])

    def is_untried(self, run: str) -> bool:
        """Tell whether a run was to execute a notebook that has never served."""
        return run in self._files and run not in self._served

    def drop(self, run: str) -> None:
        """Remove the notebook of a run that never served."""
        if run not in self._served:
            self._ledger.remove([f".{run}.ipynb"])
            self._close(run)

    def prune(self, needed: set[str]) -> None:
        """Remove all but ``KEPT``: those that are needed, and the newest of the others."""
        others = [run for run in self.served() if run not in needed]
        self.remove(others[: max(0, len(others) + len(needed) - KEPT)])

    def remove(self, runs: Sequence[str]) -> None:
        """Remove the notebooks of runs that have served."""
        self._ledger.remove([f"{run}.ipynb" for run in runs])
        self._served.difference_update(runs)
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
