"""Read a notebook for the doctor: its code cells, numbered as a reader counts them."""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.doctor.findings import Breach
from runner.errors import ConfigurationError
from runner.notebook import code
from runner.notebook import document as notebook
from runner.notebook.parameters import Parameter


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodeCell:
    """Hold a code cell as it was read.

    Attributes:
        number: Its place among all cells, texts too, from 1 on.
        id: Its id; empty where it has none.
        tags: Its tags.
        source: Its text.
        tree: Its Python; empty if it has none or cannot be parsed.
        magics: Its lines that are IPython's, by their number.
        error: Why it cannot be parsed.
    """

    number: int
    id: str
    tags: tuple[str, ...]
    source: str
    tree: ast.Module
    magics: dict[int, str]
    error: SyntaxError | None

    @property
    def may_fail(self) -> bool:
        """Tell whether its author expects it to raise, and the run to go on."""
        return notebook.MAY_RAISE_TAG in self.tags

    def breach(self, what: str, line: int = 0) -> Breach:
        """Say that a rule is broken in this cell."""
        return Breach(what=what, cell=self.number, cell_id=self.id, line=line)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NotebookFile:
    """Hold a notebook's code cells, and where it was found.

    Attributes:
        path: The notebook.
        cells: Its code cells.
        document: What the runner itself knows of it.
    """

    path: Path
    cells: tuple[CodeCell, ...]
    document: notebook.Notebook

    @functools.cached_property
    def parameters(self) -> dict[str, Parameter]:
        """What the cell tagged ``parameters`` declares; nothing if it cannot be parsed."""
        try:
            return self.document.parameters()
        except ConfigurationError:
            return {}

    @property
    def parameters_cells(self) -> list[CodeCell]:
        """The cells tagged ``parameters``; papermill takes the first."""
        return [cell for cell in self.cells if notebook.PARAMETERS_TAG in cell.tags]

    def nodes(self) -> Iterator[tuple[CodeCell, ast.AST]]:
        """Walk through all syntax of all cells."""
        for cell in self.cells:
            for node in ast.walk(cell.tree):
                yield cell, node


def read_notebook(path: Path) -> NotebookFile:
    """Read a notebook file.

    Raises:
        ConfigurationError: There is no such file, or it is not a notebook of format 4.
    """
    document = notebook.read(path)
    cells = [
        _cell(number, raw, read)
        for number, (raw, read) in enumerate(zip(document.cells, document.codes, strict=True), 1)
        if raw["cell_type"] == "code"
    ]
    return NotebookFile(path=path, cells=tuple(cells), document=document)


def _cell(number: int, raw: dict[str, Any], read: code.Code) -> CodeCell:
    source, name = notebook.source(raw), raw.get("id")
    magic = code.automagic(source) if read.error else ""
    return CodeCell(
        number=number,
        id=name if isinstance(name, str) else "",
        tags=tuple(notebook.tags(raw)),
        source=source,
        tree=read.tree,
        magics={1: magic} if magic else read.magics,
        error=None if magic else read.error,
    )
