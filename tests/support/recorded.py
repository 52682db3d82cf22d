"""A request log that keeps what it is told, and writes nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

from runner.http.recording import Exchanged
from runner.http.request_log import RequestLog


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

    def add(self, exchanged: Exchanged, **facts: Any) -> None:
        self.recorded.append(Recorded(exchanged, facts))
