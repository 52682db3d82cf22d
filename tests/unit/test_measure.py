"""What is measured of a service, and what a pod requests by it."""

from __future__ import annotations

import dataclasses
import json
import mmap
import os
from pathlib import Path

import pytest

from runner.errors import ConfigurationError
from runner.manifest.needs import resources_of
from runner.measure import asked, measurement, process_tree
from runner.measure.measurement import Load, Measurement, Memory

MEASURED = Measurement(
    notebook="serve.ipynb",
    notebook_sha256="0" * 64,
    options=["--workers", "2"],
    measured_at="2026-11-29T21:00:00+00:00",
    machine={"cores": 2, "architecture": "x86_64", "python": "3.11.7"},
    start_seconds=2.0,
    start_cpu_seconds=1.5,
    memory=Memory(start=300 * 2**20, rest=200 * 2**20, load=250 * 2**20),
    load=Load(
        request="POST /",
        concurrency=8,
        seconds=10.0,
        requests=1000,
        failed=1,
        rate=99.9,
        cores=0.91,
        latency={"p50": 0.001, "p95": 0.002, "p99": 0.003, "max": 0.1},
    ),
)


def test_a_measurement_is_read_as_it_was_written(tmp_path: Path) -> None:
    """All of it."""
    file = tmp_path / "measured.json"
    file.write_text(MEASURED.to_json())
    assert measurement.read(file) == MEASURED


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"notebook": 3}'])
def test_what_is_no_measurement_is_refused(tmp_path: Path, text: str) -> None:
    """With the command that writes one."""
    file = tmp_path / "measured.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="no measurement"):
        measurement.read(file)


def test_a_pod_gets_more_than_the_most_that_was_held() -> None:
    """Memory in steps of 16 MiB, CPU of 50 thousandths of a core, and no bound of it."""
    found = resources_of(MEASURED, reloads=False)
    assert (found.cpu, found.memory, found.memory_limit) == ("950m", "368Mi", "480Mi")
    assert found.cpu_limit == ""


def test_two_versions_stand_beside_each_other_by_a_reload() -> None:
    """So the bound has room for both."""
    assert resources_of(MEASURED, reloads=True).memory_limit == "784Mi"


def test_hardly_any_load_requests_something_all_the_same() -> None:
    """Else the autoscaler would divide by next to nothing."""
    calm = dataclasses.replace(MEASURED.load, cores=0.001)
    assert resources_of(dataclasses.replace(MEASURED, load=calm), reloads=False).cpu == "100m"


@pytest.mark.parametrize(("load_average", "was_busy"), [(0.3, False), (2.0, False), (2.1, True)])
def test_a_busy_machine_is_told(load_average: float, was_busy: bool) -> None:
    """More wanted to run than there are cores."""
    machine = {"cores": 2, "load_average": load_average}
    assert dataclasses.replace(MEASURED, machine=machine).was_busy is was_busy


def test_memory_that_is_taken_is_seen() -> None:
    """Pages that are only reserved are not."""
    before = process_tree.memory(os.getpid())
    with mmap.mmap(-1, 32_000_000) as taken:  # of its own: bytes may get what others have left
        assert process_tree.memory(os.getpid()) - before < 10_000_000
        taken.write(b"x" * 32_000_000)
        assert process_tree.memory(os.getpid()) - before > 30_000_000


def test_cpu_that_is_taken_is_seen() -> None:
    """It only grows."""
    before = process_tree.cpu_seconds(os.getpid())
    while process_tree.cpu_seconds(os.getpid()) < before + 0.02:
        sum(range(10_000))


def test_the_example_is_asked_that_a_service_gives_of_itself() -> None:
    """By its OpenAPI document, in either form; paths without one are passed over."""
    json_body = {"content": {"application/json": {"example": {"x": 3}}}}
    listed = {"content": {"application/json": {"examples": {"one": {"value": [1]}}}}}
    document = {
        "paths": {
            "/health": {"get": {}},
            "/none": {"post": {"requestBody": {"content": {"text/plain": {}}}}},
            "/predict": {"post": {"requestBody": json_body}},
            "/many": {"post": {"requestBody": listed}},
        }
    }
    cases = [*asked.examples(document)]
    assert [(case.said, json.loads(case.body)) for case in cases] == [
        ("POST /predict", {"x": 3}),
        ("POST /many", [1]),
    ]
    assert [*asked.examples([])] == []
