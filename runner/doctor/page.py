"""Read a notebook for the doctor: its cells as Python, whatever IPython put between."""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook import code
from runner.notebook import document as notebook
from runner.notebook.parameters import Parameter


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """Hold a code cell as it was read.

    Attributes:
        name: Its id, or its number within the notebook where it has none.
        tags: Its tags.
        source: Its text.
        outputs: What it showed when it was saved.
        tree: Its Python; empty if it has none or cannot be parsed.
        magics: Its lines that are IPython's, by their number.
        fault: Why it cannot be parsed.
    """

    name: str
    tags: tuple[str, ...]
    source: str
    outputs: tuple[dict[str, Any], ...]
    tree: ast.Module
    magics: dict[int, str]
    fault: SyntaxError | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """Hold a notebook's code cells, and where it was found.

    Attributes:
        path: The notebook.
        cells: Its code cells.
        document: What the runner itself knows of it.
    """

    path: Path
    cells: tuple[Cell, ...]
    document: notebook.Notebook

    @functools.cached_property
    def parameters(self) -> dict[str, Parameter]:
        """What the cell tagged ``parameters`` declares; nothing if it cannot be parsed."""
        try:
            return self.document.parameters()
        except ConfigurationError:
            return {}

    @property
    def parameters_cells(self) -> list[Cell]:
        """The cells tagged ``parameters``; papermill takes the first."""
        return [cell for cell in self.cells if notebook.PARAMETERS_TAG in cell.tags]

    def nodes(self) -> Iterator[tuple[Cell, ast.AST]]:
        """Walk through all syntax of all cells."""
        for cell in self.cells:
            for node in ast.walk(cell.tree):
                yield cell, node


def read(path: Path) -> Page:
    """Read a notebook file.

    Raises:
        ConfigurationError: There is no such file, or it is not a notebook of format 4.
    """
    document = _checked(path)
    cells = [
        _cell(raw, name, read)
        for raw, name, read in zip(
            document.cells, cell_names(document.cells), document.codes, strict=True
        )
        if raw["cell_type"] == "code"
    ]
    return Page(path=path, cells=tuple(cells), document=document)


def _checked(path: Path) -> notebook.Notebook:
    try:
        document = notebook.read(path)
    except (AttributeError, RecursionError) as error:  # metadata that is no mapping; depth
        raise ConfigurationError(f"{path}: not a notebook: its JSON has another form") from error
    for number, raw in enumerate(document.cells, 1):
        if fault := _fault(raw):
            raise ConfigurationError(f"{path}: not a notebook: cell {number}: {fault}")
    return document


def _fault(raw: dict[str, Any]) -> str:
    """Say what is wrong with the form of a cell; empty if nothing is."""
    source = raw["source"]
    if not isinstance(source, str) and not _is_list_of(source, str):
        return "its source is not text"
    metadata = raw.get("metadata", {})
    if not isinstance(metadata, dict) or not _is_list_of(metadata.get("tags", []), str):
        return "its metadata or tags have another form"
    return "" if _is_list_of(raw.get("outputs", []), dict) else "its outputs have another form"


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(inner, kind) for inner in value)


def cell_names(raws: list[dict[str, Any]]) -> list[str]:
    """Name each cell by its id; by its number from 1 on where that is missing or not its own."""
    ids = [raw.get("id") for raw in raws]
    counts = Counter(found for found in ids if isinstance(found, str))
    return [
        found if isinstance(found, str) and found and counts[found] == 1 else str(number)
        for number, found in enumerate(ids, 1)
    ]


def _cell(raw: dict[str, Any], name: str, read: code.Code) -> Cell:
    source = notebook.source(raw)
    magic = code.automagic(source) if read.error else ""
    return Cell(
        name=name,
        tags=tuple(notebook.tags(raw)),
        source=source,
        outputs=tuple(raw.get("outputs", [])),
        tree=read.tree,
        magics={1: magic} if magic else read.magics,
        fault=None if magic else read.error,
    )
