"""Tell two versions of a notebook apart, cell by cell.

nbdime says which cells belong together; of those that were changed, the lines are compared. Outputs
are no part of a version, so they are left out; and so is all metadata but the tags.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook import document as notebook

_LARGEST = 16_000_000  # bytes of a file
_MOST_CELLS = 300
_MOST_CHARACTERS = 300_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """Be a line of a cell; ``kind`` is ``added``, ``removed``, or empty for one of both."""

    text: str
    kind: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellDifference:
    """Be what has become of a cell.

    Attributes:
        number: Its place as a reader counts, in the newer notebook, else in the older one.
        kind: ``added``, ``removed``, ``changed``, or empty.
        what: What sort of cell it is.
        lines: Of its source, in the newer one and the older one.
        tags: What its tags were and are, if they differ.
    """

    number: int
    kind: str
    what: str
    lines: Sequence[Line]
    tags: str = ""


def difference(older: Path, newer: Path) -> list[CellDifference]:
    """Compare two notebooks.

    Raises:
        ConfigurationError: One of them cannot be read, or they are too large to be compared here.
    """
    before, now = _cells(older), _cells(newer)
    if before == now:
        return [*_unchanged(before, now, 0, 0, len(before))]
    return [*_compared(before, now)]


def _cells(path: Path) -> list[dict[str, Any]]:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ConfigurationError(f"{path.name}: cannot be read: {error.strerror}") from error
    cells = notebook.read(path).cells if size <= _LARGEST else []
    texts = [notebook.source(cell) for cell in cells]
    if size > _LARGEST or len(cells) > _MOST_CELLS or sum(map(len, texts)) > _MOST_CHARACTERS:
        raise ConfigurationError(f"{path.name}: too large to be compared here")
    return [
        {
            "id": str(cell.get("id", "")),
            "cell_type": str(cell.get("cell_type")),
            "source": text,
            "metadata": {"tags": [*notebook.tags(cell)]},
        }
        for cell, text in zip(cells, texts, strict=True)
    ]


def _compared(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> Iterator[CellDifference]:
    """Walk both lists of cells by nbdime's operations, each at a place in the older one."""
    old = new = 0
    for operation in _operations(before, now):
        yield from _unchanged(before, now, old, new, operation.key - old)
        old, new = operation.key, new + operation.key - old
        if operation.op == "addrange":
            for _ in operation.valuelist:
                yield _whole(now[new], new, "added")
                new += 1
        elif operation.op == "removerange":
            for _ in range(operation.length):
                yield _whole(before[old], old, "removed")
                old += 1
        else:
            yield _changed(before[old], now[new], new)
            old, new = old + 1, new + 1
    yield from _unchanged(before, now, old, new, len(before) - old)


def _operations(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> Sequence[Any]:
    from nbdime import diff_notebooks
    from nbformat import from_dict

    notebooks = (
        from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": _with_all(cells)})
        for cells in (before, now)
    )
    found = diff_notebooks(*notebooks)
    return next((each.diff for each in found if each.key == "cells"), [])


def _with_all(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give code what a notebook's format wants it to have."""
    code: dict[str, Any] = {"outputs": [], "execution_count": None}
    return [{**cell, **(code if cell["cell_type"] == "code" else {})} for cell in cells]


def _unchanged(
    before: list[dict[str, Any]], now: list[dict[str, Any]], old: int, new: int, count: int
) -> Iterator[CellDifference]:
    for step in range(count):
        yield _changed(before[old + step], now[new + step], new + step)


def _changed(before: dict[str, Any], now: dict[str, Any], place: int) -> CellDifference:
    lines = [*lines_of(before["source"], now["source"])]
    tags = (before["metadata"]["tags"], now["metadata"]["tags"])
    is_same = before["source"] == now["source"] and tags[0] == tags[1]
    return CellDifference(
        number=place + 1,
        kind="" if is_same and before["cell_type"] == now["cell_type"] else "changed",
        what=now["cell_type"],
        lines=lines,
        tags=""
        if tags[0] == tags[1]
        else " → ".join(", ".join(map(str, x)) or "none" for x in tags),
    )


def _whole(cell: dict[str, Any], place: int, kind: str) -> CellDifference:
    lines = [Line(text=text, kind=kind) for text in cell["source"].splitlines()]
    return CellDifference(number=place + 1, kind=kind, what=cell["cell_type"], lines=lines)


def lines_of(before: str, now: str) -> Iterator[Line]:
    """Give the lines of two texts, and which of them only one has."""
    old, new = before.splitlines(), now.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for what, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if what == "equal":
            yield from (Line(text=text) for text in old[old_start:old_end])
            continue
        yield from (Line(text=text, kind="removed") for text in old[old_start:old_end])
        yield from (Line(text=text, kind="added") for text in new[new_start:new_end])
