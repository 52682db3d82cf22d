"""Say of a record what a list of runs shows of it, without building the rest in memory.

The rules of this file:

1. Nothing here is an error: what is no record of ours has no summary.
2. Every text, and the number of every kind of value, is bounded: a record is anybody's file.
3. Of a record beyond ``MOST_READ`` only the end is read, where its facts stand as nbformat writes
   it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import msgspec

from runner.cockpit.run_values import LONGEST_VALUE, Value, number_of, plain, shown, text_of
from runner.files import is_process_alive
from runner.identity import replica
from runner.record.metrics import SCRAP_MIME, Metrics, metrics_of
from runner.record.run_status import OPEN, RunStatus
from runner.wire import METRICS_MIME

SERVING = "serving"
MOST_READ = 64 * 2**20
_MOST_BUILT = 8 * 2**20  # of a file that only Python's own JSON reads, such as one with NaN
TAIL = 2**20
_TAIL_BEGINS = b'\n "metadata": {'  # at the depth that only the notebook's own has
_MOST_VALUES = 50
_LONGEST_NAME, _LONGEST_REASON = 80, 500
_REPORT = "report"  # the name that a sweep gives to its report, as if it were a point


class Kind(enum.StrEnum):
    """Say what has started a run."""

    RUN = "run"
    SERVICE = "service"
    SWEEP = "sweep"
    REPORT = "report"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellCounts:
    """Count the code cells of a run by what became of them."""

    total: int = 0
    completed: int = 0
    running: int = 0
    failed: int = 0


class Process(NamedTuple):
    """Be the process that has written a record: its number, its start, and its host."""

    pid: int = 0
    started: str = ""
    host: str = ""

    @property
    def is_of_here(self) -> bool:
        """Tell whether it is one that we could see; of before, none has a host."""
        return self.host in ("", replica())

    @property
    def is_gone(self) -> bool:
        """Tell whether it is known to run no more."""
        return self.is_of_here and self.pid > 0 and not is_process_alive(self.pid, self.started)


_NOBODY = Process()


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSummary:
    """Say what a list shows of a run.

    Attributes:
        path: Its record, below the folder that was looked at, as text that UTF-8 can hold; by this
            it is known.
        kind: What started it.
        notebook: What was run.
        status: As its record says; ``serving`` of a service's run that is ready.
        reason: Why it ended.
        started: When, in seconds since 1970; None if unknown.
        seconds: How long it took; None if it has not ended.
        parameters: Those that were given; what is no single value stands as JSON.
        metrics: What it recorded.
        cells: How far it came.
        point: Its name in its sweep.
        sweep: The folder of the sweep whose point or report it is, below that which was looked at.
        process: Who has written the record: by this it is known.
        size: The record's bytes.
        is_partly_read: Metrics and cells are unknown, as the record is too large.
    """

    path: str
    kind: Kind
    notebook: str = ""
    status: str = ""
    reason: str = ""
    started: float | None = None
    seconds: float | None = None
    parameters: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    metrics: Metrics = dataclasses.field(default_factory=dict)
    cells: CellCounts = dataclasses.field(default_factory=CellCounts)
    point: str = ""
    sweep: str = ""
    process: Process = _NOBODY
    size: int = 0
    is_partly_read: bool = False

    @property
    def is_open(self) -> bool:
        """Tell whether its record has not been closed."""
        return self.status in (*OPEN, SERVING)

    @property
    def name(self) -> str:
        """Call it by its point, else by its notebook."""
        return self.point or PurePosixPath(self.notebook).stem or self.path


class _Times(msgspec.Struct):
    status: Any = None
    duration: Any = None


class _CellMetadata(msgspec.Struct):
    papermill: _Times | None = None


class _Data(msgspec.Struct, rename={"recorded": METRICS_MIME, "glued": SCRAP_MIME}):
    recorded: Any = None
    glued: Any = None


class _Output(msgspec.Struct):
    data: _Data | None = None


class _Cell(msgspec.Struct):
    cell_type: str = ""
    metadata: _CellMetadata | None = None
    outputs: list[_Output] = []


class _Metadata(msgspec.Struct):
    runner: dict[str, Any] | None = None
    papermill: _Times | None = None


class _Document(msgspec.Struct):
    metadata: _Metadata
    cells: list[_Cell] = []


_UNREADABLE = (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError)


def summary_of(path: Path, root: Path) -> RunSummary | None:
    """Read a record's summary; None if it is no record of ours.

    Args:
        path: The record, below ``root``; a link is not followed.
        root: The folder that was looked at.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - by its number
            size = os.fstat(file.fileno()).st_size
            is_partly_read = size > MOST_READ
            file.seek(size - TAIL if is_partly_read else 0)
            data = file.read(MOST_READ)
    except OSError:
        return None
    document = _tail(data) if is_partly_read else _document(data)
    if document is None or document.metadata.runner is None:
        return None
    return _summary(path.relative_to(root), document, size, is_partly_read=is_partly_read)


