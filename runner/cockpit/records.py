"""Read one record whole, within bounds: its facts, and of each cell what it did and put out.

The rules of this file:

1. Whatever a file says that is of another kind than it should be is as if it were not there.
2. Cells are counted as a reader counts them, as `runner.record.failures` does; those that were put
   in have no number.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.cockpit.run_values import number_of, text_of
from runner.record import failures, tracebacks
from runner.record.progress import name_of

MOST_SHOWN = 16 * 2**20
_MOST_CELLS = 1_000
_LONGEST_SOURCE, _LONGEST_OUTPUT, _LONGEST_NAME = 100_000, 20_000, 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordCell:
    """Be one cell of a record.

    Attributes:
        number: As a reader counts it; 0 if it was put in.
        cell_id: Its id; empty if it has none.
        kind: ``code``, ``markdown`` or ``raw``.
        name: A title, or its first line.
        source: Its text.
        output: What it put out, as text; of a picture its kind and a digest.
        status: What became of it.
        seconds: How long that took.
    """

    number: int
    cell_id: str
    kind: str
    name: str
    source: str
    output: str
    status: str
    seconds: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """Be a record as it was when it was read.

    Attributes:
        facts: What it says of the run.
        defaults: The notebook's parameters as they are unless they are given.
        cells: Its cells, but for those beyond a bound.
        is_cut: There are more.
    """

    facts: Mapping[str, Any]
    defaults: Mapping[str, Any]
    cells: Sequence[RecordCell]
    is_cut: bool = False


def read_record(path: Path) -> Record | None:
    """Read a record; None if it is too large for that, is gone, or is none.

    Args:
        path: Its file; a link is not followed.
    """
    data = read_file(path, MOST_SHOWN)
    try:
        document = json.loads(data) if data is not None else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    metadata = _mapping(document.get("metadata"))
    cells = _list(document.get("cells"))
    return Record(
        facts=_mapping(metadata.get("runner")),
        defaults=_mapping(_mapping(metadata.get("papermill")).get("default_parameters")),
        cells=tuple(_cells(cells[:_MOST_CELLS])),
        is_cut=len(cells) > _MOST_CELLS,
    )


def read_file(path: Path, most: int) -> bytes | None:
    """Read a file that is no link and no larger than a bound; None if there is none."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - by its number
            data = file.read(most + 1)
    except OSError:
        return None
    return data if len(data) <= most else None


def _cells(cells: Sequence[Any]) -> Iterator[RecordCell]:
    number = 0
    for given in cells:
        cell = _mapping(given)
        metadata = _mapping(cell.get("metadata"))
        times = _mapping(metadata.get("papermill"))
        tags = [tag for tag in _list(metadata.get("tags")) if isinstance(tag, str)]
        cell_id = text_of(cell.get("id"), _LONGEST_NAME)
        source = text_of(joined(cell.get("source")), _LONGEST_SOURCE)
        known = {"id": cell_id, "source": source, "metadata": {"tags": tags}}
        is_put_in = failures.is_put_in(known)
        number += not is_put_in
        yield RecordCell(
            number=0 if is_put_in else number,
            cell_id=cell_id,
            kind=text_of(cell.get("cell_type"), _LONGEST_NAME),
            name=text_of(name_of(known), _LONGEST_NAME),
            source=source,
            output=text_of("\n".join(_outputs(cell)), _LONGEST_OUTPUT),
            status=text_of(times.get("status"), _LONGEST_NAME),
            seconds=number_of(times.get("duration")),
        )


def _outputs(cell: Mapping[str, Any]) -> Iterator[str]:
    for given in _list(cell.get("outputs")):
        output = _mapping(given)
        kind = output.get("output_type")
        if kind == "stream":
            yield _plain(output.get("text"))
        elif kind == "error":
            yield f"{_plain(output.get('ename'))}: {_plain(output.get('evalue'))}"
        else:
            yield from _data(_mapping(output.get("data")))


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    if "text/plain" in data:
        yield _plain(data["text/plain"])
    for kind, value in data.items():
        if kind.startswith("image/"):
            text = joined(value)
            digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]
            yield f"{kind}, {len(text):,} characters, {digest}"


def _plain(value: Any) -> str:
    return tracebacks.plain(joined(value)).strip("\n")


def joined(value: Any) -> str:
    """Give a text that a notebook has as one, or as its lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
