"""A proof finds whatever is unlike, and takes no longer than it may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from runner.predict.fast.comparison import (
    Comparison,
    MismatchError,
    cut_into_batches,
    is_same,
    result_or_error,
)

ROWS = [(float(number),) for number in range(300)]


def double(rows: Sequence[Any]) -> list[Any]:
    """The call that is right."""
    if any(row[0] < 0 for row in rows):
        raise ValueError("negative")
    return [2 * row[0] for row in rows]


def checked(fast: Any, rows: Sequence[Any] = ROWS, public: Any = double) -> int:
    comparison = Comparison(public, 60)
    return comparison.check(fast, rows, comparison.singles(rows[:20]))


def test_equal_calls_are_equal_on_all_rows() -> None:
    """Every row is counted that was found equal."""
    assert checked(double) == 300


@pytest.mark.parametrize("number", [3, 299], ids=["asked alone", "asked in a batch"])
def test_one_unlike_row_is_found(number: int) -> None:
    """One wrong result among all is enough, and the message says which and what."""

    def wrong(rows: Sequence[Any]) -> list[Any]:
        return [2 * row[0] + (row[0] == number) for row in rows]

    said = rf"{2 * number + 1}.0 instead of {2 * number}.0 for the row \({number}.0,\)"
    with pytest.raises(MismatchError, match=said):
        checked(wrong)


def test_a_fast_call_that_mixes_rows_is_found() -> None:
    """A batch whose rows change each other's result is a mismatch, though each alone is right."""
    with pytest.raises(MismatchError):
        checked(lambda rows: [2 * row[0] + 1e-9 * (len(rows) - 1) for row in rows])


def test_a_public_batch_is_no_witness() -> None:
    """Where the public call in a batch differs from its single rows, the single rows count."""

    def mixing(rows: Sequence[Any]) -> list[Any]:
        return [2 * row[0] + 1e-9 * (len(rows) - 1) for row in rows]

    assert checked(double, public=mixing) == 300
    with pytest.raises(MismatchError):
        checked(mixing, public=mixing)


def test_what_only_public_batches_give_is_wrong() -> None:
    """A fast call that equals the public batch, but not the public single row, is a mismatch."""

    def one_more_in_batches(rows: Sequence[Any]) -> list[Any]:
        return [2 * row[0] + (len(rows) > 1) for row in rows]

    with pytest.raises(MismatchError):
        checked(lambda rows: [2 * row[0] + 1 for row in rows], ROWS[:16], one_more_in_batches)


def test_refused_rows_must_be_refused_alike() -> None:
    """An answer to what the public call refuses is a mismatch; to leave it alone is none."""
    rows = [(-1.0,), (1.0,)]
    with pytest.raises(MismatchError, match="ValueError"):
        checked(lambda rows: [2 * row[0] for row in rows], rows)
    assert checked(lambda rows: None, rows) == 0


def test_rows_that_depend_on_their_neighbours_are_not_batchable() -> None:
    """Batching is off for a call whose batch does not equal its rows."""
    singles = double(ROWS)
    assert Comparison(double, 1).is_batchable(ROWS, singles)
    assert not Comparison(lambda rows: [max(rows)[0] * 2 for _ in rows], 1).is_batchable(
        ROWS, singles
    )
    assert not Comparison(lambda rows: double(rows)[:1], 1).is_batchable(ROWS, singles)


def test_refused_rows_do_not_count_for_batches() -> None:
    """What is refused alone is left out of the batches that are compared."""
    rows = [(1.0,), (-1.0,), (2.0,)]
    comparison = Comparison(double, 1)
    assert comparison.is_batchable(rows, comparison.singles(rows))


def test_time_is_bounded() -> None:
    """A slow call is asked about some rows, not all."""
    now = 0.0

    def slow(rows: Sequence[Any]) -> list[Any]:
        nonlocal now
        now += 1
        return double(rows)

    comparison = Comparison(slow, 10, lambda: now)
    assert len(comparison.singles(ROWS)) == 11
    now = 0.0
    assert len(Comparison(slow, 0.5, lambda: now).singles(ROWS)) == 5
    now = 0.0
    assert comparison.check(double, ROWS, []) < 300
    assert now == 11
    assert Comparison(slow, 0.5, lambda: now).check(double, ROWS, []) == 130


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0.0, -0.0), (0.1 + 0.2, 0.3), ("1", 1), ([1.0], (1.0,)), (None, 0)],
    ids=repr,
)
def test_types_and_bits_count(one: Any, other: Any) -> None:
    """What is equal to Python is not the same answer if JSON or a bit would show it."""
    assert not is_same(one, other)
    assert is_same(one, one)


def test_an_exception_is_an_outcome() -> None:
    """What a call raises for a row stands in its result's place."""
    assert result_or_error(double, (1.0,)) == 2.0
    assert repr(result_or_error(double, (-1.0,))) == repr(ValueError("negative"))


def test_batches_have_many_sizes_and_all_rows() -> None:
    """Cutting into batches loses no row, and has single rows, full batches and odd ones."""
    cut = list(cut_into_batches(ROWS))
    assert [row for part in cut for row in part] == ROWS
    assert {1, 3, 64} <= {len(part) for part in cut}


def test_few_rows_are_tried_in_large_batches_too() -> None:
    """A slow model leaves no time for many rows, and may change what only large batches have."""

    def mixing(rows: Sequence[Any]) -> list[Any]:
        return [2 * row[0] + 1e-9 * (len(rows) > 32) for row in rows]

    comparison = Comparison(mixing, 60)
    assert not comparison.is_batchable(ROWS[:6], comparison.singles(ROWS[:6]))


def test_batches_are_tried_for_no_longer_than_there_is_time() -> None:
    """But each row once."""
    asked: list[int] = []

    def slow(rows: Sequence[Any]) -> list[Any]:
        asked.append(len(rows))
        return double(rows)

    ticks = iter(range(1_000))
    comparison = Comparison(slow, 0.5, clock=lambda: float(next(ticks)))
    assert comparison.is_batchable(ROWS[:6], double(ROWS[:6]))
    assert asked == [16]
