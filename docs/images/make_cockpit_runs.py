"""Take the pictures of the cockpit's runs and sweeps, which are made up."""

from __future__ import annotations

import datetime as dt
import random
import sys
from pathlib import Path
from typing import Any

from make_cockpit import DESKTOP, ROOT, cockpit, shown

sys.path.insert(0, str(ROOT / "tests"))

from support.records import cell, document, write

NOW = dt.datetime.now(dt.UTC)
PAGES = {"runs": "runs", "sweep": "sweeps/runs/sweeps/forecast"}


def take(browser: Any, folder: Path, images: Path) -> None:
    """Take them all.

    Args:
        browser: Playwright's.
        folder: To work in.
        images: Where the pictures go.
    """
    make_up(folder)
    with cockpit(folder) as link:
        page = browser.new_page(viewport=DESKTOP)
        page.goto(link)
        page.get_by_role("heading", name="Services").wait_for()
        for name, path in PAGES.items():
            page.goto(f"{link.partition('/?')[0]}/{path}")
            shown(page, images / f"cockpit-{name}.png")
        page.close()


NAMES = ("load", "clean", "features", "fit", "evaluate", "plot")


def make_up(folder: Path) -> None:
    """Write records as if many had run."""
    chance = random.Random(7)
    for number in range(1, 25):
        facts: dict[str, Any] = {"started": before(hours=1.7 * number)}
        if number == 7:
            facts |= {"status": "failed"}
            facts["reason"] = "cell 4 (fit), line 3 `model.fit(x, y)`, raised ValueError: NaN"
        write(folder / f"runs/forecast/{number}.ipynb", run_of(chance, facts))
    facts = {"started": before(hours=0.05), "status": "running"}
    write(folder / "runs/forecast/out.ipynb", run_of(chance, facts, done=3))
    for depth in (2, 4, 8, 16):
        for rate in (0.001, 0.01, 0.1, 1.0):
            for loss in ("huber", "square"):
                name = f"depth={depth},rate={rate},loss={loss}"
                parameters = {"depth": depth, "rate": rate, "loss": loss}
                found = 0.5 + abs(depth - 8) / 30 + abs(rate - 0.1) / 5 + chance.random() / 20
                metrics = {"rmse": round(found, 4)}
                content = document(
                    notebook="notebooks/forecast.ipynb",
                    sweep_point=name,
                    parameters=parameters,
                    metrics=metrics,
                    started=before(hours=50),
                )
                write(folder / f"runs/sweeps/forecast/points/{name}/out.ipynb", content)
    said = {"metric": "rmse", "goal": "min", "names": ["depth", "rate", "loss"]}
    report = document(sweep_point="report", parameters=said, started=before(hours=49))
    write(folder / "runs/sweeps/forecast/report.ipynb", report)


def run_of(chance: random.Random, facts: dict[str, Any], done: int = 6) -> dict[str, Any]:
    """Make up a run of six cells."""
    depth = chance.choice((4, 8, 12))
    has_failed = facts.get("status") == "failed"
    cells = []
    for place, name in enumerate(NAMES):
        is_next = "running" if done < 6 else "completed"
        status = "completed" if place < done else is_next if place == done else "pending"
        status = "failed" if has_failed and place == 3 else status
        made = cell(f"# {name}\ndepth = {depth}\nmodel.fit(x, y)", id=name, status=status)
        if status in ("running", "pending"):
            made["metadata"]["papermill"]["duration"] = None
        cells.append(made)
    ended = done == 6 and not has_failed
    return document(
        cells,
        notebook="notebooks/forecast.ipynb",
        parameters={"depth": depth, "rate": chance.choice((0.01, 0.1)), "seed": 7},
        metrics={"rmse": round(0.5 + chance.random() / 5, 4), "mae": 0.31} if ended else None,
        duration=round(40 + 60 * chance.random(), 1) if done == 6 else None,
        packages={"numpy": f"2.{depth}", "scipy": "1.17"},
        **facts,
    )


def before(*, hours: float) -> str:
    """Give a time before now."""
    return (NOW - dt.timedelta(hours=hours)).isoformat()
