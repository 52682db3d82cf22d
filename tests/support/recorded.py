"""Logs that keep what they are told, and write nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

from runner.http.recording import Exchanged, Recording
from runner.http.request_log import RequestLog
from runner.telemetry.request_trace import RequestTrace


class KeepingAccessLog:
    """Keep of which requests, and whose, there are lines.

    Attributes:
        lines: The trace and the client of each.
    """

    def __init__(self) -> None:
        self.lines: list[tuple[RequestTrace | None, str]] = []

    def add(self, *, trace: RequestTrace | None, client: str, **_: Any) -> None:
        self.lines.append((trace, client))


def recorded_line(name: str, time: dt.datetime, /, **fields: Any) -> str:
    """A line of a request log, of a request that was answered well unless its fields say else."""
    known = {
        "id": name,
        "time": time.isoformat(),
        "run": "r",
        "model": None,
        "key": "",
        "trace_id": "",
        "method": "POST",
        "path": "/",
        "query": "",
        "headers": {"content-type": "application/json"},
        "body": "1",
        "status": 200,
        "answer": "2",
        "answer_type": "application/json",
        "ms": 1.5,
        "is_cut": False,
    }
    return json.dumps(known | fields) + "\n"


@dataclasses.dataclass
class Recorded:
    """What was recorded of one exchange."""

    kept: Exchanged
    facts: dict[str, Any]

    @property
    def status(self) -> int:
        return int(self.facts["status"])


class KeepingLog(RequestLog):
    """Keep what is recorded.

    Attributes:
        recorded: It.
    """

    def __init__(self, rate: float = 1.0) -> None:
        super().__init__(rate, None, None, 1)  # type: ignore[arg-type] # no thread is begun
        self.recorded: list[Recorded] = []

    def add(self, kept: Recording | Exchanged, **facts: Any) -> None:
        self.recorded.append(Recorded(kept.exchanged(), facts))
