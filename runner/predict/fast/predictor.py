"""Predict by a proved fast call, and go on checking it for as long as it serves.

- Rows that the fast call leaves alone, because scikit-learn may refuse them, are asked one by
  one, so that no row is refused for its neighbour's sake.
- Of one call in a thousand, and twice a second at most, one row is compared with the public
  call; in `check_later`, when nobody waits, or else when the next one is due.
- At the first mismatch, or any error, the public call is used for good, and the log says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from runner.predict.fast.comparison import MismatchError, is_same, result_or_error
from runner.predict.fast.direct_call import DirectCall

log = logging.getLogger(__name__)

CHECK_EVERY = 1_000
_SECONDS_BETWEEN_CHECKS = 0.5


class Predictor:
    """Give the results of rows, in their order.

    Args:
        public: Calls the model's own ``predict``.
        direct: The proved fast call; None if there is none.
        why: Why there is one, or none, in a sentence.
        max_batch: The most rows of one call.
        is_batchable: The public call gives rows of a batch what it gives them one by one.
        clock: Seconds, for the rate of checks.

    Attributes:
        why: Why it is fast, or is not, in a sentence.
        max_batch: The most rows that one call should have; 1 if batches change the results.
        checks: How many rows were compared while serving.
        mismatches: How often the fast call was given up: 0 or 1.
    """

    def __init__(  # noqa: PLR0913 - what the proof has found
        self,
        public: Callable[[Sequence[Any]], Sequence[Any]],
        direct: DirectCall | None = None,
        *,
        why: str = "",
        max_batch: int = 64,
        is_batchable: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.why = why
        self.max_batch = max_batch if direct is not None or is_batchable else 1
        self.checks = self.mismatches = 0
        self._public, self._direct, self._clock = public, direct, clock
        self._is_batchable = is_batchable
        self._calls_until_check, self._last_check = 0, -_SECONDS_BETWEEN_CHECKS
        self._row_to_check: tuple[Any, Any] | None = None

    @property
    def is_fast(self) -> bool:
        """Whether the fast call is used, still."""
        return self._direct is not None

    def __call__(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Predict; a row that the model refuses has its exception in its place."""
        direct = self._direct
        if direct is None:
            return self._call_public(rows)
        try:
            results = direct(rows)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in there, the public call is right
            self._give_up(f"{type(error).__name__}: {error}")
            return self._call_public(rows)
        if results is None:
            return self._one_by_one(rows)
        self._calls_until_check -= 1
        if self._calls_until_check < 0:
            self._keep_for_check(rows, results)
        return results

    def check_later(self) -> None:
        """Compare the row that waits for it, if one does, with the public call."""
        waiting, self._row_to_check = self._row_to_check, None
        if waiting is None or self._direct is None:
            return
        row, result = waiting
        public = result_or_error(self._public, row)
        self.checks += 1
        if not is_same(result, public):
            self._give_up(str(MismatchError(row, result, public)))

    def _keep_for_check(self, rows: Sequence[Any], results: Sequence[Any]) -> None:
        now = self._clock()
        if now - self._last_check < _SECONDS_BETWEEN_CHECKS:
            return
        self.check_later()
        place = self.checks % len(rows)
        self._row_to_check = rows[place], results[place]
        self._calls_until_check, self._last_check = CHECK_EVERY, now

    def _give_up(self, reason: str) -> None:
        if self._direct is None:
            return
        self._direct = None
        self.mismatches += 1
        self.why = f"the fast call was given up: {reason}"
        log.error(
            "fast predict was wrong and is off in this worker from now on; the model's own predict "
            "answers: %s",
            reason,
        )

    def _call_public(self, rows: Sequence[Any]) -> Sequence[Any]:
        if self._is_batchable or len(rows) == 1:
            return self._public(rows)
        return [result_or_error(self._public, row) for row in rows]

    def _one_by_one(self, rows: Sequence[Any]) -> list[Any]:
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Any:
        direct = self._direct
        results = None if direct is None else direct([row])
        return result_or_error(self._public, row) if results is None else results[0]
