"""Tell whoever watches a run how far it is: by log lines, and on a terminal as each cell runs."""

from __future__ import annotations

import logging
import sys
from typing import Any, Protocol

from runner import log as logs
from runner.notebook.document import INJECTED_TAG, source, tags
from runner.record import failures
from runner.telemetry.live_line import LiveLine

log = logging.getLogger(__name__)


class Progress(Protocol):
    """Hear of each code cell as it starts and ends."""

    def started(self, number: int, total: int, cell: dict[str, Any]) -> None:
        """Hear that the code cell ``number`` of ``total`` starts."""

    def ended(self, number: int, total: int, cell: dict[str, Any], seconds: float) -> None:
        """Hear that it ended; its state stands in its metadata."""

    def close(self) -> None:
        """Hear that no more cells follow."""


class ProgressLog:
    """Write a log line for each cell, and show on a terminal which one runs, and for how long.

    Args:
        line: Where to show it; None: nowhere.
    """

    def __init__(self, line: LiveLine | None = None) -> None:
        self._line = line
        if line:
            line.show(lambda took: f"the kernel starts, {took:.0f} s")

    def started(self, number: int, total: int, cell: dict[str, Any]) -> None:
        """Log the start: of the last cell, which may run for long, for everyone."""
        level, name = logging.INFO if number == total else logging.DEBUG, name_of(cell)
        log.log(level, "code cell %d/%d %s started", number, total, name)
        if self._line:
            self._line.show(lambda took: f"code cell {number} of {total} ({name}), {took:.0f} s")

    def ended(self, number: int, total: int, cell: dict[str, Any], seconds: float) -> None:
        """Log the end with its state and time; a failure is told by who tells why."""
        if self._line:
            self._line.hide()
        status = cell["metadata"]["papermill"]["status"]
        level = logging.DEBUG if status == "failed" else logging.INFO  # why is told at once
        said = "code cell %d/%d %s %s in %.2f s"
        log.log(level, said, number, total, name_of(cell), status, seconds)

    def close(self) -> None:
        """Show no cell any more."""
        if self._line:
            self._line.close()


def live_line() -> LiveLine | None:
    """Give the line below our own log; None if that is not for people."""
    return None if logs.is_json() else LiveLine()


class ProgressBar:
    """Draw a bar, as papermill does: who has started it may write to the terminal as they like."""

    def __init__(self) -> None:
        self._bar: Any = None

    def started(self, number: int, total: int, cell: dict[str, Any]) -> None:
        """Show the cell's name beside the bar."""
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="cell", leave=True, file=sys.stderr)
        self._bar.set_description(name_of(cell))

    def ended(self, number: int, total: int, cell: dict[str, Any], seconds: float) -> None:
        """Advance the bar if the cell did what it should."""
        if cell["metadata"]["papermill"]["status"] == "completed":
            self._bar.update(1)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()


def name_of(cell: dict[str, Any]) -> str:
    """Name a cell for people: by its title, else by its first line of code."""
    if INJECTED_TAG in tags(cell):
        return INJECTED_TAG
    if title := failures.title_of(cell):
        return title
    lines = [line.strip() for line in source(cell).splitlines() if line.strip()]
    return repr(lines[0][:40]) if lines else str(cell.get("id", ""))
