"""Answer rows by an inner call alone: no validation but what the answer's rightness needs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from runner.prediction.fast.inner import Array, InnerCall, NoInnerCallError

# Rows whose squares add up to less hold no NaN, no infinity, and nothing beyond float32,
# which trees compute in: scikit-learn refuses none of them.
_BOUND = 1e76


class RefittedError(Exception):
    """Say that a model was fitted again after its inner call was found."""


class StraightCall:
    """Give the results of rows, or None if whether they are valid takes a closer look.

    Args:
        inner: The calculation.
        n_features: Numbers in a row.
        wants_probabilities: A result is a label and the probabilities of the classes, as a
            list, instead of a label.

    Raises:
        NoInnerCallError: There are no probabilities.
    """

    def __init__(self, inner: InnerCall, n_features: int, *, wants_probabilities: bool) -> None:
        if wants_probabilities and inner.probabilities is None:
            raise NoInnerCallError("how it computes probabilities is not known")
        self.inner = inner
        self._n_features = n_features
        self._probabilities = inner.probabilities if wants_probabilities else None
        self._steps = [transform.apply for transform in inner.transforms]
        fitted = chain(inner.fitted, *(transform.fitted for transform in inner.transforms))
        self._fitted = [(vars(model), name, vars(model).get(name)) for model, name in fitted]
        self._idle: list[_Scratch] = []  # popped while in use: threads do not share one

    def __call__(self, rows: Sequence[tuple[float, ...]]) -> list[Any] | None:
        """Predict.

        Raises:
            RefittedError: The model is no longer the one whose inner call this is.
        """
        for attributes, name, value in self._fitted:
            if attributes.get(name) is not value:
                raise RefittedError(f"{name} is no longer what it was")
        scratch = self._idle.pop() if self._idle else _Scratch(self._n_features)
        array = scratch.filled(rows)
        results = None if array is None else self._answer(array)
        self._idle.append(scratch)
        return results

    def _answer(self, array: Array) -> list[Any] | None:
        for step in self._steps:
            array = step(array)
            if not _is_bounded(array):
                return None
        scores = self.inner.scores(array)
        labels = self.inner.labels(scores)
        if self._probabilities is None:
            return labels
        return list(zip(labels, self._probabilities(scores).tolist(), strict=True))


def _is_bounded(array: Array) -> bool:
    flat = array.ravel()
    return bool(flat.dot(flat) < _BOUND)


class _Scratch:
    """Turn rows into one array, always in the same memory: half the price of a new one."""

    def __init__(self, n_features: int) -> None:
        self._n_features = n_features
        self._places: dict[int, tuple[struct.Struct, Array, Array]] = {}
        self._memory = np.empty(0)

    def filled(self, rows: Sequence[tuple[float, ...]]) -> Array | None:
        """Give the rows as an array, valid until the next call; None if they may be refused."""
        count = len(rows)
        if count not in self._places:
            self._make_place(count)
        form, array, flat = self._places[count]
        if count != 1 and {*map(len, rows)} != {self._n_features}:
            return None
        try:
            form.pack_into(flat.data, 0, *chain.from_iterable(rows))
        except (struct.error, OverflowError, TypeError):
            return None
        return array if flat.dot(flat) < _BOUND else None

    def _make_place(self, count: int) -> None:
        size = count * self._n_features
        if size > len(self._memory):
            self._memory = np.empty(size)
            self._places.clear()
        flat = self._memory[:size]
        place = struct.Struct(f"{size}d"), flat.reshape(count, self._n_features), flat
        self._places[count] = place
