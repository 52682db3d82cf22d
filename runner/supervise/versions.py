"""Name runs, and keep what they leave below ``runs``: records and the notebooks that served."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from runner import files
from runner.errors import ConfigurationError
from runner.files import write_atomically
from runner.notebook import document as notebook
from runner.record import history
from runner.record.ledger import Ledger
from runner.spawn.processes import end_in_words
from runner.supervise.states import KEPT, GoodVersion


class Versions:
    """Own a notebook's folder below ``runs``.

    Args:
        folder: That folder.
        out: Where the record of what serves is shown.
    """

    def __init__(self, folder: Path, out: Path) -> None:
        self.folder = folder
        self._out = out
        self._sources = KeptNotebooks(folder / "sources")
        self._names: dict[int, str] = {}
        self._ended: set[int] = set()

    def open(self) -> list[GoodVersion]:
        """Bring the folder in order; give the versions that earlier sessions served."""
        shown = self.folder / "out.ipynb"
        history.mark_all_killed(shown)
        if not history.is_kept(shown):
            history.keep_last(shown)
        history.prune(shown)
        good = []
        for number, name in enumerate(self._sources.open(), start=1):
            with contextlib.suppress(ConfigurationError):
                good.append(GoodVersion(source=number, digest=digest(self._sources.path(name))))
                self._names[number] = name
        return good

    def assign_name(self, run: int) -> str:
        """Give a run its name: its start and number, so that names sort."""
        stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
        self._names[run] = f"{stamp}-{run:04d}"
        history.note(self.record(run))
        return self._names[run]

    def name(self, run: int) -> str:
        """Name a run; empty while it is a standby."""
        return self._names.get(run, "")

    def number(self, name: str) -> int:
        """Find a run by its name; 0 if there is none."""
        return next((number for number, known in self._names.items() if known == name), 0)

    def record(self, run: int) -> Path:
        """Where a run writes its record."""
        return self.folder / f"{self.name(run)}.ipynb"

    def source(self, run: int) -> Path:
        """Where the notebook that a run executes is kept."""
        return self._sources.path(self.name(run))

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
        how = end_in_words(code)
        is_shown = self._out.exists() and record.samefile(self._out)
        history.mark_if_killed(record, f"the run (pid {pid}) {how} without closing the record")
        if is_shown:
            files.show_at(record, self._out)
        return history.reason_of(record)

    def forget(self, run: int, good: Sequence[GoodVersion]) -> None:
        """Let go of a run that has ended, but for a version that is good."""
        if run in self._names:
            self._sources.drop(self._names[run])
            history.prune(self.folder / "out.ipynb")
        self._ended.add(run)
        for ended in self._ended - {version.source for version in good}:
            self._names.pop(ended, None)
            self._ended.discard(ended)


class KeptNotebooks:
    """Own the notebooks in a folder that its ledger knows; what else lies there is left alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ledger = Ledger(folder)

    def open(self) -> list[str]:
        """Make the folder ready; give the ids of the runs whose notebooks are there, oldest first.

        What a killed supervisor left of runs that never served is removed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ledger.sweep()
        names = self._ledger.names()
        self._ledger.remove([name for name in names if name.startswith(".")])
        return self._approved()

    def _approved(self) -> list[str]:
        return [Path(name).stem for name in self._ledger.names() if not name.startswith(".")]

    def path(self, run: str) -> Path:
        """Where the notebook of a run is."""
        good = self.folder / f"{run}.ipynb"
        return good if good.exists() else self.folder / f".{run}.ipynb"

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
        write_atomically(kept, text)
        self._ledger.add(kept.name)
        return kept

    def approve(self, run: str) -> None:
        """Keep a run's notebook, because it has served."""
        starting = self.folder / f".{run}.ipynb"
        if starting.exists():
            starting.rename(self.folder / f"{run}.ipynb")
            self._ledger.add(f"{run}.ipynb")
            self._ledger.remove([starting.name])

    def drop(self, run: str) -> None:
        """Remove the notebook of a run that never served."""
        self._ledger.remove([f".{run}.ipynb"])

    def prune(self, needed: set[str]) -> None:
        """Remove all but ``KEPT``: those that are needed, and the newest of the others."""
        others = [run for run in self._approved() if run not in needed]
        beyond = others[: max(0, len(others) + len(needed) - KEPT)]
        self._ledger.remove([f"{run}.ipynb" for run in beyond])


def digest(path: Path) -> str:
    """Reduce a notebook to what its run depends on: kernel, code, tags; not its outputs.

    Raises:
        ConfigurationError: It is not a whole notebook.
    """
    document = notebook.read(path)
    cells = [
        [notebook.source(cell), notebook.tags(cell)]
        for cell in document.cells
        if cell["cell_type"] == "code"
    ]
    text = json.dumps([document.kernel_name, cells])
    return hashlib.sha256(text.encode()).hexdigest()
