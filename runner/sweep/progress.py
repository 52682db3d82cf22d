"""Tell how far a sweep is: a log line for each run, and on a terminal one that counts them all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from runner.record.metrics import metrics_text
from runner.sweep.outcomes import Outcome
from runner.sweep.points import Point
from runner.telemetry.live_line import LiveLine

log = logging.getLogger(__name__)


class RunCounts:
    """Count the runs, and estimate when the last of them ends.

    Args:
        total: Points of the sweep.
        done: Those that need not be run.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, total: int, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.done, self.failed = total, done, 0
        self._nodes: dict[str, str] = {}
        self._clock = clock
        self._earlier, self._began = done, clock()

    def started(self, point: Point, node: str = "") -> None:
        """Count a run that starts; one whose node was lost starts again on another."""
        self._nodes[point.name] = node

    def ended(self, point: Point, outcome: Outcome) -> str:
        """Count a run that ended; give the node on which it ran."""
        self.ended_elsewhere(outcome)
        return self._nodes.pop(point.name, "")

    def ended_elsewhere(self, outcome: Outcome) -> None:
        """Count a run that another process has started, and that ended."""
        self.done += 1
        self.failed += not (outcome.is_completed or outcome.was_stopped)

    def left(self) -> float:
        """Estimate the seconds until the end; 0 if nothing is left."""
        ended = self.done - self._earlier
        return (self._clock() - self._began) / max(ended, 1) * (self.total - self.done)

    def shown(self) -> str:
        """Say how far it is, for as long as that is so."""
        since = self._clock() - self._began
        left = f", about {self.left():.0f} s left" if self.done > self._earlier else ""
        return f"{self.done} of {self.total} points done, {self}, {since:.0f} s{left}"

    def __str__(self) -> str:
        """Say what runs, and what has failed."""
        failed = f", {self.failed} failed" if self.failed else ""
        nodes = len(set(filter(None, self._nodes.values())))
        where = f" on {nodes} node{'' if nodes == 1 else 's'}" if nodes else ""
        return f"{len(self._nodes)} running{where}{failed}"


class SweepProgress:
    """Write a log line for each run that ended, and show on a terminal how far all are.

    Args:
        counts: Counts them.
        line: Where to show it; None: nowhere.
    """

    def __init__(self, counts: RunCounts, line: LiveLine | None = None) -> None:
        self._counts, self._line = counts, line
        if line:
            line.show(lambda _: counts.shown())

    def started(self, point: Point, node: str = "") -> None:
        """Count it."""
        self._counts.started(point, node)
        log.debug("%s started%s; log: %s", point.name, _where(node), point.log)

    def ended(self, point: Point, outcome: Outcome) -> None:
        """Log its state, time and metrics, the counts, and the time that is left."""
        node = self._counts.ended(point, outcome)
        self._log(point, outcome_text(outcome, node))

    def ended_elsewhere(self, point: Point, outcome: Outcome) -> None:
        """Log the same of a run that another process has started."""
        self._counts.ended_elsewhere(outcome)
        self._log(point, f"{outcome_text(outcome)} (by another process)")

    def _log(self, point: Point, said: str) -> None:
        counts = self._counts
        left = f", about {counts.left():.0f} s left" if counts.done < counts.total else ""
        log.info(
            "%d/%d %s %s; %s%s",
            *(counts.done, counts.total, point.name, said, str(counts), left),
        )

    def close(self) -> None:
        """Show no more."""
        if self._line:
            self._line.close()


def outcome_text(outcome: Outcome, node: str = "") -> str:
    """Say in a few words how a run ended, and on which node if it was not here."""
    duration = "" if outcome.seconds is None else f" in {outcome.seconds:.1f} s"
    facts = metrics_text(outcome.metrics) if outcome.is_completed else outcome.reason
    return f"{outcome.status}{duration}{_where(node)}{': ' if facts else ''}{facts}"


def _where(node: str) -> str:
    return f" on {node}" if node else ""
