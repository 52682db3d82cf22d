"""Lay out what a supervisor says of itself and of what it serves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from runner.rehearsal.report_text import summary, table
from runner.supervise.service_state import State, state_of
from runner.telemetry.log_lines import folded
from runner.traffic import traffic_text

Cell = str | tuple[str, str]
"""A text, or a text and its style by rich's words."""

WELL = (State.SERVING, State.SWAPPING, State.STARTING)
"""States in which there is nothing to mend."""

STATE_STYLES = dict.fromkeys(State, "yellow") | {
    State.SERVING: "green",
    State.SERVING_OLDER: "red",
    State.WAITING: "red",
    State.DOWN: "red",
}

_MOST_ROWS = 10
_MOST_VERSIONS = 5
VERSION_STYLES = {"serving": "green", "failed": "red"}


def iso(seconds: float) -> str:
    """Write a time of the wall clock, in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds")


def local(time: str) -> str:
    """Write a time of ISO 8601 as people here read it; empty if it is none."""
    try:
        return dt.datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return ""


def shown(
    status: dict[str, Any],
    points: Sequence[dict[str, Any]] = (),
    versions: Sequence[dict[str, Any]] = (),
) -> str:
    """Lay out a status for programs and logs, one line for each thing."""
    return "\n".join(
        f"{name + ':' if name else '':<15}{_text(value)}"
        for name, value in rows(status, points, versions)
    )


def _text(value: Cell) -> str:
    return folded(value if isinstance(value, str) else value[0])


def rows(
    status: dict[str, Any],
    points: Sequence[dict[str, Any]] = (),
    versions: Sequence[dict[str, Any]] = (),
) -> list[tuple[str, Cell]]:
    """Say what is known of a service: what it is, and the text, maybe with its style.

    Args:
        status: What its supervisor says of it.
        points: Of the last hour, likewise.
        versions: That are kept or failed, likewise.
    """
    serving, state = status["serving"], state_of(status).state
    failure, up = _failure(status["failure"]), traffic_text.span(status["uptime"])
    return [
        ("notebook", status["notebook"]),
        ("state", (state, STATE_STYLES[state])),
        ("records", status.get("records", "")),
        ("supervisor", f"{status['phase']}, pid {status['pid']}, up {up}"),
        ("address", status.get("url") or f"http://{status['address']}"),
        ("serving", (_serving(serving), "" if serving else "red")),
        *(("warning", (notice, "yellow")) for notice in (serving or {}).get("notices", ())),
        *_rehearsal(serving),
        *_traffic(status.get("traffic"), points),
        ("restarts", _restarts(status["restarts"], status["restarts_in"])),
        ("candidate", _candidate(status["candidate"])),
        *_rehearsal(status["candidate"]),
        ("standby", f"pid {status['standby']['pid']}" if status["standby"] else "none"),
        ("last failure", (failure, "red" if status["failure"] else "")),
        *_rehearsal(status["failure"]),
        *_save(status.get("save_fault", "")),
        *_versions(versions, (status["failure"] or {}).get("run", "")),
        *([] if versions else [("good versions", ", ".join(status["good"]) or "none")]),
    ]


def _traffic(
    traffic: dict[str, Any] | None, points: Sequence[dict[str, Any]]
) -> list[tuple[str, Cell]]:
    """Say what was asked of late, if that is counted."""
    if not traffic:
        return []
    has_failed = any(point["errors"] for point in points)
    found: list[tuple[str, Cell]] = [
        ("requests", (traffic_text.said(traffic), "red" if has_failed else "")),
        ("latency", traffic_text.latency(traffic)),
    ]
    if any(point["requests"] for point in points):
        asked = traffic_text.sparkline([point["requests"] for point in points])
        found.append((_hour(points), (asked, "cyan")))
    if has_failed:
        wrong = traffic_text.sparkline([point["errors"] for point in points])
        found.append(("failed", (wrong, "red")))
    if memory := traffic_text.size(traffic.get("memory")):
        found.append(("memory", memory))
    return found


def _hour(points: Sequence[dict[str, Any]]) -> str:
    minutes = sum(point["seconds"] for point in points) / 60
    return "last hour" if minutes >= 59 else f"last {max(1, round(minutes))} min"


def _versions(versions: Sequence[dict[str, Any]], told: str) -> list[tuple[str, Cell]]:
    """Name the newest versions, each in a line of its own."""
    found = [(_version(each, told), VERSION_STYLES.get(each["state"], "")) for each in versions]
    named = zip(["versions", *[""] * len(found)], found[:_MOST_VERSIONS], strict=False)
    return list(named)


def _version(version: dict[str, Any], told: str) -> str:
    """Name a version; what is told of the run that failed last is not told again."""
    said = "the last failure" if version["reason"] and version["run"] == told else why(version)
    by = f", by {version['author']}" if version["author"] else ""
    return f"{version['sha256'][:8]} {version['state']:<7} {local(version['since'])}{by}: {said}"


def why(version: dict[str, Any]) -> str:
    """Say why a version failed or came, and what its author says of it, as far as it is known."""
    subject = version.get("subject")
    came = f"{version['cause']}: {subject}" if subject else str(version["cause"])
    return str(version["reason"]) or came


def _serving(run: dict[str, Any] | None) -> str:
    if not run:
        return "nothing"
    pids = ", ".join(str(pid) for pid in run["workers"])
    version = f"version {run['sha256'][:8]}, " if run.get("sha256") else ""
    since = f"since {local(run['since'] or '')}"
    return f"{version}run {run['run']} {since}; workers {pids}; record {run['record']}"


def _rehearsal(about: dict[str, Any] | None) -> list[tuple[str, Cell]]:
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
    return f"run {failure['run']} at {local(failure['at'])}: {failure['reason']}{record}"


def _save(fault: str) -> list[tuple[str, Cell]]:
    """Say what keeps the newest save from being read, if anything does."""
    said = f"not taken up: {' '.join(fault.split())}"
    return [("newest save", (said, "red"))] if fault else []
