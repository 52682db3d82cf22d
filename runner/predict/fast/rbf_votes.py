"""Let pairs of classes vote as libsvm does, for many rows at once.

libsvm computes one kernel value after the other. Here three products of matrices give the votes of
all rows, for numpy takes longer over a call than over the numbers of a small one; each row is a
column there, so that what lies side by side is treated alike. Its sums are not libsvm's to the last
bit, but it is known how far the two may be apart, and about rows for which any pair is no more
certain than that, libsvm is asked.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from runner.predict.fast.inner_call import Array

_EPSILON = float(np.finfo(np.float64).eps)
_MOST_CLASSES = 16  # of more the pairs are so many that libsvm, which adds up less, is quicker
_MOST_WEIGHTS = 4_000_000  # of pairs and support vectors: 32 MB
_MOST_GAMMA = 1e200  # with more, gamma |x|² overflows for rows that `DirectCall` lets pass
_LEAST_AT_ONCE = 400  # kernel values of more than one row: libsvm takes less over fewer
_MOST_AT_ONCE = 1_000_000  # likewise, or decisions: 8 MB


class RbfVotes:
    """Tell the classes of rows by an SVC or NuSVC with the kernel ``rbf``.

    The row x and a support vector s are as seen from the middle of all support vectors. Then the
    kernel's exponent, -gamma |x - s|², is a product of (x, |x|², 1) and (2 gamma s, -gamma,
    -gamma |s|²). Two more lines of it are for a value that tells whether x is far away, and for a
    constant. The exponentials of all, by the weights of the pairs, are decisions. Whether each
    is surely above 0, and whether it may be, are by the ballots the votes for each class; and for
    none, above all others, if a decision is not certain, or x is far away.

    The errors of this exponent, and of libsvm's own sum of n squares, are at most (2.5 n + 9) ε
    gamma (|x|² + |s|²) together, which is below 1 where anything is certain at all; so no
    exponential overflows. Kernel values, which are 1 at most, are so far apart by less than e
    times that. Each exponential is good to 5 ε, and the two sums over m support vectors are good
    to m ε of the sum of their weights, A. So decisions are apart by at most
    A ε (8 gamma (n + 8) (|x|² + |s|²) + m + 32).
    Source: Higham, Accuracy and Stability of Numerical Algorithms, 3.1.

    Args:
        model: It, fitted.
        libsvm: Tells the indices of rows' classes itself, (n_rows,).
    """

    def __init__(self, model: Any, libsvm: Callable[[Array], Array]) -> None:
        self._libsvm = libsvm
        vectors, gamma = model.support_vectors_, float(model._gamma)
        ends = np.cumsum(model._n_support)
        of_class = [*itertools.starmap(slice, itertools.pairwise([0, *ends.tolist()]))]
        pairs = [*itertools.combinations(range(len(of_class)), 2)]
        (m, n), p, self._none = vectors.shape, len(pairs), len(of_class)

        self._middle = vectors.mean(axis=0)
        vectors = vectors - self._middle
        lengths = gamma * (vectors * vectors).sum(axis=1)
        farthest = float(lengths.max())
        far = 4 * farthest + 16  # at twice the distance of any support vector
        self._exponents = np.zeros((m + 2, n + 2))
        self._exponents[:m, :n] = 2 * gamma * vectors
        self._exponents[:m, n] = -gamma
        self._exponents[m, n] = -gamma / far
        self._exponents[:m, n + 1] = -lengths

        self._weights = np.zeros((p + 2, m + 2))
        ballots = np.zeros((self._none + 1, 2, p + 2))
        for number, (one, other) in enumerate(pairs):
            self._weights[number, of_class[one]] = model._dual_coef_[other - 1, of_class[one]]
            self._weights[number, of_class[other]] = model._dual_coef_[one, of_class[other]]
            ballots[one, :, number], ballots[other, :, number] = 0.5, -0.5
            ballots[other, 1, p + 1] += 1  # who does not win, loses
        self._weights[:p, m + 1] = model._intercept_
        most = p + 1  # more than any class has
        ballots[-1, :, :p] = np.array([[-most], [most]])  # 0 together, if it is certain
        self._weights[p, m : m + 2] = 1, -math.exp(-1)
        ballots[-1, 1, p : p + 2] = -most, most  # 0 together, if it is not far
        self._weights[p + 1, m + 1] = 1
        self._ballots = ballots.reshape(self._none + 1, 2 * (p + 2))

        much = np.abs(self._weights[:p]).sum(axis=1)
        bounds = much * _EPSILON * (8 * (n + 8) * (far + farthest) + m + 32)
        self._bounds = np.zeros((2, p + 2, 1))
        self._bounds[:, :p, 0] = bounds, -bounds
        self._can_be_certain = bool((bounds < much).all())  # which no infinity is
        self._least_rows = _LEAST_AT_ONCE / m
        self._pairs = [(*pair, bound) for pair, bound in zip(pairs, bounds.tolist(), strict=True)]
        self._most_rows = max(_MOST_AT_ONCE // max(m, 2 * p), 1)

    @staticmethod
    def is_for(model: Any) -> bool:
        """Tell whether a model has this kernel, and no huge gamma, nor many classes or weights."""
        if model.kernel != "rbf" or model._gamma > _MOST_GAMMA:
            return False
        classes, vectors = len(model._n_support), len(model.support_vectors_)
        weights = vectors * classes * (classes - 1) // 2
        return classes <= _MOST_CLASSES and 0 < weights <= _MOST_WEIGHTS

    def __call__(self, rows: Array) -> list[float]:
        """Tell the indices of their classes.

        Args:
            rows: (n_rows, n_features) float64.
        """
        if not self._can_be_certain or 1 < len(rows) < self._least_rows:
            return self._ask_libsvm(rows)
        if len(rows) == 1:
            return self._alone(rows)
        step = self._most_rows
        if len(rows) <= step:
            return self._together(rows)
        starts = range(0, len(rows), step)
        parts = (self._together(rows[start : start + step]) for start in starts)
        return [*itertools.chain.from_iterable(parts)]

    def _ask_libsvm(self, rows: Array) -> list[float]:
        found: list[float] = self._libsvm(rows).tolist()
        return found

    def _alone(self, rows: Array) -> list[float]:
        """Tell it of one row, in vectors, over which numpy takes half as long, and by counting."""
        n = rows.shape[1]
        seen = np.empty(n + 2)
        from_middle = seen[:n]
        np.subtract(rows[0], self._middle, out=from_middle)
        seen[n] = from_middle.dot(from_middle)
        seen[n + 1] = 1
        *decisions, nearness, _ = self._decide(seen).tolist()
        votes = [0] * self._none
        for (one, other, bound), decision in zip(self._pairs, decisions, strict=True):
            if decision > bound:
                votes[one] += 1
            elif decision < -bound:
                votes[other] += 1
            else:
                return self._ask_libsvm(rows)
        return [votes.index(max(votes))] if nearness > 0 else self._ask_libsvm(rows)

    def _together(self, rows: Array) -> list[float]:
        decisions = self.decisions(rows)
        are_above = np.empty((2, *decisions.shape))
        np.greater(decisions, self._bounds, out=are_above)
        votes = self._ballots.dot(are_above.reshape(-1, len(rows)))
        found: list[float] = votes.argmax(axis=0).tolist()  # of equal ones the first, as in libsvm
        if self._none in found:
            asked = [place for place, index in enumerate(found) if index == self._none]
            for place, index in zip(asked, self._ask_libsvm(rows[asked]), strict=True):
                found[place] = index
        return found

    def decisions(self, rows: Array) -> Array:
        """Tell for whom each pair votes: above 0 it is the first.

        Args:
            rows: (n_rows, n_features) float64.

        Returns:
            (n_pairs + 2, n_rows); of the last two the first is above 0 if a row is not far away.
        """
        n = rows.shape[1]
        seen = np.empty((n + 2, len(rows)))
        from_middle = seen[:n]
        np.subtract(rows.T, self._middle[:, None], out=from_middle)
        np.add.reduce(from_middle * from_middle, axis=0, out=seen[n])
        seen[n + 1] = 1
        return self._decide(seen)

    def _decide(self, seen: Array) -> Array:
        kernel = self._exponents.dot(seen)
        np.exp(kernel, out=kernel)
        found: Array = self._weights.dot(kernel)
        return found
