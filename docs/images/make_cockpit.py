"""Take the pictures of the cockpit: of services as their supervisors describe them, without any.

An hour of traffic is needed for a chart that tells something, so what is said is made up.
"""

from __future__ import annotations

import contextlib
import math
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.standin_service import (  # noqa: E402 - it is no package
    kept_version,
    record_of,
    recorded_failure,
    status_of,
    supervisors,
)

DESKTOP, PHONE = {"width": 1200, "height": 850}, {"width": 390, "height": 844}
NOW = datetime.now(UTC)
LOADS = "import joblib\nmodel = joblib.load('model/iris.joblib')"
SERVES = "from runner import serve\nserve(model)"


def take(browser: Any, folder: Path, images: Path) -> None:
    """Take them all.

    Args:
        browser: Playwright's.
        folder: To work in.
        images: Where the pictures go.
    """
    said = {}
    for number, name in enumerate(("iris", "sentiment", "digits")):
        said[service_of(folder, name)] = answers(folder / "runs" / name, number)
    ended(folder / "runs/prices")
    with supervisors(said), cockpit(folder) as link:
        context = browser.new_context(viewport=DESKTOP)
        page = context.new_page()
        page.goto(link)
        page.get_by_role("heading", name="Services").wait_for()
        shown(page, images / "cockpit-overview.png")
        page.get_by_role("link", name="iris", exact=True).click()
        page.locator("figure canvas").nth(4).wait_for()
        shown(page, images / "cockpit-service.png", 1250)
        page.get_by_role("link", name="What changed").first.click()
        page.get_by_role("heading", name="What changed").wait_for()
        shown(page, images / "cockpit-difference.png", 600)
        context.close()
        context = browser.new_context(viewport=PHONE, color_scheme="dark")
        page = context.new_page()
        page.goto(link)
        page.get_by_role("link", name="iris", exact=True).click()
        page.locator("figure canvas").nth(4).wait_for()
        shown(page, images / "cockpit-phone.png")
        context.close()


def shown(page: Any, image: Path, height: int = 0) -> None:
    """Take a picture of a page once it is at rest, of this height instead of the window's."""
    page.wait_for_load_state("networkidle")
    size = page.viewport_size
    if height:
        page.set_viewport_size({**size, "height": height})
    page.screenshot(path=image)
    page.set_viewport_size(size)


def service_of(folder: Path, name: str) -> Path:
    """Make the folder of a service that has had three versions."""
    service = folder / "runs" / name
    sources = [
        (LOADS, SERVES),
        (LOADS, f"{SERVES[:-7]}(model, example=[5.1, 3.5, 1.4, 0.2])"),
        (LOADS, "print(model)", f"{SERVES[:-7]}(model, example=[5.1, 3.5, 1.4, 0.2])"),
    ]
    for number, cells in enumerate(sources):
        run = run_of(number)
        kept_version(service, run, *cells, title=name)
        report = {"is_accepted": True, "asked": 50, "same": 48, "changed": 2, "failed": 0}
        report |= {"slower": 0, "seconds": 0.8, "rows": []}
        record_of(
            service,
            run,
            notebook_sha256=f"{number + 3}e7" * 21,
            git_commit=f"{number + 7}fa3c2{number}" * 5,
            rehearsal=report,
        )
    trace = "ZeroDivisionError                  Traceback (most recent call last)\n"
    trace += "Cell In[2], line 1\n----> 1 1 / 0\n\nZeroDivisionError: division by zero"
    reason = "cell 3 (train), line 1 `1 / 0`, raised ZeroDivisionError: division by zero"
    failure = {"cell": 3, "line": 1, "text": "1 / 0", "error": "ZeroDivisionError"}
    record_of(service, run_of(9), trace, status="failed", reason=reason, failure=failure)
    recorded_failure(service, 4711, time=(NOW - timedelta(minutes=4)).isoformat())
    (service / ".notebook").write_text(f"notebooks/{name}.ipynb")
    return service


