"""What a watcher of a run is told."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from runner.record.progress import ProgressBar, ProgressLog, name_of


def cell(source: str = "x = 1", cell_id: str = "load-data", **metadata: Any) -> dict[str, Any]:
    return {"id": cell_id, "source": source, "metadata": metadata}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (cell(), "load-data"),
        (cell(cell_id="3f0a9c1e"), "'x = 1'"),
        (cell(cell_id="3f0a-9c1e", source=""), "3f0a-9c1e"),
        (cell(tags=["injected-parameters"]), "injected-parameters"),
        (cell(cell_id="rX8mhOLljYeM"), "'x = 1'"),
        (cell(cell_id="", source="# Load the data\nx = 1"), "Load the data"),
        (cell(cell_id="", source="\n\n  import numpy as np\n"), "'import numpy as np'"),
    ],
)
def test_a_cell_is_named_for_people(given: dict[str, Any], name: str) -> None:
    """An id of words is a name; JupyterLab's hexadecimal ids are not."""
    assert name_of(given) == name


def test_lines_say_what_ended_how(caplog: pytest.LogCaptureFixture) -> None:
    """Each cell gets a line with its state and time; but why one failed is told elsewhere, once."""
    caplog.set_level(logging.INFO, "runner")
    ProgressLog().ended(1, 2, cell(papermill={"status": "completed"}), 1.5)
    ProgressLog().ended(2, 2, cell(papermill={"status": "failed"}), 1.5)
    assert caplog.messages == ["code cell 1/2 load-data completed in 1.50 s"]


def test_only_the_last_start_is_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """The last cell of a service runs for ever, so its start is told."""
    caplog.set_level(logging.INFO, "runner")
    ProgressLog().started(1, 2, cell())
    ProgressLog().started(2, 2, cell())
    assert caplog.messages == ["code cell 2/2 load-data started"]


def test_the_bar_counts_what_was_completed(capsys: pytest.CaptureFixture[str]) -> None:
    """A failed cell does not move the bar to its end."""
    bar = ProgressBar()
    for number, status in ((1, "completed"), (2, "failed")):
        bar.started(number, 2, cell())
        bar.ended(number, 2, cell(papermill={"status": status}), 0.1)
    bar.close()
    shown = capsys.readouterr().err
    assert "load-data" in shown
    assert "1/2" in shown
    assert "2/2" not in shown
