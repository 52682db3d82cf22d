"""Answer rows by an inner call alone: no validation but what the answer's rightness needs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from runner.predict.fast.inner_call import Array, InnerCall, NoInnerCallError

# Rows whose squares add up to less hold no NaN, no infinity, and nothing beyond float32,
# which trees compute in: scikit-learn refuses none of them.
_LARGEST_SUM_OF_SQUARES = 1e76


class RefittedError(Exception):
    """Say that a model was fitted again after its inner call was found."""


class _OddRowsError(Exception):
    """Say that rows are no rows of numbers, or of another length."""


class DirectCall:
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
        from scipy.linalg.blas import ddot

        if wants_probabilities and inner.probabilities is None:
            raise NoInnerCallError("how it computes probabilities is not known")
        self.inner = inner
        self._dot = ddot  # unlike numpy's it does not warn of an overflow
        self._n_features = n_features
        self._probabilities = inner.probabilities if wants_probabilities else None
        self._steps = [transform.apply for transform in inner.transforms]
        fitted = chain(inner.fitted, *(transform.fitted for transform in inner.transforms))
        self._fitted = [(vars(model), name, vars(model).get(name)) for model, name in fitted]
        self._unused: list[_ReusedArray] = []  # popped while in use: threads do not share one

    def __call__(self, rows: Sequence[tuple[float, ...]]) -> list[Any] | None:
        """Predict.

        Raises:
            RefittedError: The model is no longer the one whose inner call this is.
        """
        for attributes, name, value in self._fitted:
            if attributes.get(name) is not value:
                raise RefittedError(f"{name} is no longer what it was")
        try:
            array_of_rows = self._unused.pop()
        except IndexError:
            array_of_rows = _ReusedArray(self._n_features)
        try:
            return self._answer(*array_of_rows.fill(rows))
        except (_OddRowsError, RuntimeWarning):
            return None  # also of numbers that arithmetic warns of, if warnings are errors
        finally:
            self._unused.append(array_of_rows)

    def _answer(self, array: Array, flat: Array) -> list[Any] | None:
        if not self._dot(flat, flat) < _LARGEST_SUM_OF_SQUARES:
            return None
        for step in self._steps:
            array = step(array)
            flat = array.ravel()
            if not self._dot(flat, flat) < _LARGEST_SUM_OF_SQUARES:
                return None
        scores = self.inner.scores(array)
        labels = self.inner.labels(scores)
        if self._probabilities is None:
            return labels
        return list(zip(labels, self._probabilities(scores).tolist(), strict=True))


class _ReusedArray:
    """Turn rows into one array, always in the same memory: half the price of a new one."""

    def __init__(self, n_features: int) -> None:
        self._n_features = n_features
        self._places: dict[int, tuple[struct.Struct, Array, Array]] = {}
        self._memory = np.empty(0)

    def fill(self, rows: Sequence[tuple[float, ...]]) -> tuple[Array, Array]:
        """Give the rows as an array, and that flat, valid until the next call.

        Raises:
            _OddRowsError: They are no rows of so many floats.
        """
        count = len(rows)
        if count not in self._places:
            self._make_place(count)
        form, array, flat = self._places[count]
        if count != 1 and {*map(len, rows)} != {self._n_features}:
            raise _OddRowsError
        try:
            form.pack_into(flat.data, 0, *chain.from_iterable(rows))
        except (struct.error, OverflowError, TypeError):
            raise _OddRowsError from None
        return array, flat

    def _make_place(self, count: int) -> None:
        size = count * self._n_features
        if size > len(self._memory):
            self._memory = np.empty(size)
            self._places.clear()
        flat = self._memory[:size]
        place = struct.Struct(f"{size}d"), flat.reshape(count, self._n_features), flat
        self._places[count] = place
