"""The card that out.ipynb shows of a service is as true as what it shows is now."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import (
    RUNNER,
    Service,
    is_ready,
    read_record,
    reserved_port,
    send,
    until,
    write_notebook,
)

from runner.record.card import is_card
from runner.record.requests import Wanted, read

FUNCTION = """
def double(x: float) -> float:
    "Double a number."
    if x < 0:
        raise ValueError("negative")
    return 2 * x
"""
SERVE = "from runner import serve\nserve(double, example={'x': 1.5})"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A function that fails at some requests, which are recorded; looked at once a second."""
    folder, port = tmp_path_factory.mktemp("served"), reserved_port()
    write_notebook(folder / "a.ipynb", FUNCTION, SERVE)
    words = ["serve", "a.ipynb", "--port", str(port), "--no-standby", "--reload"]
    more = ["--save-every", "0.1", "--record-requests", "0.001"]
    service = Service(*words, *more, cwd=folder, program=RUNNER)
    service.port, service.folder = port, folder  # type: ignore[attr-defined] # for the tests
    try:
        until(lambda: is_ready(port, service), 60)
        yield service
        if service.process.poll() is None:
            assert service.stop() == 0, service.said()
    finally:
        assert service.end() == []


def record_path(service: Any) -> Path:
    return Path(service.folder / "runs/a/out.ipynb")


def card(service: Any) -> str:
    """The card's text; empty while there is none."""
    cells = read_record(record_path(service)).cells
    shown = (output for cell in cells for output in cell.get("outputs", ()) if is_card(output))
    return str(next((output.data["text/plain"] for output in shown), ""))


def asked(service: Any, x: float) -> int:
    return send(service.port, json.dumps({"x": x}).encode())[0]


def test_it_counts_what_was_asked_and_names_the_last_failure(service: Any) -> None:
    """By the memory in which the workers count; the curl line works as it stands."""
    assert [asked(service, x) for x in (1, 2, -1)] == [200, 200, 500]
    (line,) = until(lambda: [line for line in card(service).splitlines() if "  curl" in line])
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout) == 3.0
    said = until(lambda: "4 requests · 1 error ·" in card(service) and card(service))
    assert said.startswith("● serving since")
    traffic = read_record(record_path(service)).metadata.runner.traffic
    assert (traffic.requests, traffic.errors, traffic.refused) == (4, 1, 0)
    assert 0 < traffic.p50 <= traffic.p99
    assert f"http://127.0.0.1:{service.port}" in said
    folder = record_path(service).parent / "requests"
    (failed,) = until(lambda: list(read(folder, Wanted(failures=True))))
    until(lambda: f"{failed.id} · POST / → 500" in card(service))


def test_nobody_writes_the_record_meanwhile(service: Any) -> None:
    """A save by Jupyter would be lost at the next of ours."""
    until(lambda: card(service))
    assert record_path(service).stat().st_mode & 0o777 == 0o400


def test_a_save_that_fails_shows_there(service: Any) -> None:
    """What serves goes on; the failed version's record begins with the cell; so says the status."""
    broken = FUNCTION.replace("2 * x", "2 * y") + "double(1.0)"
    write_notebook(service.folder / "a.ipynb", broken, SERVE)
    until(lambda: "newest save" in card(service), 60)
    assert asked(service, 3) == 200
    words = [*RUNNER, "status", "a.ipynb", "--format", "json"]
    done = subprocess.run(words, cwd=service.folder, capture_output=True, timeout=60, check=True)
    failure = json.loads(done.stdout)["failure"]
    place = {"cell": 1, "cell_id": "cell-0", "line": 7, "text": "double(1.0)"}
    failed = place | {"error": "NameError"}
    assert failed.items() <= failure["cell"].items()
    first = read_record(service.folder / failure["record"]).cells[0]
    assert '<a href="#cell-id=cell-0">cell 1 (cell-0)</a>, line 7' in first.source


def test_at_the_end_it_is_a_summary(service: Any) -> None:
    """A stop that somebody asked for is calm, and the file is its owner's again."""
    assert asked(service, -1) == 500
    assert service.stop() == 0, service.said()
    said = card(service)
    assert said.startswith("■ served from")
    reason = "interrupted by SIGTERM: a stop was asked for by SIGTERM"
    assert reason in said
    last = read_record(record_path(service)).cells[-1].outputs[-1]
    assert (last.name, last.text.splitlines()) == ("stdout", [reason])
    assert " error" in said
    assert " 0 errors" not in said
    assert record_path(service).stat().st_mode & 0o777 == 0o600
    assert os.access(record_path(service), os.W_OK)
