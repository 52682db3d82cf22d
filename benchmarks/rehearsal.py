"""Measure how much longer a swap takes that rehearses: alternated with one that does not.

Two services of the same notebook, one with `--rehearse 200` and 200 recorded requests, are
reloaded in turn. What is measured is `runner reload`, from its start until the new version serves.

    python benchmarks/rehearsal.py [--rounds 10] [--requests 200]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import time
from pathlib import Path

from leftovers import leave_nothing
from service import Service, serving

MODEL = """
import numpy as np
from sklearn.svm import SVC

rng = np.random.default_rng(0)
X = rng.normal(size=(150, 4))
model = SVC(probability=True).fit(X, (X.sum(axis=1) > 0).astype(int))
"""
SERVE = """
from runner import serve

serve(model, example={"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0})
"""


def main() -> None:
    """Run it, and print the figures."""
    leave_nothing()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--requests", type=int, default=200)
    given = options.parse_args()
    cells, words = (MODEL, SERVE), ("--no-access-log",)
    rehearse = ("--rehearse", str(given.requests))
    with (
        serving(*words, cells=cells, path="/openapi.json") as plain,
        serving(*words, *rehearse, cells=cells, path="/openapi.json") as rehearsed,
    ):
        record(rehearsed.folder / "runs/a/requests", given.requests)
        times = [(reload(plain), reload(rehearsed)) for _ in range(given.rounds)]
        report = (rehearsed.status()["serving"] or {})["rehearsal"]
    without, with_it = (sorted(each) for each in zip(*times, strict=True))
    more = [after - before for before, after in times]
    print(f"asked {report['asked']} in {report['seconds']} s: {report['failed']} failed")
    print(f"a swap without: median {statistics.median(without):.2f} s")
    print(f"a swap with it: median {statistics.median(with_it):.2f} s")
    print(f"longer by:      median {statistics.median(more):+.3f} s, most {max(more):+.3f} s")


def record(folder: Path, count: int) -> None:
    """Leave a request log of so many predictions, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    with (folder / "20260101T000000-run-0.jsonl").open("w", encoding="utf-8") as file:
        for number in range(count):
            row = {name: (number * step) % 7 - 3 for step, name in enumerate("abcd", 1)}
            line = {
                "id": f"r{number}",
                "time": (now + dt.timedelta(milliseconds=number)).isoformat(),
                "run": "run",
                "model": None,
                "method": "POST",
                "path": "/",
                "headers": {"content-type": "application/json"},
                "body": json.dumps(row | {"a": number / 100}),
                "status": 200,
                "answer": "0",
                "answer_type": "application/json",
                "ms": 0.3,
            }
            file.write(json.dumps(line) + "\n")


def reload(service: Service) -> float:
    """Swap to a new version of the same; give the seconds that it took."""
    before = service.status()["serving"]["run"]
    began = time.monotonic()
    service.command("reload", "a.ipynb")
    took = time.monotonic() - began
    if service.status()["serving"]["run"] == before:
        raise SystemExit(f"it was not swapped:\n{service.log.read_text()[-2000:]}")
    time.sleep(1.0)  # the next run's process is being warmed
    return took


if __name__ == "__main__":
    main()