def ended(service: Path) -> None:
    """Make the folder of a service that was stopped."""
    kept_version(service, run_of(0), LOADS, SERVES)
    started = (NOW - timedelta(hours=30)).isoformat()
    record_of(service, "out", started=started, notebook_sha256="5e" * 32)
    (service / ".notebook").write_text("notebooks/prices.ipynb")


def run_of(number: int) -> str:
    """Name a run of the last hours."""
    at = NOW - timedelta(hours=9 - number)
    return f"{at:%Y%m%dT%H%M%S}-host-{number:04}"


def answers(service: Path, number: int) -> Callable[[str], dict[str, Any]]:
    """Say what a supervisor would."""
    chance = random.Random(number)
    points = [point(place, number, chance) for place in range(360)]
    last = points[-1]
    traffic = {
        "requests": sum(each["requests"] for each in points),
        "errors": sum(each["errors"] for each in points),
        "refused": 17 * number,
        "in_flight": number,
        "waiting": 0,
        "per_second": last["requests"] / 10,
        "p50": last["p50"],
        "p99": last["p99"],
        "memory": last["memory"],
    }
    facts: dict[str, Any] = {"traffic": traffic, "address": f"127.0.0.1:{8000 + 10 * number}"}
    if number == 2:
        facts["candidate"] = {"run": run_of(8), "state": "starting", "cause": "edited"}
    status = status_of(service, run_of(2), **facts)
    status["serving"]["since"] = (NOW - timedelta(minutes=47)).isoformat()
    said = {"status": status, "history": {"ok": True, "points": points}}
    said["versions"] = {"ok": True, "versions": versions(service)}
    return lambda question: said.get(question, {"ok": False, "reason": "unknown question"})


def versions(service: Path) -> list[dict[str, Any]]:
    """Say what a supervisor knows of its versions."""
    told = [
        ("Take the model of this week", "Ann", "edited", "serving"),
        ("Refuse what is no flower", "Ben", "edited", "kept"),
        ("Serve the irises", "Ann", "started", "kept"),
    ]
    return [
        {
            "sha256": f"{3 * number + 2}{number + 4}b" * 21 + "7",
            "kept": str(service / f"sources/{run_of(number)}.ipynb"),
            "since": (NOW - timedelta(hours=7 - number, minutes=-13)).isoformat(),
            "cause": cause,
            "commit": f"{number + 7}fa3c2{number}" * 5,
            "author": author,
            "subject": subject,
            "run": run_of(number),
            "state": state,
            "reason": "",
        }
        for number, (subject, author, cause, state) in zip((2, 1, 0), told, strict=True)
    ]


def point(place: int, number: int, chance: random.Random) -> dict[str, Any]:
    """Make up ten seconds."""
    wave = 1.3 + math.sin(place / 40 + number)
    slow = 1 + 4 * (place % 120 > 110)
    return {
        "at": NOW.timestamp() - 10 * (360 - place),
        "seconds": 10.0,
        "requests": int(wave * 900 + chance.random() * 200),
        "errors": int(chance.random() * 1.3) if slow > 1 else 0,
        "p50": 0.0012 * (1 + 0.3 * chance.random()),
        "p99": 0.006 * slow * (1 + 0.4 * chance.random()),
        "rows_per_call": 1 + wave * 2 + chance.random(),
        "memory": int(2.1e8 + 1e5 * place + 4e6 * chance.random()),
    }


@contextlib.contextmanager
def cockpit(folder: Path) -> Iterator[str]:
    """Run the cockpit of a folder; give its link."""
    words = [sys.executable, "-m", "runner", "cockpit", "--port", "0"]
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        link = next(found[0] for line in process.stdout if (found := re.search(r"http\S+", line)))
        time.sleep(0.5)
        yield link
    finally:
        process.terminate()
        process.wait(30)
