"""Find, in the record of a run that failed, the cell by which it did."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook import document
from runner.record import failures, history


def failed_cell(record: Path) -> dict[str, Any] | None:
    """Give its number as a reader counts, its id, the line, its text, and the error.

    None if no cell of the notebook's own failed, or the record cannot be read.
    """
    try:
        changed = record.stat().st_mtime_ns
    except OSError:
        return None
    return _read(record, changed)


@functools.lru_cache(maxsize=64)
def _read(record: Path, _changed: int) -> dict[str, Any] | None:
    said = history.facts_of(record).get("failure")
    if isinstance(said, dict):
        return said
    try:
        cells = document.read(record).cells
    except ConfigurationError:
        return None
    own = [cell for cell in cells if not failures.is_put_in(cell) and not _is_notice(cell)]
    failed = (place for place, cell in enumerate(own) if _has_failed(cell))
    place = next(failed, None)
    return None if place is None else _described(own[place], place + 1)


def _is_notice(cell: dict[str, Any]) -> bool:
    """Tell whether papermill has put a cell in to say that another one failed."""
    return any(tag.startswith("papermill-error") for tag in document.tags(cell))


def _has_failed(cell: dict[str, Any]) -> bool:
    facts = cell["metadata"].get("papermill")
    return isinstance(facts, dict) and facts.get("status") == "failed"


def _described(cell: dict[str, Any], number: int) -> dict[str, Any]:
    errors = [each for each in cell.get("outputs", []) if each["output_type"] == "error"]
    none: dict[str, Any] = {"ename": "", "evalue": "", "traceback": []}
    error = errors[-1] if errors else none
    text = document.source(cell)
    line, lines = failures.line_of(text, error["traceback"]), text.splitlines()
    return {
        "cell": number,
        "cell_id": cell.get("id", ""),
        "line": line,
        "text": lines[line - 1].strip() if 0 < line <= len(lines) else "",
        "error": error["ename"],
        "value": failures.plain_value(error["ename"], error["evalue"]),
    }
