"""Show how far a sweep is: one bar on a terminal, a log line for each run elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from runner.record.metrics import Metrics
from runner.sweep.outcomes import Outcome
from runner.sweep.points import Point

log = logging.getLogger(__name__)


class SweepProgress(Protocol):
    """Hear of each run as it starts and ends."""

    def started(self, point: Point, node: str = "") -> None:
        """Hear that a run starts, and on which node, if it is not here; maybe once more."""

    def ended(self, point: Point, outcome: Outcome) -> None:
        """Hear that it ended."""

    def ended_elsewhere(self, point: Point, outcome: Outcome) -> None:
        """Hear how a run ended that was not started here."""

    def close(self) -> None:
        """Hear that no more runs follow."""


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

    def __str__(self) -> str:
        """Say what the bar does not show by itself."""
        failed = f", {self.failed} failed" if self.failed else ""
        nodes = len(set(filter(None, self._nodes.values())))
        where = f" on {nodes} node{'' if nodes == 1 else 's'}" if nodes else ""
        return f"{len(self._nodes)} running{where}{failed}"


class SweepProgressLog:
    """Write a log line for each run that ended."""

    def __init__(self, counts: RunCounts) -> None:
        self._counts = counts

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
        log.info(
            "%d/%d %s %s; %s, about %.0f s left",
            *(counts.done, counts.total, point.name, said, str(counts), counts.left()),
        )

    def close(self) -> None:
        """Do nothing."""


class SweepProgressBar:
    """Draw one bar for all runs; what failed gets a line above it."""

    def __init__(self, counts: RunCounts) -> None:
        from tqdm import tqdm

        self._counts = counts
        self._bar: Any = tqdm(
            total=counts.total, initial=counts.done, unit="run", file=sys.stderr, leave=True
        )

    def started(self, point: Point, node: str = "") -> None:
        """Show that one more runs."""
        self._counts.started(point, node)
        self._bar.set_postfix_str(str(self._counts))

    def ended(self, point: Point, outcome: Outcome) -> None:
        """Advance the bar."""
        node = self._counts.ended(point, outcome)
        self._advance(point, outcome, node)

    def ended_elsewhere(self, point: Point, outcome: Outcome) -> None:
        """Advance the bar."""
        self._counts.ended_elsewhere(outcome)
        self._advance(point, outcome)

    def _advance(self, point: Point, outcome: Outcome, node: str = "") -> None:
        if not outcome.is_completed:
            self._bar.write(f"{point.name} {outcome_text(outcome, node)}", file=sys.stderr)
        self._bar.set_postfix_str(str(self._counts), refresh=False)
        self._bar.update(1)

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


def outcome_text(outcome: Outcome, node: str = "") -> str:
    """Say in a few words how a run ended, and on which node if it was not here."""
    duration = "" if outcome.seconds is None else f" in {outcome.seconds:.1f} s"
    facts = metrics_text(outcome.metrics) if outcome.is_completed else outcome.reason
    return f"{outcome.status}{duration}{_where(node)}{': ' if facts else ''}{facts}"


def _where(node: str) -> str:
    return f" on {node}" if node else ""


def metrics_text(metrics: Metrics) -> str:
    """Write metrics in a line."""
    return ", ".join(
        f"{name} {'–' if value is None else format(value, '.6g')}"  # noqa: RUF001 - a dash is no value
        for name, value in metrics.items()
    )
