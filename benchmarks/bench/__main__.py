"""Compare what serves a model, one row a request: throughput, latency, CPU, memory, start-up.

Every server has the same model, runs in an environment of its own and is started as its own
documentation says (see servers/servers.toml), access logs off. Needs wrk. Writes a table, a
chart and the figures.

    python benchmarks/bench [--quick] [--rounds 4] [--seconds 1] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import chart
import machine
import results
import summary
import table
from load import check
from processes import leave_nothing
from recipes import ALONE, LIMIT, OURS, Recipe, read
from rounds import Plan, measure, overload
from venvs import Environment, cache, make, models

QUICK = (OURS, ALONE, LIMIT, "plain", "fastapi", "mosec")
RESULTS = Path(__file__).resolve().parents[1] / "results"
PAGE = Path(__file__).resolve().parents[2] / "docs/benchmarks.md"


def main() -> None:
    """Measure, and write the results."""
    leave_nothing()
    given = _options()
    if given.render:
        found = results.read(given.out / "predict.json")
    else:
        found = _measured(given)
        given.out.mkdir(parents=True, exist_ok=True)
        results.write(given.out / "predict.json", found)
    (given.out / "predict.md").write_text(table.page(found))
    chart.draw(found, given.out / "predict.svg")
    if given.out == RESULTS:
        PAGE.write_text(summary.insert(PAGE.read_text(), found))
    print(f"\n{table.targets(found)}")


def _options() -> argparse.Namespace:
    known = list(read())
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    options.add_argument("--only", nargs="+", choices=known, help="only these and the limit")
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--seconds", type=int, default=1, help="of each window")
    options.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options.add_argument("--venvs", type=Path, default=cache(), help="where they are kept")
    options.add_argument("--out", type=Path, default=RESULTS, help="where results are written")
    options.add_argument(
        "--render", action="store_true", help="only write the table and the chart anew"
    )
    return options.parse_args()


def _measured(given: argparse.Namespace) -> results.Results:
    check()
    recipes = read()
    names = QUICK if given.quick else given.only or tuple(recipes)
    chosen = [recipe for name, recipe in recipes.items() if name in {*names, LIMIT}]
    environments = make(given.venvs, chosen)
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            recipes=chosen,
            environments=environments,
            model=models(Path(folder), environments),
            seconds=given.seconds,
            rounds=given.rounds,
        )
        before = machine.load_average()
        series = {workers: measure(plan, workers) for workers in given.workers}
        return results.Results(
            machine=machine.describe(before),
            rounds=given.rounds,
            seconds=given.seconds,
            versions={recipe.name: _versions(recipe, environments) for recipe in chosen},
            series=series,
            overload=overload(plan) if OURS in {recipe.name for recipe in chosen} else None,
        )


def _versions(recipe: Recipe, environments: dict[str, Environment]) -> str:
    if environments[recipe.name].fault:
        return ""
    installed = environments[recipe.name].versions
    return ", ".join(f"{name} {installed[name]}" for name in recipe.shows if name in installed)


if __name__ == "__main__":
    main()
