"""Read a range of numbers, ``0.1..10:log:5``, and list its values.

The rules of this file:

1. A range has both its ends, and is linear, or logarithmic by ``:log``.
2. Of a parameter that takes whole numbers it has whole numbers only: all of them, or as many as
   are said, evenly spaced.
3. Else it has as many values as are said, or `STEPS`, with six digits each.
"""

from __future__ import annotations

import dataclasses
import math
import re

from runner.errors import ConfigurationError

STEPS = 5
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_FORM = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::(log|linear))?(?::([0-9]{{1,9}}))?")
_DIGITS = 6
_MOST_STEPS = 100_000
_LARGEST_WHOLE = 2**53  # up to which the numbers between can be counted by floats
_LARGEST = 1e300


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range:
    """Describe a range.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        is_log: Its values are evenly spaced by their logarithms.
        steps: How many it has; 0 if that is not said.
    """

    low: int | float
    high: int | float
    is_log: bool = False
    steps: int = 0

    @property
    def is_whole(self) -> bool:
        """Tell whether it has whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def count(self) -> int:
        """Say how many values it has at most, without listing them."""
        if not self.is_whole:
            return self.steps or STEPS
        everything = int(self.high) - int(self.low) + 1
        return min(everything, self.steps or (STEPS if self.is_log else everything))

    def values(self) -> list[int | float]:
        """List its values, from the lower end to the upper one."""
        shares = (place / (self.count - 1) for place in range(self.count))
        if not self.is_whole:
            return [self.rounded(self._at(share)) for share in shares]
        return list(dict.fromkeys(round(self._at(share)) for share in shares))

    def _at(self, share: float) -> float:
        if self.is_log:
            return math.exp(math.log(self.low) * (1 - share) + math.log(self.high) * share)
        return self.low * (1 - share) + self.high * share

    def rounded(self, value: float) -> float:
        """Give a value of it with few digits, by which people can call it."""
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


@dataclasses.dataclass(frozen=True)
class RangeText:
    """Hold the parts of a range as they were written."""

    low: str
    high: str
    is_log: bool
    steps: int | None


def parts_of(text: str) -> RangeText | None:
    """Split the text of a range; None if it is none."""
    found = _FORM.fullmatch(text.strip())
    if not found:
        return None
    return RangeText(found[1], found[2], found[3] == "log", int(found[4]) if found[4] else None)


def range_of(parts: RangeText, low: int | float, high: int | float, said: str) -> Range:
    """Make a range of its parts.

    Args:
        parts: As they were written.
        low: The lower end, as the parameter takes it.
        high: The upper one.
        said: What names the range in an error.

    Raises:
        ConfigurationError: It is empty or endless, or has no logarithms.
    """
    if not low < high:
        raise ConfigurationError(f"{said}: a range goes from a number to a greater one")
    largest = _LARGEST_WHOLE if isinstance(high, int) else _LARGEST
    if not max(abs(low), abs(high)) <= largest:
        raise ConfigurationError(f"{said}: its numbers are too large")
    if parts.is_log and low <= 0:
        raise ConfigurationError(f"{said}: a range by logarithms has numbers above 0 only")
    if parts.steps is not None and not 2 <= parts.steps <= _MOST_STEPS:
        raise ConfigurationError(f"{said}: a range has 2 to {_MOST_STEPS:,} values")
    return Range(low=low, high=high, is_log=parts.is_log, steps=parts.steps or 0)
