"""Let pairs of classes vote as libsvm does, for many rows at once.

libsvm computes one kernel value after the other. Here all are computed together, by another
formula, whose sums are not the same to the last bit. So of each row it is known how far the two may
be apart, and if any pair is no more certain than that, libsvm is asked about it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from runner.predict.fast.inner_call import Array

_EPSILON = float(np.finfo(np.float64).eps)
_MOST_CLASSES = 16  # of more the pairs are so many that libsvm, which adds up less, is quicker
_MOST_WEIGHTS = 4_000_000  # of pairs and support vectors: 32 MB
_LEAST_AT_ONCE = 700  # kernel values: fewer are sooner computed one by one
_MOST_AT_ONCE = 1_000_000  # likewise, or decisions: 8 MB


class RbfVotes:
    """Tell the classes of rows by an SVC or NuSVC with the kernel ``rbf``.

    With x and s as seen from the middle of the support vectors, |x - s|² is |x|² + |s|² - 2 x·s.
    The errors of this, and of libsvm's own sum of n squares, are at most (2 n + 10) ε (|x|² + |s|²)
    together. Kernel values, which are 1 at most, are so far apart times gamma, and by less than e.
    Each exponential is good to 5 ε, and the two sums over m support vectors are good to m ε of the
    sum of their weights, A. So the bound is A ε (8 gamma (n + 8) (|x|² + |s|²) + m + 32).
    Source: Higham, Accuracy and Stability of Numerical Algorithms, 3.1.

    Args:
        model: It, fitted.
        libsvm: Tells the indices of rows' classes itself.
    """

    def __init__(self, model: Any, libsvm: Callable[[Array], Array]) -> None:
        self._libsvm = libsvm
        vectors, intercept = model.support_vectors_, model._intercept_
        ends = np.cumsum(model._n_support)
        of_class = [*itertools.starmap(slice, itertools.pairwise([0, *ends.tolist()]))]
        pairs = [*itertools.combinations(range(len(of_class)), 2)]
        self._weights = np.zeros((len(vectors), len(pairs)))
        self._ballots = np.zeros((len(pairs), len(of_class)))
        self._against, self._intercept = np.zeros(len(of_class)), intercept
        for number, (one, other) in enumerate(pairs):
            self._weights[of_class[one], number] = model._dual_coef_[other - 1, of_class[one]]
            self._weights[of_class[other], number] = model._dual_coef_[one, of_class[other]]
            self._ballots[number, [one, other]] = 1, -1  # who does not win, loses
            self._against[other] += 1
        self._middle, self._gamma = vectors.mean(axis=0), float(model._gamma)
        vectors = vectors - self._middle
        self._towards = np.ascontiguousarray(2 * self._gamma * vectors.T)
        self._lengths = self._gamma * (vectors * vectors).sum(axis=1)
        much = float((np.abs(self._weights).sum(axis=0) + np.abs(intercept)).max())
        self._slope = 8 * much * _EPSILON * (vectors.shape[1] + 8)
        self._least = much * _EPSILON * (len(vectors) + 32)
        self._least += self._slope * float(self._lengths.max())
        self._most_rows = max(_MOST_AT_ONCE // max(self._weights.shape), 1)
        self._least_rows = _LEAST_AT_ONCE / len(vectors)

    @staticmethod
    def is_for(model: Any) -> bool:
        """Tell whether a model of libsvm has this kernel, and neither many classes nor weights."""
        classes, vectors = len(model._n_support), len(model.support_vectors_)
        weights = vectors * classes * (classes - 1) // 2
        is_small = classes <= _MOST_CLASSES and 0 < weights <= _MOST_WEIGHTS
        return model.kernel == "rbf" and is_small

    def __call__(self, rows: Array) -> Array:
        """Tell the indices of their classes, (n_rows,).

        Args:
            rows: (n_rows, n_features) float64.
        """
        if len(rows) < self._least_rows:
            return self._libsvm(rows)
        step = self._most_rows
        if len(rows) <= step:
            return self._together(rows)
        starts = range(0, len(rows), step)
        return np.concatenate([self._together(rows[start : start + step]) for start in starts])

    def _together(self, rows: Array) -> Array:
        decisions, bounds = self.decisions(rows)
        is_certain = np.minimum.reduce(np.abs(decisions), axis=1) > bounds  # no number is not
        np.greater(decisions, 0, out=decisions)
        votes = decisions @ self._ballots
        votes += self._against
        found: Array = votes.argmax(axis=1)  # of equal ones the first, as in libsvm
        if not np.logical_and.reduce(is_certain):
            found[~is_certain] = self._libsvm(rows[~is_certain])
        return found

    def decisions(self, rows: Array) -> tuple[Array, Array]:
        """Tell for whom each pair votes: above 0 it is the first.

        Args:
            rows: (n_rows, n_features) float64.

        Returns:
            The decisions, (n_rows, n_pairs), and how far libsvm's may be from them, (n_rows,).
        """
        rows = rows - self._middle
        lengths = np.add.reduce(rows * rows, axis=1)
        lengths *= self._gamma
        kernel = rows @ self._towards
        kernel -= self._lengths
        kernel -= lengths[:, None]
        np.minimum(kernel, 0, out=kernel)
        np.exp(kernel, out=kernel)
        decisions = kernel @ self._weights
        decisions += self._intercept
        lengths *= self._slope
        lengths += self._least
        return decisions, lengths
