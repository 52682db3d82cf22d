"""List what a service has failed at: runs that ended badly, and requests that got no answer."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.cockpit.run_values import text_of
from runner.cockpit.services import LARGEST_RECORD, Service, facts_of, notebooks_in
from runner.record import requests
from runner.record.requests import RecordedFailure, RecordedRequest
from runner.record.run_status import ENDED_BADLY
from runner.record.tracebacks import plain

_MOST_RUNS = 5
_MOST_REQUESTS = 20
MOST_LOOKED_THROUGH = 5_000
_MOST_READ = 100
_LONGEST_TRACEBACK = 20_000
_LONGEST_BODY = 2_000
_LONGEST_NAME = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class FailedRun:
    """Be a run that ended badly.

    Attributes:
        record: Of it.
        at: When it ended, or was last seen; ISO.
        reason: In a line; it names the cell and the line.
        cell: The number of the cell, as a reader counts; 0 if unknown.
        line: In that cell; 0 if unknown.
        text: Of that line.
        traceback: As the kernel has it, without colours; empty if there is none.
    """

    record: Path
    at: str
    reason: str
    cell: int = 0
    line: int = 0
    text: str = ""
    traceback: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FailedRequest:
    """Be a request that was answered by 5xx, as far as it is shown; with what was raised."""

    id: str
    at: str
    status: int
    target: str
    ms: float
    run: str
    body: str
    answer: str
    failure: RecordedFailure
    record: Path


def failed_runs(service: Service) -> list[FailedRun]:
    """List those whose records are kept, the newest first."""
    names = [*reversed(notebooks_in(service.folder))][:_MOST_READ]
    found = (service.folder / name for name in names if name != service.out.name)
    bad = (path for path in found if facts_of(path).get("status") in ENDED_BADLY)
    return [_failed_run(path) for path in itertools.islice(bad, _MOST_RUNS)]


def failed_requests(service: Service) -> list[FailedRequest]:
    """List those among the newest that are recorded, the newest first.

    No more are looked through: a log without any has up to 256 MB, and a page asks all the time.
    """
    recorded = requests.read(requests.folder_of(service.folder))
    newest = itertools.islice(recorded, MOST_LOOKED_THROUGH)
    found = (each for each in newest if each.is_failure)
    return [_failed_request(service, each) for each in itertools.islice(found, _MOST_REQUESTS)]


def _failed_run(record: Path) -> FailedRun:
    facts = facts_of(record)
    failure = facts.get("failure")
    failure = failure if isinstance(failure, dict) else {}
    at = text_of(facts.get("ended")) or text_of(facts.get("saved"))
    stat = record.stat()
    return FailedRun(
        record=record,
        at=at,
        reason=text_of(facts.get("reason")),
        cell=_number(failure.get("cell")),
        line=_number(failure.get("line")),
        text=text_of(failure.get("text")),
        traceback=_traceback_in(record, stat.st_mtime_ns, stat.st_size),
    )


@functools.lru_cache(maxsize=64)
def _traceback_in(record: Path, changed: int, size: int) -> str:
    """Give the last error that the cells of a record show."""
    if size > LARGEST_RECORD:
        return ""
    try:
        cells = json.loads(record.read_bytes())["cells"]
        errors = [*_errors_in(cells)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    text = plain("\n".join(errors[-1])) if errors else ""
    return text if len(text) <= _LONGEST_TRACEBACK else f"…\n{text[-_LONGEST_TRACEBACK:]}"


def _errors_in(cells: list[dict[str, Any]]) -> Iterator[list[str]]:
    for cell in cells:
        for output in cell.get("outputs") or ():
            if output.get("output_type") == "error":
                yield [str(line) for line in output.get("traceback") or ()]


def _failed_request(service: Service, request: RecordedRequest) -> FailedRequest:
    return FailedRequest(
        id=request.id,
        at=request.time.isoformat(),
        status=request.status,
        target=f"{request.method} {request.target}",
        ms=request.ms,
        run=request.run,
        body=requests.NO_BODY if request.lacks_body else _shown(request.body),
        answer=_shown(request.answer),
        failure=request.failure or RecordedFailure(),
        record=service.folder / f"{Path(request.run[:_LONGEST_NAME]).name}.ipynb",
    )


def _shown(body: bytes | None) -> str:
    """Give a body as a text, of which the beginning is enough."""
    if body is None:
        return ""
    text = body[: 4 * _LONGEST_BODY].decode(errors="backslashreplace")
    return text if len(text) <= _LONGEST_BODY else f"{text[:_LONGEST_BODY]}…"


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
