"""Compare a model's own predict with the fast call that is proved to equal it.

Each row of the table: microseconds of a call with 1 row and with 32 rows, by the public call
and by ours, as medians of alternated rounds; and how long the proof at start-up took.

    python benchmarks/fast_predict.py [--rounds 9] [--data iris]

Another scikit-learn is tested by putting it in front, without touching the environment:

    pip install --no-deps --target other scikit-learn==1.7.2
    PYTHONPATH=other:. python -m pytest -W default tests/contract/test_predict_fast_*.py
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from runner.predict.fast.preparation import prepare

MODELS = {
    "SVC": SVC(),
    "LogisticRegression": LogisticRegression(),
    "StandardScaler, SVC": make_pipeline(StandardScaler(), SVC()),
    "DecisionTree": DecisionTreeClassifier(random_state=0),
    "RandomForest, 100 trees": RandomForestClassifier(random_state=0),
    "GradientBoosting, 100 steps": GradientBoostingClassifier(random_state=0),
    "HistGradientBoosting, 100 steps": HistGradientBoostingClassifier(),
}
DATA = {
    "iris": datasets.load_iris,
    "digits": datasets.load_digits,
    "breast-cancer": datasets.load_breast_cancer,
}
_ROUND = 0.02

Row = tuple[float, ...]
Call = Callable[[Sequence[Row]], Sequence[Any]]


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--data", choices=DATA, default="iris")
    given = options.parse_args()
    warnings.simplefilter("ignore")  # whether a model converges is not the question here
    rows, target = DATA[given.data](return_X_y=True)
    asked = [tuple(row) for row in rows.tolist()]
    print("| model | 1 row: own, fast, ratio | 32 rows: own, fast, ratio | proof |")
    print("|---|---|---|---|")
    for name, model in MODELS.items():
        public = public_call(model.fit(rows, target))
        start = time.perf_counter()
        fast = prepare(model, public, example=asked[0])
        proof = time.perf_counter() - start
        assert fast.is_fast, fast.why
        cells = [compared(public, fast, asked[:count], given.rounds) for count in (1, 32)]
        print(f"| {name} | {cells[0]} | {cells[1]} | {proof:.2f} s |", flush=True)


def public_call(model: Any) -> Call:
    """Call a model as one would by hand."""

    def predict(rows: Sequence[Row]) -> Sequence[Any]:
        return list(model.predict(np.array(rows)).tolist())

    return predict


def compared(public: Call, fast: Call, rows: Sequence[Row], rounds: int) -> str:
    """Give the medians of both calls and of their ratios within a round."""
    pairs = [(microseconds(public, rows), microseconds(fast, rows)) for _ in range(rounds)]
    own, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(public_time / fast_time for public_time, fast_time in pairs)
    return f"{own:,.0f}, {ours:,.1f} µs, {ratio:.1f}"


def microseconds(call: Call, rows: Sequence[Row]) -> float:
    """Time one call, as the mean of as many as fit into a round."""
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < _ROUND:
        call(rows)
        count += 1
    return spent / count * 1e6


if __name__ == "__main__":
    main()
