"""Measure this checkout against another commit: load, memory, start-up, and reloads under load.

Both run in environments of their own. In each round both are started at once and loaded in
turn, and who is first alternates; ratios are of one round. Needs wrk.

    python benchmarks/bench/against_commit.py COMMIT [--rounds 5] [--seconds 1] [--reloads 5]
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import machine
from checkout import check_out
from load import check
from processes import leave_nothing
from recipes import OURS, read
from rounds import Plan, Series, measure
from traffic import Traffic
from venvs import ROOT, Environment, cache, made, models

SIDES = ("old", "new")
# Where each is found in the series of a round.
FIGURES: dict[str, Callable[[Series, str], float]] = {
    "requests/s, varied, c=1": lambda series, side: series.median(side, 1, lambda w: w.rate),
    "requests/s, varied, c=32": lambda series, side: series.median(side, 32, lambda w: w.rate),
    "requests/s, varied, c=256": lambda series, side: series.median(side, 256, lambda w: w.rate),
    "requests/s, same bytes, c=32": lambda series, side: series.median(
        side, 32, lambda w: w.rate, Traffic.SAME
    ),
    "p50 in ms, c=1": lambda series, side: series.median(side, 1, lambda w: w.p50),
    "p99 in ms, c=32": lambda series, side: series.median(side, 32, lambda w: w.p99),
    "CPU µs a request, c=32": lambda series, side: series.median(side, 32, lambda w: w.cost),
    "memory after load, MB (PSS)": lambda series, side: series.weights[side].pss,
    "start to first answer, s": lambda series, side: series.weights[side].boot,
}


def main() -> None:
    """Measure, and print the table."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("commit", help="the old one")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=1, help="of each window")
    options.add_argument("--reloads", type=int, default=5, help="of each kind, in each round")
    options.add_argument("--venvs", type=Path, default=cache(), help="where they are kept")
    given = options.parse_args()
    check()
    environments = {
        "old": made(given.venvs, "old", OURS, check_out(given.venvs / "trees", ROOT, given.commit)),
        "new": made(given.venvs, OURS, OURS),
    }
    print(machine.describe(machine.load_average()))
    rounds = _rounds(given, environments)
    print(
        f"\n| {rounds[0].commits['old']} against {rounds[0].commits['new']} "
        "| old | new | new / old |\n|---|---:|---:|---:|"
    )
    for name, figure in FIGURES.items():
        print(_row(name, [[figure(series, side) for side in SIDES] for series in rounds]))
    for number in range(given.rounds if given.reloads else 0):
        for side in _order(number):
            print(f"\n{side}, reloads under load:\n{_reloads(environments[side], given.reloads)}")


def _rounds(given: argparse.Namespace, environments: dict[str, Environment]) -> list[Series]:
    ours = read()[OURS]
    with tempfile.TemporaryDirectory() as folder:
        model = models(Path(folder), environments)
        found = []
        for number in range(given.rounds):
            recipes = [dataclasses.replace(ours, name=side, title=side) for side in _order(number)]
            plan = Plan(
                recipes=recipes,
                environments=environments,
                model=model,
                seconds=given.seconds,
                rounds=1,
            )
            found.append(measure(plan, 1))
            if found[-1].faults:
                raise SystemExit(f"cannot be measured: {found[-1].faults}")
    return found


def _order(number: int) -> tuple[str, ...]:
    return SIDES if number % 2 == 0 else SIDES[::-1]


def _row(name: str, pairs: list[list[float]]) -> str:
    old, new = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(new / old for old, new in pairs)
    return f"| {name} | {old:.4g} | {new:.4g} | {ratio:.2f} |"


def _reloads(environment: Environment, times: int) -> str:
    """Let the same script load and reload a service of that environment."""
    script = ROOT / "benchmarks/reload_under_load.py"
    words = [str(environment.python), str(script), "--rounds", str(times)]
    with tempfile.TemporaryDirectory() as folder:  # where no package of ours lies
        done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.rstrip() + (f"\nexit code {done.returncode}" if done.returncode else "")


if __name__ == "__main__":
    main()
