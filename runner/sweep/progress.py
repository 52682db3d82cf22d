"""Show how far a sweep is: one bar on a terminal, a log line for each run elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from runner.model.metrics import Metrics
from runner.sweep.outcomes import Outcome
from runner.sweep.points import Point

log = logging.getLogger(__name__)


class Display(Protocol):
    """Hear of each run as it starts and ends."""

    def started(self, point: Point) -> None:
        """Hear that a run starts."""

    def ended(self, point: Point, outcome: Outcome) -> None:
        """Hear that it ended."""

    def close(self) -> None:
        """Hear that no more runs follow."""


class Tally:
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


class Lines:
    """Write a log line for each run that ended."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def started(self, point: Point) -> None:
        """Count it."""
        self._tally.started()
        log.debug("%s started; log: %s", point.name, point.log)

    def ended(self, point: Point, outcome: Outcome) -> None:
        """Log its state, time and metrics, the counts, and the time that is left."""
        tally = self._tally
        tally.ended(outcome)
        log.info(
            "%d/%d %s %s; %s, about %.0f s left",
            *(tally.done, tally.total, point.name, said(outcome), str(tally), tally.left()),
        )

    def close(self) -> None:
        """Do nothing."""


class Bar:
    """Draw one bar for all runs; what failed gets a line above it."""

    def __init__(self, tally: Tally) -> None:
        from tqdm import tqdm

        self._tally = tally
        self._bar: Any = tqdm(
            total=tally.total, initial=tally.done, unit="run", file=sys.stderr, leave=True
        )

    def started(self, point: Point) -> None:
        """Show that one more runs."""
        self._tally.started()
        self._bar.set_postfix_str(str(self._tally))

    def ended(self, point: Point, outcome: Outcome) -> None:
        """Advance the bar."""
        self._tally.ended(outcome)
        if not outcome.is_completed:
            self._bar.write(f"{point.name} {said(outcome)}", file=sys.stderr)
        self._bar.set_postfix_str(str(self._tally), refresh=False)
        self._bar.update(1)

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


def said(outcome: Outcome) -> str:
    """Say in a few words how a run ended."""
    took = "" if outcome.seconds is None else f" in {outcome.seconds:.1f} s"
    facts = shown(outcome.metrics) if outcome.is_completed else outcome.reason
    return f"{outcome.status}{took}{': ' if facts else ''}{facts}"


def shown(metrics: Metrics) -> str:
    """Write metrics in a line."""
    return ", ".join(
        f"{name} {'–' if value is None else format(value, '.6g')}"  # noqa: RUF001 - a dash is no value
        for name, value in metrics.items()
    )
