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

    def started(self, point: Point) -> None:
        """Hear that a run starts."""

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
        self.total, self.done, self.failed, self.running = total, done, 0, 0
        self._clock = clock
        self._earlier, self._began = done, clock()

    def started(self) -> None:
        """Count a run that starts."""
        self.running += 1

    def ended(self, outcome: Outcome) -> None:
        """Count a run that ended."""
        self.running -= 1
        self.ended_elsewhere(outcome)

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
        return f"{self.running} running{failed}"


class SweepProgressLog:
    """Write a log line for each run that ended."""

    def __init__(self, counts: RunCounts) -> None:
        self._counts = counts

    def started(self, point: Point) -> None:
        """Count it."""
        self._counts.started()
        log.debug("%s started; log: %s", point.name, point.log)

    def ended(self, point: Point, outcome: Outcome) -> None:
        """Log its state, time and metrics, the counts, and the time that is left."""
        self._counts.ended(outcome)
        self._log(point, outcome_text(outcome))

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

    def started(self, point: Point) -> None:
        """Show that one more runs."""
        self._counts.started()
        self._bar.set_postfix_str(str(self._counts))

    def ended(self, point: Point, outcome: Outcome) -> None:
        """Advance the bar."""
        self._counts.ended(outcome)
        self._advance(point, outcome)

    def ended_elsewhere(self, point: Point, outcome: Outcome) -> None:
        """Advance the bar."""
        self._counts.ended_elsewhere(outcome)
        self._advance(point, outcome)

    def _advance(self, point: Point, outcome: Outcome) -> None:
        if not outcome.is_completed:
            self._bar.write(f"{point.name} {outcome_text(outcome)}", file=sys.stderr)
        self._bar.set_postfix_str(str(self._counts), refresh=False)
        self._bar.update(1)

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


def outcome_text(outcome: Outcome) -> str:
    """Say in a few words how a run ended."""
    duration = "" if outcome.seconds is None else f" in {outcome.seconds:.1f} s"
    facts = metrics_text(outcome.metrics) if outcome.is_completed else outcome.reason
    return f"{outcome.status}{duration}{': ' if facts else ''}{facts}"


def metrics_text(metrics: Metrics) -> str:
    """Write metrics in a line."""
    return ", ".join(
        f"{name} {'–' if value is None else format(value, '.6g')}"  # noqa: RUF001 - a dash is no value
        for name, value in metrics.items()
    )
