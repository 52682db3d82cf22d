"""Draw the traffic of the last hour, a bar for each minute: as SVG, and in one line of text."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Self

from runner.traffic.traffic_text import blocks, counted

_MINUTES = 60
_STEP, _BAR = 10, 8  # from one bar to the next, and its width
_LEAST = 2.0  # height of the smallest bar
# Both can be told from a light page and from a dark one.
_REQUESTS, _ERRORS, _LINE = "#4493f8", "#e5534b", "#8c959f"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sparkline:
    """Be the requests and errors of each minute, the oldest first.

    Attributes:
        requests: How many were answered.
        errors: How many of them by 5xx.
    """

    requests: tuple[int, ...]
    errors: tuple[int, ...]
    width = _MINUTES * _STEP
    height = 44

    @classmethod
    def of(cls, counted: Iterable[tuple[float, int, int]], now: float) -> Self:
        """Sum by the minute what was counted.

        Args:
            counted: When, by the wall clock, and how many requests and errors; also of before.
            now: The last minute's.
        """
        last, requests, errors = int(now // 60), [0] * _MINUTES, [0] * _MINUTES
        for at, count, failed in counted:
            place = _MINUTES - 1 - (last - int(at // 60))
            if 0 <= place < _MINUTES:
                requests[place] += count
                errors[place] += failed
        return cls(requests=tuple(requests), errors=tuple(errors))

    @property
    def said(self) -> str:
        """Say in words what it shows."""
        total, failed, most = sum(self.requests), sum(self.errors), max(self.requests)
        if not total:
            return "the service's last hour: no requests"
        said = f"{counted(total, 'request')}, {counted(failed, 'error')}"
        return f"the service's last hour: {said}; at most {most:,} in a minute"

    def svg(self) -> str:
        """Give it as SVG."""
        line = f'<path d="M0 {self.height - 0.5}H{self.width}" stroke="{_LINE}"/>'
        bars = f"{self._bars(self.requests, _REQUESTS)}{self._bars(self.errors, _ERRORS)}"
        size = f'width="{self.width}" height="{self.height}"'
        box = f'viewBox="0 0 {self.width} {self.height}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box}>{line}{bars}</svg>'

    def text(self) -> str:
        """Give the requests as a line of blocks."""
        return blocks(self.requests)

    def _bars(self, counts: Sequence[int], color: str) -> str:
        most, drawn = max(self.requests) or 1, []
        for place, count in enumerate(counts):
            if count:
                tall = max(_LEAST, min(count / most, 1) * (self.height - 2))
                drawn.append(f"M{place * _STEP} {self.height - 1}v-{tall:.1f}h{_BAR}v{tall:.1f}z")
        return f'<path d="{"".join(drawn)}" fill="{color}"/>' if drawn else ""
