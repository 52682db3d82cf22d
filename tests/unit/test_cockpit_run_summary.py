"""What a list of runs shows of a record."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.records import cell, document, write

from runner.cockpit import run_summary
from runner.cockpit.records import read_record
from runner.cockpit.run_summary import Kind, RunSummary, summary_of


def summary(folder: Path, content: dict[str, Any], name: str = "runs/a/out.ipynb") -> RunSummary:
    found = summary_of(write(folder / name, content), folder)
    assert found is not None
    return found


def test_a_record_says_what_was_run_how_long_and_what_came_out(tmp_path: Path) -> None:
    """State, duration, parameters, metrics and cells are taken from the record."""
    content = document(
        [cell(), cell(status="running"), cell(status="pending")],
        parameters={"C": 10.0, "layers": [1, 2], "name": "x"},
        metrics={"accuracy": 0.97},
    )
    run = summary(tmp_path, content)
    assert (run.kind, run.status, run.seconds) == (Kind.RUN, "completed", 3.5)
    assert run.parameters == {"C": 10.0, "layers": "[1, 2]", "name": "x"}
    assert run.metrics == {"accuracy": 0.97}
    assert (run.cells.total, run.cells.completed, run.cells.running) == (4, 2, 1)
    assert (run.name, run.path) == ("train", "runs/a/out.ipynb")


def test_what_started_a_run_is_told_by_its_facts(tmp_path: Path) -> None:
    """A service's run has an id, a point of a sweep a name and lies among its points."""
    assert summary(tmp_path, document(run="20261129T000939-web-0001")).kind is Kind.SERVICE
    point = summary(tmp_path, document(sweep_point="C=1"), "runs/s/points/C=1/out.ipynb")
    assert (point.kind, point.sweep, point.name) == (Kind.SWEEP, "runs/s", "C=1")
    report = summary(tmp_path, document(sweep_point="report"), "runs/s/report.ipynb")
    assert (report.kind, report.sweep) == (Kind.REPORT, "runs/s")


def test_a_service_that_is_ready_serves(tmp_path: Path) -> None:
    """One that is not yet, and a run that is no service's, go on running."""
    ready = {"status": "running", "ready": "2026-11-29T05:52:12+00:00"}
    assert summary(tmp_path, document(run="1", **ready)).status == "serving"
    assert summary(tmp_path, document(run="1", **ready | {"ready": None})).status == "running"
    assert summary(tmp_path, document(**ready)).status == "running"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"metadata": {}}',
        '{"metadata": {"runner": "text"}}',
        '{"metadata": {"runner": {}}, "cells": {"a": 1}}',
        '{"metadata": {"runner": ' + "[" * 100_000,
    ],
)
def test_what_is_no_record_has_no_summary(tmp_path: Path, text: str) -> None:
    """Nothing that a file may hold is an error."""
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    assert summary_of(path, tmp_path) is None


def test_a_link_and_a_pipe_are_no_records(tmp_path: Path) -> None:
    """A link could lead anywhere, and nothing is waited for."""
    write(tmp_path / "a.ipynb", document())
    (tmp_path / "link.ipynb").symlink_to("a.ipynb")
    os.mkfifo(tmp_path / "pipe.ipynb")
    assert summary_of(tmp_path / "link.ipynb", tmp_path) is None
    assert summary_of(tmp_path / "pipe.ipynb", tmp_path) is None


def test_facts_of_a_wrong_kind_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    """A record is anybody's file."""
    names = ("status", "reason", "notebook", "started", "parameters", "pid", "host", "model_cards")
    wrong: dict[str, Any] = {name: [1] for name in names}
    run = summary(tmp_path, document(**wrong, model_cards_at_end={"a": 5}, duration=-1.0))
    assert (run.status, run.notebook, run.started, run.seconds) == ("", "", None, None)
    assert (run.parameters, run.metrics) == ({}, {})


def test_numbers_and_moments_beyond_all_bounds_are_as_if_they_were_not_there(
    tmp_path: Path,
) -> None:
    """JSON has numbers that no float can hold; one such record must not hide all the others."""
    huge = 10**400
    cells = [cell(metadata={"papermill": {"status": "completed", "duration": huge}})]
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        content = document(cells, metrics={"a": huge, "b": 1}, started=moment, pid=huge)
        run = summary(tmp_path, content)
        assert (run.metrics, run.started) == ({"b": 1}, None)
    content["metadata"]["papermill"]["duration"] = huge
    assert summary(tmp_path, content).seconds is None
    found = read_record(tmp_path / "runs/a/out.ipynb")
    assert found is not None
    assert found.cells[0].seconds is None


def test_texts_are_cut_and_can_be_written_as_utf_8(tmp_path: Path) -> None:
    """However long a value is, and whatever half characters it has."""
    run = summary(
        tmp_path, document(parameters={"a": "x" * 9_999, "b": "\ud800"}, reason="y" * 999)
    )
    assert len(str(run.parameters["a"])) == 200
    assert run.parameters["b"] == "?"
    assert len(run.reason) == 500


def test_nan_which_json_has_not_is_read_all_the_same(tmp_path: Path) -> None:
    """Python writes it, and a metric that is none is left out."""
    run = summary(tmp_path, document(parameters={"a": float("nan")}, metrics={"b": 1.0}))
    assert str(run.parameters["a"]) == "nan"
    assert run.metrics == {"b": 1.0}


def test_of_a_record_beyond_the_bound_the_facts_at_its_end_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state and its parameters are listed, but not its metrics."""
    monkeypatch.setattr(run_summary, "MOST_READ", 5_000)
    monkeypatch.setattr(run_summary, "TAIL", 2_000)
    large = cell("x" * 20_000)
    run = summary(tmp_path, document([large], parameters={"a": 1}, metrics={"b": 1.0}))
    assert run.is_partly_read
    assert (run.status, run.parameters, run.metrics) == ("completed", {"a": 1}, {})


def test_a_name_that_is_no_text_is_shown_as_far_as_it_is_one(tmp_path: Path) -> None:
    """A file's name may be any bytes."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.ipynb"))
    path.write_text(json.dumps(document()))
    run = summary_of(path, tmp_path)
    assert run is not None
    assert run.path == "\ufffd.ipynb"
