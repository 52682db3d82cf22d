"""What a badge shows of what a supervisor says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runner.lab.state import state_of

EARLY, LATE = "2026-11-30T10:00:00.000+00:00", "2026-11-30T10:00:01.000+00:00"
RUN = {"run": "r-1", "since": EARLY, "cause": "started", "sha256": "3f", "record": "r-1.ipynb"}


def failure(at: str, **facts: Any) -> dict[str, Any]:
    return {"run": "r-2", "reason": "cell 2 failed", "record": None, "at": at, **facts}


def status(**facts: Any) -> dict[str, Any]:
    """What a supervisor answers while all is well, but for some of it."""
    return {
        "phase": "up",
        "address": "127.0.0.1:8000",
        "url": "http://127.0.0.1:8000",
        "records": "/nowhere",
        "serving": RUN,
        "candidate": None,
        "failure": None,
        "save_fault": "",
        "good": ["r-1"],
        **facts,
    }


def test_a_state_is_json_and_says_what_serves(tmp_path: Path) -> None:
    """With the record that can be opened in JupyterLab."""
    (tmp_path / "runs/a").mkdir(parents=True)
    (tmp_path / "runs/a/out.ipynb").touch()
    found = json.loads(json.dumps(state_of(status(records=str(tmp_path / "runs/a")), tmp_path)))
    assert found["record"] == "runs/a/out.ipynb"
    assert found["url"] == "http://127.0.0.1:8000"
    version = {"run": "r-1", "sha256": "3f", "since": EARLY, "cause": "started"}
    assert found["version"] == version
    assert found["traffic"] is None
    assert found["failure"] is None


def test_the_failed_cell_and_its_record_are_shown(tmp_path: Path) -> None:
    """The record's path is the supervisor's, who has another working folder than Jupyter."""
    (tmp_path / "r-2.ipynb").touch()
    cell = {"cell": 2, "cell_id": "divide", "line": 2}
    said = failure(LATE, cell=cell, record="as/seen/elsewhere/r-2.ipynb")
    found = state_of(status(failure=said, records=str(tmp_path)), tmp_path)["failure"]
    assert found == failure(LATE, cell=cell, record="r-2.ipynb")
