"""Prove a fast call equal to the public one, bit by bit, and batches to single rows."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Call = Callable[[Sequence[Any]], Sequence[Any] | None]

_BATCH_SIZES = (16, 1, 2, 3, 64, 7, 32, 5)
_LEAST_SINGLES, _MOST_SINGLES, _LEAST_ROWS = 5, 1000, sum(_BATCH_SIZES)


class MismatchError(Exception):
    """Say for which row the fast call gave something else."""

    def __init__(self, row: Any, fast: Any, public: Any) -> None:
        super().__init__(f"{fast!r:.200} instead of {public!r:.200} for the row {row!r:.500}")


def result_or_error(call: Call, row: Any) -> Any:
    """Give the result of one row, or the exception in its place."""
    try:
        results = call([row])
    except Exception as error:  # noqa: BLE001 - what a model refuses, it refuses as it likes
        return error
    return None if results is None else results[0]


def is_same(one: Any, other: Any) -> bool:
    """Tell whether results are equal to the last bit, and of the same types.

    The shortest text of a float names no other float; 1, 1.0 and True have different texts.
    """
    return repr(one) == repr(other)


class Comparison:
    """Compare calls within a time.

    Args:
        public: The call that is right.
        seconds: How long to compare row by row.
        clock: Seconds.
    """

    def __init__(
        self, public: Call, seconds: float, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._public, self._seconds, self._clock = public, seconds, clock

    def singles(self, rows: Sequence[Any]) -> list[Any]:
        """Give the public results of the first rows, one by one, for as long as there is time."""
        results: list[Any] = []
        end = self._clock() + self._seconds
        for row in rows[:_MOST_SINGLES]:
            if len(results) >= _LEAST_SINGLES and self._clock() > end:
                break
            results.append(result_or_error(self._public, row))
        return results

    def is_batchable(self, rows: Sequence[Any], singles: Sequence[Any]) -> bool:
        """Tell whether the public call gives a batch's rows what it gave them one by one.

        Where there was no time for many rows, the few are asked for again and again, as long as
        there is, so that there is a batch of each size: small ones may hide what large ones change.
        """
        pairs = zip(rows, singles, strict=False)  # there may have been no time for all
        kept = [(row, single) for row, single in pairs if not isinstance(single, Exception)]
        repeated = itertools.islice(itertools.cycle(kept), max(len(kept), _LEAST_ROWS))
        asked, end = 0, self._clock() + self._seconds
        for part in cut_into_batches(list(repeated)):
            if asked >= len(kept) and self._clock() > end:
                break
            asked += len(part)
            try:
                results = self._public([row for row, _ in part])
            except Exception:  # noqa: BLE001 - it takes the rows only one by one
                return False
            if not is_same(list(results or ()), [single for _, single in part]):
                return False
        return True

    def check(self, fast: Call, rows: Sequence[Any], singles: Sequence[Any]) -> int:
        """Hold a fast call against the public one, in batches of several sizes.

        Args:
            fast: Gives the results, or None where it leaves them to the public call.
            rows: What to ask, for as long as there is time, and a batch of each size at least.
            singles: The public results of the first of them, one by one.

        Returns:
            How many rows were equal.

        Raises:
            MismatchError: The first result that was unlike.
        """
        for row, single in zip(rows, singles, strict=False):
            _must_equal(row, result_or_error(fast, row), single)
        equal = asked = 0
        end = self._clock() + self._seconds
        for part in cut_into_batches(rows):
            alone = [result_or_error(fast, row) for row in part]
            together, public = _all_of(fast, part), self._at_once(part)
            for row, found, in_batch, right in zip(part, alone, together, public, strict=True):
                _must_equal(row, in_batch, found)
                equal += self._is_equal(row, found, right, end)
            asked += len(part)
            if asked >= _LEAST_ROWS and self._clock() > end:
                break
        return equal

    def _is_equal(self, row: Any, found: Any, right: Any, end: float) -> bool:
        """Compare with a result from a batch; if unlike, only a call of its own decides."""
        if found is None:
            return False
        if not is_same(found, right):
            if self._clock() > end:
                return False
            _must_equal(row, found, result_or_error(self._public, row))
        return True

    def _at_once(self, rows: Sequence[Any]) -> Sequence[Any]:
        try:
            return self._public(rows) or ()
        except Exception:  # noqa: BLE001 - one of them is refused: find out which
            return [result_or_error(self._public, row) for row in rows]


def _must_equal(row: Any, found: Any, right: Any) -> None:
    if found is not None and not is_same(found, right):
        raise MismatchError(row, found, right)


def cut_into_batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut rows into batches of many sizes."""
    start = 0
    for size in itertools.cycle(_BATCH_SIZES):
        if start >= len(rows):
            return
        yield rows[start : start + size]
        start += size


def _all_of(fast: Call, rows: Sequence[Any]) -> Sequence[Any]:
    results = fast(rows)
    return [result_or_error(fast, row) for row in rows] if results is None else results
