"""Keep the notebooks that have served, so that one can go back to them.

``runs/<notebook>/sources/<run id>.ipynb`` has served; while a run starts, its
file's name begins with a dot.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from runner.errors import ConfigurationError
from runner.files import write_atomically
from runner.notebook import document as notebook

KEPT = 10


class Sources:
    """Own the folder of kept notebooks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> list[str]:
        """Make the folder ready; give the ids of the runs whose notebooks are there, oldest first.

        What a killed supervisor left of runs that never served is removed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(".*"):
            left.unlink()
        return sorted(path.stem for path in self.folder.glob("*.ipynb"))

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
        return kept

    def approve(self, run: str) -> None:
        """Keep a run's notebook, because it has served."""
        starting = self.folder / f".{run}.ipynb"
        if starting.exists():
            starting.rename(self.folder / f"{run}.ipynb")

    def drop(self, run: str) -> None:
        """Remove the notebook of a run that never served."""
        (self.folder / f".{run}.ipynb").unlink(missing_ok=True)

    def prune(self, needed: set[str]) -> None:
        """Remove all but the newest and those that are needed."""
        for path in sorted(self.folder.glob("*.ipynb"))[:-KEPT]:
            if path.stem not in needed:
                path.unlink(missing_ok=True)


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
