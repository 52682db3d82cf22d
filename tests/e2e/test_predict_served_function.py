"""A served function has its surface, from the real command line on."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from nbformat import NO_CONVERT, read, write
from nbformat.v4 import new_markdown_cell
from prometheus_client.parser import text_string_to_metric_families
from support import Service, send, until, write_notebook

SERVES = """
from runner import serve

def half(x: float) -> float:
    return x / 2

serve(half, example={"x": 1.0})
"""


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    parameters = 'model_path: str = "model.bin"'
    path = write_notebook(tmp_path / "a.ipynb", SERVES, parameters=parameters)
    document = read(path, as_version=NO_CONVERT)
    document.cells.insert(0, new_markdown_cell("Text.\n\n## Halve a *number*"))
    write(document, path)
    (tmp_path / "model.bin").write_bytes(b"weights")
    return path


@pytest.fixture
def serving(start: type[Service], notebook: Path, port: int) -> Service:
    words = ["serve", notebook.name, "--port", str(port), "--workers", "2"]
    service = start(*words, cwd=notebook.parent)

    def answers() -> bool:
        assert service.process.poll() is None, service.said()
        with contextlib.suppress(OSError, http.client.HTTPException):
            return send(port, method="GET", path="/")[0] == 200
        return False

    until(answers, 40)
    return service


def scraped(port: int) -> dict[tuple[str, str], dict[str, Any]]:
    """The samples by name and status, from whichever worker."""
    text = send(port, b"", method="GET", path="/metrics")[2].decode()
    return {
        (sample.name, sample.labels.get("status", "")): {**sample.labels, "value": sample.value}
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("endpoint", "half") in ("half", "predict")
    }


def halved(port: int, count: int) -> None:
    for number in range(count):
        status, _, body = send(port, json.dumps({"x": number}).encode())
        assert (status, json.loads(body)) == (200, number / 2)


def test_any_worker_tells_the_sum(serving: Service, port: int) -> None:
    """Of N requests that two workers shared, each scrape soon shows N, also when one has died."""
    halved(port, 60)
    assert send(port, b"{}")[0] == 422
    kinds = [("runner_requests_total", "200"), ("runner_requests_total", "422")]

    def counts() -> list[float]:
        found = scraped(port)
        return [found.get(kind, {"value": 0})["value"] for kind in kinds]

    for _ in range(8):  # each on a connection of its own: both workers are asked
        until(lambda: counts() == [60, 1], 10)
    forked = [found for found in serving.kernels() if found.parent() in serving.kernels()]
    forked[0].send_signal(signal.SIGKILL)
    until(lambda: not forked[0].is_running(), 10)
    halved(port, 20)
    until(lambda: counts() == [80, 1], 10)


def test_the_service_says_what_it_is(serving: Service, port: int, notebook: Path) -> None:
    """Title, run and hashes come from the notebook to page, header and metrics."""
    status, headers, body = send(port, b"", method="GET", path="/")
    said = json.loads(body)
    info = scraped(port)["runner_info", ""]
    assert (status, said["title"]) == (200, "Halve a *number*")
    assert said["run_id"] == info["run_id"] == headers["x-run-id"] != ""
    assert info["notebook_sha256"] == hashlib.sha256(notebook.read_bytes()).hexdigest()
    assert info["model_sha256"] == hashlib.sha256(b"weights").hexdigest()


def test_a_head_is_the_get_without_its_body(serving: Service, port: int) -> None:
    """Whoever asks only for the head gets the same fields, and nothing after them."""
    for path in ("/", "/docs", "/openapi.json", "/static/page.js"):
        _, whole, body = send(port, b"", method="GET", path=path)
        status, head, nothing = send(port, b"", method="HEAD", path=path)
        assert (status, nothing) == (200, b"")
        assert head["content-length"] == whole["content-length"] == str(len(body))
        assert head["etag"] == whole["etag"]
        assert head["x-run-id"]


def test_the_protocols_are_answered(serving: Service, port: int) -> None:
    """The same function answers the Open Inference Protocol, KServe's first and MLflow's bodies."""
    tensor = {"name": "x", "shape": [3], "datatype": "FP64", "data": [1, 2, 3]}
    (name,) = json.loads(send(port, b"", method="GET", path="/v2/models")[2])["models"]
    for path, body, key in (
        (f"/v2/models/{name}/infer", {"inputs": [tensor]}, "outputs"),
        (f"/v1/models/{name}:predict", {"instances": [[1], [2], [3]]}, "predictions"),
        ("/invocations", {"dataframe_split": {"columns": ["x"], "data": [[1], [2], [3]]}}, ""),
    ):
        status, headers, answer = send(port, json.dumps(body).encode(), path=path)
        said = json.loads(answer)
        values = said["outputs"][0]["data"] if key == "outputs" else said["predictions"]
        assert (status, values) == (200, [0.5, 1.0, 1.5])
        assert headers["x-run-id"]
    status, _, answer = send(port, b"{}", path="/v2/models/other/infer")
    assert (status, list(json.loads(answer))) == (404, ["error"])
