"""Decide how long to wait before a restart, and when a notebook or a version is given up."""

from __future__ import annotations

_FIRST_DELAYS = (0.0, 0.5)
_LONGEST_DELAY = 60.0
_FORGIVEN_AFTER = 30.0
_LOOP_DEATHS = 5
_LOOP_WITHIN = 60.0
_EARLY_DEATHS = 3


class Restarts:
    """Count deaths; all times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self.total = 0
        self._attempts = 0
        self._deaths: list[float] = []

    def died(self, now: float, served: float) -> None:
        """Count a death.

        Args:
            now: When.
            served: How long it had served.
        """
        if served >= _FORGIVEN_AFTER:
            self._attempts = 0
        self._deaths = [at for at in self._deaths if now - at <= _LOOP_WITHIN] + [now]

    @property
    def is_looping(self) -> bool:
        """Tell whether there is no use in trying what has never served."""
        return len(self._deaths) >= _LOOP_DEATHS

    def next_delay(self) -> float:
        """Give the seconds to wait before the next restart: 0, 0.5, 1, 2, 4 … 60."""
        delays, attempt = _FIRST_DELAYS, self._attempts
        self._attempts += 1
        self.total += 1
        if attempt < len(delays):
            return delays[attempt]
        # Beyond a few doublings the power would only grow, not the delay.
        return min(_LONGEST_DELAY, 2.0 ** min(attempt - len(delays), 10))

    def __str__(self) -> str:
        """Say how often it died."""
        return f"{len(self._deaths)} times within {_LOOP_WITHIN:g} s"


class EarlyDeaths:
    """Count how often the version that serves has died before it had served for half a minute."""

    def __init__(self, *, is_proven: bool) -> None:
        self._count = 0
        self._is_proven = is_proven

    def begin(self, *, is_proven: bool) -> None:
        """Count those of another version.

        Args:
            is_proven: It need not prove itself, for it has served before.
        """
        self._count, self._is_proven = 0, is_proven

    def died(self, served: float) -> bool:
        """Count a death after some seconds of serving; tell whether there is no use in it."""
        self._is_proven = self._is_proven or served >= _FORGIVEN_AFTER
        self._count += not self._is_proven
        return self._count >= _EARLY_DEATHS

    def __str__(self) -> str:
        """Say how often it died."""
        return f"{self._count} times before it had served for {_FORGIVEN_AFTER:g} s"
