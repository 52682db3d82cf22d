"""Take the picture of ``runner status`` in a terminal: of a made-up service, as the cockpit's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from make_cockpit import NOW, answers, run_of, service_of, supervisors
from make_terminal import take_terminal

REASON = "cell 3 (train), line 1 `1 / 0`, raised ZeroDivisionError: division by zero"


def take(browser: Any, folder: Path, images: Path) -> None:
    """Take it.

    Args:
        browser: Playwright's.
        folder: To work in.
        images: Where the picture goes.
    """
    service = service_of(folder, "sentiment")
    answer = answers(service, 1)
    status, versions = answer("status"), answer("versions")["versions"]
    record = f"runs/sentiment/{run_of(9)}.ipynb"
    failure = {"run": run_of(9), "at": NOW.isoformat(), "reason": REASON, "record": record}
    status |= {"notebook": str(folder / "notebooks/sentiment.ipynb"), "failure": failure}
    status |= {"records": "runs/sentiment", "uptime": 25_443.0}
    status["serving"] |= {"sha256": versions[0]["sha256"], "record": f"runs/{run_of(2)}.ipynb"}
    with supervisors({service: lambda question: answer(question) | _own(question, status)}):
        runner = str(Path(sys.executable).with_name("runner"))
        words = [runner, "status", "notebooks/sentiment.ipynb"]
        take_terminal(browser, folder, words, images / "terminal-status.png", "Serve the irises")


def _own(question: str, status: dict[str, Any]) -> dict[str, Any]:
    return status if question == "status" else {}
