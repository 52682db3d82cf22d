"""What `runner manifest` prints starts, and is ready where the probes ask."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest
from support import Service, post, reserved_port, send, until
from support.manifests import of_kind, printed
from support.platforms import write_service


def test_a_runtime_of_kserve_serves_the_folder_that_it_brings(
    start: type[Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its command, in its working folder: ready by its probe, under the name that KServe gives."""
    brought = write_service(tmp_path / "models")
    monkeypatch.chdir(brought)
    words = ["--kserve", "--serving-runtime", "--storage-uri", "s3://bucket/price"]
    runtime = of_kind(printed("serve.ipynb", "--name", "price", *words), "ServingRuntime")
    (container,) = runtime["spec"]["containers"]
    port = reserved_port()
    changed = {
        "{{.Name}}": "price",
        str(container["ports"][0]["containerPort"]): str(port),
        container["workingDir"]: str(brought),
        "/runs": str(tmp_path / "runs"),
    }
    assert changed.keys() <= set(container["args"])
    service = start(*(changed.get(word, word) for word in container["args"][1:]), cwd=brought)
    for kind in ("startup", "readiness", "liveness"):
        path = container[f"{kind}Probe"]["httpGet"]["path"]
        until(lambda path=path: asked(service, port, path) == 200, 60)
    inputs = [{"name": "row", "datatype": "FP64", "shape": [1, 2], "data": [2, 3]}]
    body = json.dumps({"inputs": inputs}).encode()
    status, answer = post(port, body, path="/v2/models/price/infer")
    assert (status, answer["outputs"][0]["data"]) == (200, [60])
    assert [*(tmp_path / "runs").glob("*/out.ipynb")]
    written = {path.name for path in brought.iterdir() if path != service.log}
    assert written == {"serve.ipynb", "price.json"}


def asked(service: Service, port: int, path: str) -> int:
    """Give the status of an answer; 0 if there is none."""
    assert service.process.poll() is None, service.said()
    try:
        return int(send(port, b"", method="GET", path=path)[0])
    except (OSError, http.client.HTTPException):
        return 0
