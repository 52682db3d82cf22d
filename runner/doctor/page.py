"""Read a notebook for the doctor: its cells as Python, whatever IPython put between."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook import document as notebook

# What these cell magics run is Python; what others run is not.
_PYTHON_MAGICS = {"capture", "time", "timeit", "prun"}
_MAGIC = re.compile(
    r"(?P<indent>\s*)(?:[\w., ]+=\s*)?(?P<text>(?:%(?!=)|!|\?).*|.*[\w)]\?{1,2}\s*)$"
)
_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST


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
    def parameters(self) -> dict[str, notebook.Parameter]:
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
        _cell(raw, name, is_python=document.is_python)
        for raw, name in zip(document.cells, cell_names(document.cells), strict=True)
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


def _cell(raw: dict[str, Any], name: str, *, is_python: bool) -> Cell:
    source = notebook.source(raw)
    tree, magics, fault = parse(source) if is_python else (_EMPTY, {}, None)
    return Cell(
        name=name,
        tags=tuple(notebook.tags(raw)),
        source=source,
        outputs=tuple(raw.get("outputs", [])),
        tree=tree,
        magics=magics,
        fault=fault,
    )


_EMPTY = ast.Module(body=[], type_ignores=[])


def parse(source: str) -> tuple[ast.Module, dict[int, str], SyntaxError | None]:
    """Parse a cell; every node keeps the line that it has in the cell.

    Returns:
        The Python, the lines that are IPython's by their number, and why there is no Python.
    """
    try:
        return _compiled(source), {}, None
    except SyntaxError:
        python, magics = _without_magics(source)
    try:
        return _compiled(python), magics, None
    except SyntaxError as error:
        return _EMPTY, magics, error


def _compiled(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the author's escapes, which Python reports when run
        try:
            tree = compile(source, "<cell>", "exec", _FLAGS, dont_inherit=True)
        except (ValueError, RecursionError, MemoryError) as error:  # null bytes; depth
            raise SyntaxError(str(error) or "too deep", ("<cell>", 1, 0, "")) from error
    assert isinstance(tree, ast.Module)  # noqa: S101 - what these flags give
    return tree


def _without_magics(source: str) -> tuple[str, dict[int, str]]:
    """Replace IPython's lines by as many of Python's, and give them by their number."""
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    magics: dict[int, str] = {}
    if lines[first].startswith("%%"):
        magics[first + 1] = lines[first].strip()
        if lines[first][2:].partition(" ")[0].strip() not in _PYTHON_MAGICS:
            return "", magics
        lines[first] = ""
    continues = False
    for number, line in enumerate(lines):
        matched = None if continues else _MAGIC.match(line)
        if matched:
            magics[number + 1] = matched["text"].strip()
        if matched or continues:
            indent = matched["indent"] if matched else re.match(r"\s*", line)[0]  # type: ignore[index] # always matches
            lines[number] = "" if continues else f"{indent}pass"
            continues = line.rstrip().endswith("\\")
    return "\n".join(lines), magics
