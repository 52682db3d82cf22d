"""Find the notebook by which a run has served, from what is left of the run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook import document as notebook
from runner.notebook.annotations import is_annotated
from runner.notebook.document import INJECTED_TAG, SERVE_TAG, Notebook, source, tags
from runner.record import history
from runner.record.failures import is_put_in

_ENDED_BY_US = ("running", "interrupted")
_SHOWN_LETTERS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServedVersion:
    """Be the notebook that a run has served.

    Attributes:
        document: As it is kept.
        sha256: Of its file; empty if only the record is left.
        end: How many of its cells there are up to the one that serves.
        given: The code of the parameters that the run was given; empty if there were none.
        serves_cells: Annotated cells are what served.
    """

    document: Notebook
    sha256: str
    end: int
    given: str = ""
    serves_cells: bool = False

    @property
    def said(self) -> str:
        """Name the version, in words behind the run's."""
        return f", version `{self.sha256[:_SHOWN_LETTERS]}`" if self.sha256 else ""

    @property
    def notes(self) -> list[str]:
        """Say what of it is not as it was."""
        if self.sha256:
            return []
        return ["its notebook is not kept any more: the cells are those of the run's record"]

    @classmethod
    def find(cls, service_folder: Path, run: str) -> ServedVersion:
        """Find it.

        Args:
            service_folder: The service's folder below ``runs``.
            run: The run's id.

        Raises:
            ConfigurationError: Neither the notebook nor the record of the run is left.
        """
        record = service_folder / f"{Path(run).name}.ipynb"
        executed = _cells_of(record)
        path = _kept(service_folder / "sources", run, record)
        if path is None and not executed:
            raise ConfigurationError(
                f"{service_folder}: the notebook of run {run[:100]!r} is not kept any more"
            )
        document = notebook.read(path or record)
        own = [cell for cell in executed if not is_put_in(cell)]
        if path is None:
            document = dataclasses.replace(document, cells=own)
        is_left = len(own) < len(executed) and _is_served_last(executed)
        end = len(document.cells) if is_left else _end(document, own)
        return cls(
            document=document,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest() if path else "",
            end=end,
            given=next((source(cell) for cell in executed if INJECTED_TAG in tags(cell)), ""),
            serves_cells=is_annotated(document) and (is_left or not executed),
        )


def _is_served_last(executed: list[dict[str, Any]]) -> bool:
    """Tell whether what served was put in behind the notebook's own cells."""
    return any(is_put_in(cell) and SERVE_TAG in tags(cell) for cell in executed)


def _end(document: Notebook, own: list[dict[str, Any]]) -> int:
    """Count the cells up to the one that serves, as the record, or else its tag, tells."""
    if len(own) == len(document.cells):
        for number, cell in enumerate(own, 1):
            facts = cell["metadata"].get("papermill", {})
            if facts.get("status") in _ENDED_BY_US:
                return number
    tagged = (n for n, cell in enumerate(document.cells, 1) if SERVE_TAG in tags(cell))
    return next(tagged, len(document.cells))


def _kept(sources: Path, run: str, record: Path) -> Path | None:
    """Find the notebook that is kept: by the run's name, or by the hash that its record has."""
    own = sources / f"{Path(run).name}.ipynb"
    if own.is_file():
        return own
    sha256 = history.facts_of(record).get("notebook_sha256")
    for path in sorted(sources.glob("*.ipynb"), reverse=True):
        if sha256 and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            return path
    return None


def _cells_of(record: Path) -> list[dict[str, Any]]:
    try:
        cells = json.loads(record.read_bytes())["cells"]
        return [cell for cell in cells if isinstance(cell, dict)]
    except (OSError, ValueError, KeyError, TypeError):
        return []
