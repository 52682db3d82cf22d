"""Read the file of a notebook, and refuse one whose form is not that of format 4."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook import refusals


def read(path: Path) -> dict[str, Any]:
    """Read the JSON of a notebook: its ``cells`` and its ``metadata`` have the form they should.

    Raises:
        ConfigurationError: There is no such file, or it is not a notebook of format 4.
    """
    document = _json_of(path)
    if not isinstance(document, dict) or not _has_format_4(document):
        raise refusals.other_form(path, document)
    faults = (
        f"cell {number}: {fault}"
        for number, cell in enumerate(document["cells"], 1)
        if (fault := _fault(cell))
    )
    if fault := next(faults, "") or _fault_of_metadata(document.get("metadata")):
        raise ConfigurationError(f"{path}: not a notebook: {fault}")
    return document


def _has_format_4(document: dict[str, Any]) -> bool:
    is_4 = document.get("nbformat", 4) == 4 and isinstance(document.get("nbformat_minor", 0), int)
    cells = document.get("cells")
    return is_4 and isinstance(cells, list) and all(map(_is_cell, cells))


def _json_of(path: Path) -> Any:
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text)
    except FileNotFoundError as error:
        raise refusals.missing(path) from error
    except OSError as error:
        raise refusals.unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise refusals.no_text(path) from error
    except (ValueError, RecursionError) as error:  # RecursionError: lists in lists in lists
        raise refusals.no_json(path, text, error) from error


def _fault_of_metadata(metadata: Any) -> str:
    if not isinstance(metadata, dict):
        return "its metadata have another form"
    parts = ("kernelspec", "language_info", "papermill")
    wrong = [name for name in parts if not isinstance(metadata.get(name, {}), dict)]
    return f"its {wrong[0]} has another form" if wrong else ""


def _fault(cell: dict[str, Any]) -> str:
    """Say what is wrong with the form of a cell; empty if nothing is."""
    text, metadata, outputs = cell["source"], cell.get("metadata"), cell.get("outputs", [])
    if not isinstance(cell["cell_type"], str) or not isinstance(cell.get("id", ""), str):
        return "its type or id is not text"
    if not isinstance(text, str) and not _is_list_of(text, str):
        return "its source is not text"
    if not isinstance(metadata, dict) or not _is_list_of(metadata.get("tags", []), str):
        return "its metadata or tags have another form"
    if not _is_list_of(outputs, dict) or not all(map(_is_output, outputs)):
        return "its outputs have another form"
    is_whole = _is_dict_of_dicts(cell.get("attachments", {}))
    return "" if is_whole else "its attachments have another form"


def _is_output(output: dict[str, Any]) -> bool:
    text = output.get("text", "")
    is_text = not isinstance(text, list) or _is_list_of(text, str)
    kind, data = output.get("output_type", ""), output.get("data", {})
    return isinstance(kind, str) and isinstance(data, dict) and is_text


def _is_dict_of_dicts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(inner, dict) for inner in value.values())


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(inner, kind) for inner in value)


def _is_cell(cell: Any) -> bool:
    return isinstance(cell, dict) and {"cell_type", "source"} <= cell.keys()
