"""Measure a notebook that serves, by the command."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import psutil
from support import RUNNER, write_notebook

APP = """
import json

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    status = 200 if scope["path"] == "/good" else 500
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})
"""


def measured(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUNNER, "measure", *words],
        cwd=folder,
        env=os.environ | {"MEASURED_IN": str(folder)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def left_behind(folder: Path) -> list[psutil.Process]:
    """Find processes that have the mark of a folder in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MEASURED_IN") == str(folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def test_a_service_is_started_asked_and_ended(tmp_path: Path) -> None:
    """Its figures are in the file; failures are counted; no process and no record is left."""
    write_notebook(tmp_path / "serve.ipynb", APP)
    cases = [{"request": {"path": path}, "status": 200} for path in ("/good", "/bad")]
    (tmp_path / "asked.jsonl").write_text("\n".join(map(json.dumps, cases)))
    words = ["--requests", "asked.jsonl", "--seconds", "0.5", "--concurrency", "2"]
    done = measured(tmp_path, "serve.ipynb", *words, "--out", "m.json", "--", "--workers", "1")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "m.json").read_text())
    assert found["options"] == ["--workers", "1"]
    assert found["memory"]["rest"] > 20_000_000
    assert found["start_seconds"] > 0
    load = found["load"]
    assert (load["request"], load["concurrency"]) == ("2 requests in turn", 2)
    assert 0 < load["failed"] < load["requests"]
    assert 0 < load["latency"]["p50"] <= load["latency"]["max"]
    assert "at rest" in done.stdout
    assert left_behind(tmp_path) == []
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"serve.ipynb", "asked.jsonl", "m.json"}


def test_a_notebook_that_fails_is_no_measurement(tmp_path: Path) -> None:
    """What it said is told, and nothing is written."""
    write_notebook(tmp_path / "serve.ipynb", "1 / 0")
    done = measured(tmp_path, "serve.ipynb", "--out", "m.json")
    assert done.returncode == 3, done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert not (tmp_path / "m.json").exists()
    assert left_behind(tmp_path) == []