def process_of(facts: Mapping[str, Any]) -> Process:
    """Give the process that has written a record, as its facts name it."""
    pid = facts.get("pid")
    return Process(
        pid if isinstance(pid, int) else 0,
        text_of(facts.get("process_start"), _LONGEST_NAME),
        text_of(facts.get("host"), _LONGEST_NAME),
    )


def _document(data: bytes) -> _Document | None:
    try:
        return msgspec.json.decode(data, type=_Document)
    except _UNREADABLE:
        if len(data) > _MOST_BUILT:
            return None
    try:  # NaN, which JSON has not, and half characters
        return msgspec.convert(json.loads(data), _Document)
    except _UNREADABLE:
        return None


def _tail(data: bytes) -> _Document | None:
    """Read the metadata that stands at the end."""
    at = data.rfind(_TAIL_BEGINS)
    return _document(b"{" + data[at:]) if at >= 0 else None


def _summary(path: Path, document: _Document, size: int, *, is_partly_read: bool) -> RunSummary:
    facts = document.metadata.runner or {}
    point = text_of(facts.get("sweep_point"), LONGEST_VALUE)
    kind, sweep = _kind(path, point, is_service=bool(facts.get("run")))
    times = document.metadata.papermill
    return RunSummary(
        path=shown(path),
        kind=kind,
        notebook=text_of(facts.get("notebook"), LONGEST_VALUE),
        status=_status(facts, kind),
        reason=text_of(facts.get("reason"), _LONGEST_REASON),
        started=_moment(facts.get("started")),
        seconds=_seconds(times.duration if times else None),
        parameters=_values(facts.get("parameters")),
        metrics=_metrics(document, facts),
        cells=_counts(document.cells),
        point=point,
        sweep=sweep,
        process=process_of(facts),
        size=size,
        is_partly_read=is_partly_read,
    )


def _kind(path: Path, point: str, *, is_service: bool) -> tuple[Kind, str]:
    """Say what started a run, and its sweep's folder."""
    if not point:
        return (Kind.SERVICE if is_service else Kind.RUN), ""
    if path.parent.parent.name == "points":
        return Kind.SWEEP, shown(path.parents[2])
    return (Kind.REPORT, shown(path.parent)) if point == _REPORT else (Kind.RUN, "")


def _status(facts: dict[str, Any], kind: Kind) -> str:
    status = text_of(facts.get("status"), _LONGEST_NAME)
    is_serving = kind is Kind.SERVICE and status == RunStatus.RUNNING and bool(facts.get("ready"))
    return SERVING if is_serving else status


def _counts(cells: list[_Cell]) -> CellCounts:
    statuses = [
        cell.metadata.papermill.status
        for cell in cells
        if cell.cell_type == "code" and cell.metadata and cell.metadata.papermill
    ]
    return CellCounts(
        total=len(statuses),
        completed=statuses.count("completed"),
        running=statuses.count("running"),
        failed=statuses.count("failed"),
    )


def _metrics(document: _Document, facts: dict[str, Any]) -> Metrics:
    """Have the metrics found by whoever reads them from a whole record."""
    data = (output.data for cell in document.cells for output in cell.outputs if output.data)
    outputs = [
        {"data": {METRICS_MIME: each.recorded, SCRAP_MIME: each.glued}}
        for each in data
        if each.recorded is not None or each.glued is not None
    ]
    cards = {key: _cards(facts.get(key)) for key in ("model_cards", "model_cards_at_end")}
    found = metrics_of({"cells": [{"outputs": outputs}], "metadata": {"runner": cards}})
    return {
        text_of(name, _LONGEST_NAME): value
        for name, value in list(found.items())[:_MOST_VALUES]
        if value is None or number_of(value) is not None
    }


def _cards(value: Any) -> dict[str, Any]:
    cards = value if isinstance(value, dict) else {}
    return {name: card for name, card in cards.items() if isinstance(card, dict)}


def _values(value: Any) -> dict[str, Value]:
    """Give parameters, each bounded."""
    given = list(value.items())[:_MOST_VALUES] if isinstance(value, dict) else []
    return {text_of(name, _LONGEST_NAME): plain(each) for name, each in given}


def _moment(value: Any) -> float | None:
    try:
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _seconds(value: Any) -> float | None:
    number = number_of(value)
    return None if number is None or number < 0 else number
