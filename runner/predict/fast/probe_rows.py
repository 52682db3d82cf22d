"""Draw rows on which a fast call has to prove itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from runner.predict.fast.inner_call import Array, InnerCall, SplitThresholds

Row = tuple[float, ...]

_SPECIAL = (0.0, -0.0, 1.0, -1.0, 5e-324, -1e-310, 1e-30, 1e16, -1e16, 1e30, -1e30)
_EXTREME = (3.4e38, 3.5e38, -1e39, 1e200, 1.7e308, float("inf"), float("-inf"), float("nan"))
_MOST_POINTS, _MOST_THRESHOLDS, _MOST_PAIRS, _BISECTIONS = 512, 1024, 32, 60


def ordinary_rows(
    example: Row, ranges: Sequence[tuple[float, float]] | None, inner: InnerCall, count: int
) -> Array:
    """Draw rows such as will be asked about, and rows where the answers are apt to change.

    Args:
        example: A row that is known to be answered.
        ranges: The least and greatest value of each feature; None if they are not known.
        inner: Tells its landmarks.
        count: Rows around the example.

    Returns:
        (n_rows, n_features) float64, shuffled, always the same.
    """
    random = np.random.default_rng(0)
    center = np.array(example, dtype=float)
    found = [_rows_near(center, count, random)]
    if ranges is not None:
        found.append(_rows_in_ranges(np.array(ranges, dtype=float), count, random))
    boundaries = inner.boundaries()
    if isinstance(boundaries, SplitThresholds):
        known = np.concatenate([center[None, :], *found])
        found.append(_at_thresholds(inner, known, boundaries, random))
    elif boundaries is not None:
        found.append(_rows_at_points(_before_transforms(inner, boundaries), random))
    found.append(_rows_with_special_values(center))
    rows = np.concatenate(found)
    return rows[random.permutation(len(rows))]


def rows_around(example: Sequence[Any], count: int) -> list[tuple[Any, ...]]:
    """Draw rows close to an example of any kind, in which only the floats vary."""
    numbers = [place for place, value in enumerate(example) if isinstance(value, float)]
    center = np.array([example[place] for place in numbers], dtype=float)
    found = [tuple(example)]
    for near in _rows_near(center, count - 1, np.random.default_rng(0)).tolist():
        row = list(example)
        for place, value in zip(numbers, near, strict=True):
            row[place] = value
        found.append(tuple(row))
    return found


def extreme_rows(example: Row) -> Iterator[Row]:
    """Give rows that some models refuse, one value in each."""
    for number, value in enumerate(_EXTREME):
        row = list(example)
        row[number % len(row)] = value
        yield tuple(row)


def rows_between_labels(
    rows: Array,
    labels: Sequence[Any],
    predict: Callable[[Array], Sequence[Any]],
    may_go_on: Callable[[], bool] = lambda: True,
) -> Array:
    """Bisect between rows with unlike labels, until they lie as close as floats can.

    Args:
        rows: (n_rows, n_features).
        labels: What each is predicted to be.
        predict: Predicts for others.
        may_go_on: Whether there is still time.
    """
    unlike = (pair for pair in itertools.pairwise(range(len(rows))) if _unlike(labels, pair))
    pairs = list(itertools.islice(unlike, _MOST_PAIRS))
    if not pairs:
        return rows[:0]
    low, high = (rows[list(side)] for side in zip(*pairs, strict=True))
    at_low = np.array([labels[first] for first, _ in pairs], dtype=object)
    for _ in range(_BISECTIONS):
        if not may_go_on():
            break
        middle = (low + high) / 2
        found = np.empty(len(middle), dtype=object)
        found[:] = predict(middle)
        is_low = (found == at_low)[:, None]
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return np.concatenate([low, high])


def as_rows(array: Array) -> list[Row]:
    """Give an array's rows as what requests bring."""
    return [tuple(row) for row in array.tolist()]


def _unlike(labels: Sequence[Any], pair: tuple[int, int]) -> bool:
    return bool(labels[pair[0]] != labels[pair[1]])


def _rows_near(center: Array, count: int, random: np.random.Generator) -> Array:
    noise = random.normal(size=(count, len(center)))
    spread = 10.0 ** random.uniform(-3, 0.5, size=(count, 1))
    scale = np.where(random.random((count, 1)) < 0.7, np.abs(center) + 1e-3, 1.0)
    return center + noise * spread * scale


def _rows_in_ranges(ranges: Array, count: int, random: np.random.Generator) -> Array:
    low, high = ranges.T
    margin = 0.1 * (high - low)
    return random.uniform(low - margin, high + margin, (count, len(low)))


def _before_transforms(inner: InnerCall, rows: Array) -> Array:
    """Give the rows that a pipeline's steps turn into these."""
    for transform in reversed(inner.transforms):
        rows = transform.undo(rows)
    return rows


def _rows_at_points(points: Array, random: np.random.Generator) -> Array:
    chosen = points[random.permutation(len(points))[:_MOST_POINTS]]
    others = chosen[random.permutation(len(chosen))]
    return np.concatenate([chosen, np.nextafter(chosen, np.inf), (chosen + others) / 2])


def _at_thresholds(
    inner: InnerCall, known: Array, thresholds: SplitThresholds, random: np.random.Generator
) -> Array:
    """Put a feature exactly where it is cut, and to the next floats on both sides."""
    chosen = random.permutation(len(thresholds.values))[:_MOST_THRESHOLDS]
    rows = known[random.integers(len(known), size=len(chosen))]
    for transform in inner.transforms:
        rows = transform.apply(rows)
    places = np.arange(len(chosen)), thresholds.features[chosen]
    values = thresholds.values[chosen]
    narrow = values.astype(np.float32)
    kinds = random.integers(5, size=len(chosen))
    rows[places] = np.choose(
        kinds,
        [
            values,
            np.nextafter(values, np.inf),
            np.nextafter(values, -np.inf),
            np.nextafter(narrow, np.float32(np.inf)),
            np.nextafter(narrow, np.float32(-np.inf)),
        ],
    )
    return _before_transforms(inner, rows)


def _rows_with_special_values(center: Array) -> Array:
    """Put each special value into one feature after the other, and into all."""
    count = min(len(center), 8)
    rows = np.repeat(center[None, :], len(_SPECIAL) * (count + 1), axis=0)
    for number, (value, place) in enumerate(itertools.product(_SPECIAL, range(count + 1))):
        rows[number, place if place < count else slice(None)] = value
    return rows
