"""Show what a supervisor says of itself."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from runner.errors import ConfigurationError, RunnerError
from runner.rehearsal.report_text import summary, table

if TYPE_CHECKING:
    from runner.supervise.running import RunningService


_MOST_ROWS = 10


def iso(seconds: float) -> str:
    """Write a time of the wall clock, in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds")


def show(
    services: Sequence[RunningService], *, as_json: bool, say: Callable[[str], object]
) -> None:
    """Show each service's status, one after the other; in JSON each in a line of its own.

    Raises:
        RunnerError: One of them does not answer; the others were shown.
    """
    failed: list[RunnerError] = []
    for number, service in enumerate(services):
        try:
            status = service.status()
        except ConfigurationError:  # it has ended meanwhile
            continue
        except RunnerError as error:
            failed.append(error)
            continue
        del status["ok"]
        gap = "" if as_json or not number else "\n"
        say(gap + (json.dumps(status) if as_json else shown(status)))
    if failed:
        raise RunnerError("; ".join(map(str, failed)))


def shown(status: dict[str, Any]) -> str:
    """Lay out a status for people, one line for each thing."""
    rows = [
        ("notebook", status["notebook"]),
        ("records", status.get("records", "")),
        ("supervisor", f"{status['phase']}, pid {status['pid']}, up {_span(status['uptime'])}"),
        ("address", status.get("url") or f"http://{status['address']}"),
        ("serving", _serving(status["serving"])),
        *(("warning", notice) for notice in (status["serving"] or {}).get("notices", ())),
        *_rehearsal(status["serving"]),
        ("restarts", _restarts(status["restarts"], status["restarts_in"])),
        ("candidate", _candidate(status["candidate"])),
        *_rehearsal(status["candidate"]),
        ("standby", f"pid {status['standby']['pid']}" if status["standby"] else "none"),
        ("last failure", _failure(status["failure"])),
        *_rehearsal(status["failure"]),
        *_save(status.get("save_fault", "")),
        ("good versions", ", ".join(status["good"]) or "none"),
    ]
    return "\n".join(f"{name + ':' if name else '':<15}{value}" for name, value in rows)


def _serving(run: dict[str, Any] | None) -> str:
    if not run:
        return "nothing"
    pids = ", ".join(str(pid) for pid in run["workers"])
    return f"run {run['run']} since {run['since']}; workers {pids}; record {run['record']}"


def _rehearsal(about: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Say what was answered otherwise, in lines of their own."""
    said = (about or {}).get("rehearsal")
    if not said:
        return []
    return [("rehearsal", summary(said)), *(("", row) for row in table(said, _MOST_ROWS))]


def _restarts(total: int, next_in: float | None) -> str:
    return str(total) if next_in is None else f"{total}; the next in {next_in:g} s"


def _candidate(run: dict[str, Any] | None) -> str:
    return f"run {run['run']}, {run['state']}: {run['cause']}" if run else "none"


def _failure(failure: dict[str, Any] | None) -> str:
    if not failure:
        return "none"
    record = f"; record {failure['record']}" if failure["record"] else ""
    return f"run {failure['run']} at {failure['at']}: {failure['reason']}{record}"


def _save(fault: str) -> list[tuple[str, str]]:
    """Say what keeps the newest save from being read, if anything does."""
    return [("newest save", f"not taken up: {' '.join(fault.split())}")] if fault else []


def _span(seconds: float) -> str:
    return str(dt.timedelta(seconds=round(seconds)))
