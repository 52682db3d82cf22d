"""Records as runs leave them, made in no time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.wire import METRICS_MIME


def cell(source: str = "pass", *, status: str = "completed", **more: Any) -> dict[str, Any]:
    """A code cell of a record."""
    return {
        "cell_type": "code",
        "execution_count": 1,
        "id": more.pop("id", "cell"),
        "metadata": {"papermill": {"status": status, "duration": 1.5}, "tags": []},
        "outputs": more.pop("outputs", []),
        "source": source,
        **more,
    }


def text_cell(source: str, **more: Any) -> dict[str, Any]:
    """A text of a record."""
    return {"cell_type": "markdown", "id": "text", "metadata": {}, "source": source, **more}


def display(**data: Any) -> dict[str, Any]:
    """An output in several forms: ``text_html`` is ``text/html``."""
    found = {name.replace("_", "/", 1): value for name, value in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": found}


def document(
    cells: Sequence[dict[str, Any]] = (),
    *,
    metrics: dict[str, Any] | None = None,
    duration: float | None = 3.5,
    **facts: Any,
) -> dict[str, Any]:
    """A record; its facts are usual ones but for those that are given."""
    said = {
        "status": "completed",
        "notebook": "notebooks/train.ipynb",
        "started": "2026-11-29T05:52:11+00:00",
        "parameters": {},
        "pid": 0,
        "process_start": "",
        "host": "elsewhere",
    }
    recorded = [cell(outputs=[{**display(), "data": {METRICS_MIME: metrics}}])] if metrics else []
    return {
        "cells": [*cells, *recorded],
        "metadata": {"papermill": {"duration": duration}, "runner": said | facts},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write(path: Path, content: dict[str, Any]) -> Path:
    """Write a record as nbformat does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    return path


def write_sweep(folder: Path, points: dict[str, tuple[dict[str, Any], float | None]]) -> None:
    """Write the records of a sweep: its points' parameters and accuracy, by their names."""
    for number, (name, (parameters, accuracy)) in enumerate(points.items()):
        ended = "failed" if accuracy is None else "completed"
        metrics = None if accuracy is None else {"accuracy": accuracy}
        found = document(
            sweep_point=name,
            parameters=parameters,
            metrics=metrics,
            status=ended,
            started=f"2026-11-29T05:52:{number:02}+00:00",
        )
        write(folder / "points" / name / "out.ipynb", found)
