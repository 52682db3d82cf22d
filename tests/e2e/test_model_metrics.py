"""Metrics through a real kernel."""

from __future__ import annotations

from pathlib import Path

from support import RUNNER, Service, read_record, write_notebook

from runner.record.metrics import metrics_of


def test_a_recorded_metric_is_in_the_executed_notebook(tmp_path: Path) -> None:
    """Through a real kernel, as a number and as text."""
    code = "import numpy; from runner import record_metrics; record_metrics(a=numpy.float32(0.5))"
    write_notebook(tmp_path / "a.ipynb", code)
    service = Service("run", "a.ipynb", cwd=tmp_path, program=RUNNER)
    assert service.wait() == 0
    assert service.end() == []
    record = read_record(tmp_path / "runs/a/out.ipynb")
    assert metrics_of(record) == {"a": 0.5}
    assert record.cells[0].outputs[0].data["text/plain"] == "a: 0.5"
