"""Earlier records: kept, pruned, and corrected if their process was killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from runner.record import history

DEAD = 2**22 + 1  # above the system's largest process number


def write_record(out: Path, number: int, status: str = "completed", pid: int = DEAD) -> None:
    record = {
        "metadata": {
            "papermill": {"start_time": f"2026-01-01T00:00:{number:02d}.000000+00:00"},
            "runner": {"status": status, "pid": pid, "reason": ""},
        },
        "cells": [{"metadata": {"papermill": {"status": "running"}}}, {"metadata": {}}],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record))


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "serve" / "out.ipynb"


def test_the_last_record_is_kept_and_never_goes_missing(out: Path) -> None:
    """A new run finds the old record under a name of its own; ``out.ipynb`` stays readable."""
    write_record(out, 1)
    before = out.read_text()
    history.keep_last(out)
    assert out.read_text() == before
    (kept,) = (path for path in out.parent.iterdir() if path != out)
    assert kept.read_text() == before


def test_keeping_twice_is_keeping_once(out: Path) -> None:
    """A run that wrote nothing new does not use up the history."""
    write_record(out, 1)
    history.keep_last(out)
    history.keep_last(out)
    assert len(list(out.parent.iterdir())) == 2


def test_failures_cannot_push_out_the_last_good_record(out: Path) -> None:
    """After a crash loop, the record of the last good run is still there."""
    for number in range(2 * history.KEPT):
        out.unlink(missing_ok=True)
        write_record(out, number, "completed" if number == 3 else "failed")
        history.keep_last(out)
    kept = [path for path in out.parent.iterdir() if path != out]
    assert len(kept) == history.KEPT + 1
    good = [read(path)["metadata"] for path in kept]
    assert [facts["papermill"]["start_time"][18] for facts in good if _is_good(facts)] == ["3"]


def _is_good(facts: Any) -> bool:
    return bool(facts["runner"]["status"] == "completed")


def test_a_record_of_a_killed_process_is_corrected(out: Path) -> None:
    """``running`` with nobody running it is not the truth."""
    write_record(out, 1, "running")
    history.mark_if_killed(out)
    record = read(out)
    assert record["metadata"]["runner"]["status"] == "killed"
    assert record["cells"][0]["metadata"]["papermill"]["status"] == "interrupted"


def test_a_record_of_a_living_process_is_left_alone(out: Path) -> None:
    """What is running says so."""
    write_record(out, 1, "running", os.getpid())
    before = out.read_text()
    history.mark_if_killed(out)
    assert out.read_text() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"metadata": {}}', '{"metadata": 3}'])
def test_a_foreign_file_is_left_alone(out: Path, text: str) -> None:
    """A file that is no record of ours is neither kept nor changed nor an error."""
    out.parent.mkdir(parents=True)
    out.write_text(text)
    history.keep_last(out)
    assert [path.read_text() for path in out.parent.iterdir()] == [text]


@pytest.mark.parametrize(
    ("notebook", "out"),
    [
        ("a/b/serve.ipynb", "runs/serve/out.ipynb"),
        ("notebooks/serve.ipynb", "runs/serve/out.ipynb"),
        ("notebooks/examples/petal/serve.ipynb", "runs/examples-petal-serve/out.ipynb"),
        (str(Path.cwd() / "notebooks/a/serve.ipynb"), "runs/a-serve/out.ipynb"),
        ("serve.ipynb", "runs/serve/out.ipynb"),
    ],
)
def test_the_default_place_is_named_after_the_notebook(notebook: str, out: str) -> None:
    """Below the working folder: by its stem, and by the folders below ``notebooks``."""
    assert history.default_out(Path(notebook)) == Path(out)


def test_a_shown_record_is_mended_in_both_places(out: Path) -> None:
    """``out.ipynb`` may be only another name of a run's own record."""
    record = out.with_name("20260101T000000-0001.ipynb")
    write_record(record, 1, "running")
    os.link(record, out)
    history.mark_all_killed(out)
    assert read(out)["metadata"]["runner"]["status"] == "killed"
    assert history.is_kept(out)
    assert len(list(out.parent.iterdir())) == 2
