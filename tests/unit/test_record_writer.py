"""What becomes of a run whose record the disk refuses."""

from __future__ import annotations

import logging
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from runner.record.out import OutFile
from runner.record.writer import RecordWriter


@pytest.fixture
def nb() -> NotebookNode:
    return nbformat.v4.new_notebook()


def refuse(out: Path) -> None:
    """Let nothing be written to a file: its folder is none."""
    out.unlink(missing_ok=True)
    out.parent.rmdir()
    out.parent.touch()


def allow(out: Path) -> None:
    """Let it be written again."""
    out.parent.unlink()
    out.parent.mkdir()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs/out.ipynb"


def test_a_run_that_serves_goes_on_without_a_record(
    out: Path, nb: NotebookNode, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever save it is; the log says once that it is missing, and when it is there again."""
    caplog.set_level(logging.INFO)
    write = RecordWriter(OutFile(out), may_be_refused=True)
    refuse(out)
    for durable in (False, False, True):
        write(nb, durable)
    assert caplog.text.count("is not saved, the run goes on") == 1
    allow(out)
    write(nb, False)
    assert "is saved again" in caplog.text
    assert out.exists()


def test_a_record_that_is_all_a_run_leaves_may_be_late_and_no_more(
    out: Path, nb: NotebookNode
) -> None:
    """Its first and its last save have to come through, for nobody could see it else."""
    write = RecordWriter(OutFile(out))
    refuse(out)
    with pytest.raises(OSError, match="Not a directory"):
        write(nb, False)
    allow(out)
    write(nb, False)
    refuse(out)
    write(nb, False)
    with pytest.raises(OSError, match="Not a directory"):
        write(nb, True)
