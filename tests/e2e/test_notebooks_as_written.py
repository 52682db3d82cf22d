"""Notebooks in which nothing but a data scientist's own code stands: given only a path, served."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC
from support import Service, read_record, reserved_port, send, states, until, write_notebook
from support.load import Load

PREDICTOR = """
import json
import pickle
import numpy as np

PORT = 5000


class NumpyEncoder(json.JSONEncoder):
    def default(self, obj):
        if isinstance(obj, np.integer):
            return int(obj)
        if isinstance(obj, np.ndarray):
            return obj.tolist()
        return super().default(obj)


class ModelPredictor:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.model = pickle.load(file)

    def predict(self, rows):
        if not isinstance(rows, list):
            raise TypeError(f"rows have to be a list, not {type(rows).__name__}")
        return self.model.predict(np.array(rows))
"""
MADE = 'predictor = ModelPredictor("model.pkl")\nVERSION = "one"'
TRIED = "predictor.predict([[5.1, 3.5, 1.4, 0.2]])"
WRONG = 'predictor.predict({"rows": [[5.1, 3.5, 1.4, 0.2]]})'
WSGI = """
from wsgiref.simple_server import make_server

def simple_app(environ, start_response):
    size = int(environ.get("CONTENT_LENGTH") or 0)
    rows = json.loads(environ["wsgi.input"].read(size) or "[[5.1, 3.5, 1.4, 0.2]]")
    print("asked for", rows)
    content = {"version": VERSION, "val": predictor.predict(rows)}
    start_response("200 OK", [("Content-type", "application/json")])
    return [json.dumps(content, cls=NumpyEncoder).encode("utf-8")]
"""
WSGI_SERVES = """
with make_server("", PORT, simple_app) as httpd:
    print(f"Serving on port {PORT}...")
    httpd.serve_forever()
"""
ASGI = """
import nest_asyncio
import uvicorn

async def app(scope, receive, send):
    assert scope["type"] == "http"
    body = (await receive())["body"]
    rows = json.loads(body or "[[5.1, 3.5, 1.4, 0.2]]")
    print("asked for", rows)
    content = {"version": VERSION, "val": predictor.predict(rows)}
    answer = json.dumps(content, cls=NumpyEncoder).encode("utf-8")
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": answer})
"""
ASGI_SERVES = """
nest_asyncio.apply()
uvicorn.run(app, host="0.0.0.0", port=PORT, log_level="info")
"""
NOTEBOOKS = {"wsgi": (WSGI, WSGI_SERVES), "asgi": (ASGI, ASGI_SERVES)}
SLOW = """
import json, os, time, uvicorn

async def app(scope, receive, send):
    began = time.monotonic()
    if scope["path"] == "/slow":
        time.sleep(1)
    said = json.dumps([os.getpid(), began, time.monotonic()])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": said.encode()})
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a model of the iris data, and nothing else."""
    data = load_iris()
    model = SVC().fit(data.data, data.target)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    return tmp_path


def save(folder: Path, *cells: str) -> None:
    """Save the notebook, as Jupyter does."""
    write_notebook(folder / "new", *cells).rename(folder / "service.ipynb")


def ask(port: int, rows: Any = None) -> Any:
    """The decoded answer; None when nobody answers."""
    body = b"" if rows is None else json.dumps(rows).encode()
    try:
        return json.loads(send(port, body)[2])
    except (OSError, http.client.HTTPException):
        return None


@pytest.mark.parametrize("kind", NOTEBOOKS)
def test_it_is_served_unchanged(kind: str, project: Path, start: type[Service]) -> None:
    """Two workers, a save under load without a lost request, prints in the log, an end with 0."""
    port, (app, serves) = reserved_port(), NOTEBOOKS[kind]
    cells = [PREDICTOR, MADE, TRIED, app, serves]
    save(project, *cells)
    words = ["--port", str(port), "--workers", "2", "--reload"]
    service = start("serve", "service.ipynb", *words)
    rows = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
    until(lambda: service.process.poll() is not None or ask(port, rows), 60)
    assert ask(port, rows) == {"version": "one", "val": [0, 2]}, service.said()
    with Load(port, 3) as load:
        save(project, *(cell.replace('"one"', '"two"') for cell in cells))
        until(lambda: (ask(port) or {}).get("version") == "two", 60)
    assert {json.loads(answer)["version"] for answer in load.answers} <= {"one", "two"}
    assert service.stop() == 0, service.said()
    record = read_record(project / "runs/service/out.ipynb")
    assert [cell.source for cell in record.cells[:2]] == [PREDICTOR, MADE.replace("one", "two")]
    assert list(states(record).values()) == ["completed"] * 4 + ["interrupted"]
    assert record.metadata.runner.exit_code == 0
    assert "asked for [[" not in str(record.cells[-1].outputs)
    assert ": asked for [[5.1" in service.said()
    source = json.loads((project / "service.ipynb").read_text())
    assert len(source["cells"]) == len(cells)


def test_a_call_by_mistake_fails_at_its_cell(project: Path, start: type[Service]) -> None:
    """The predictor takes a list and gets a dict: the run ends there, and says so."""
    save(project, PREDICTOR, MADE, WRONG, WSGI, WSGI_SERVES)
    service = start("serve", "service.ipynb", "--port", str(reserved_port()), "--workers", "2")
    assert service.wait(60) == 3
    assert "rows have to be a list, not dict" in service.said()
    record = read_record(project / "runs/service/out.ipynb")
    assert states(record) == {
        "cell-0": "completed",
        "cell-1": "completed",
        "cell-2": "failed",
        "cell-3": "pending",
        "cell-4": "pending",
    }
    (failed,) = (cell for cell in record.cells if cell.id == "cell-2")
    assert "rows have to be a list" in failed.outputs[-1].evalue


def test_blocking_model_code_does_not_hold_up_the_other_worker(
    project: Path, start: type[Service]
) -> None:
    """``time.sleep`` inside ``async def``: of enough slow requests some are answered beside it."""
    port = reserved_port()
    save(project, SLOW, "uvicorn.run(app)")
    service = start("serve", "service.ipynb", "--port", str(port), "--workers", "2")
    until(lambda: service.process.poll() is not None or ask(port), 60)
    with concurrent.futures.ThreadPoolExecutor(6) as clients:
        path = {"path": "/slow", "timeout": 60}
        sent = [clients.submit(send, port, b"", **path) for _ in range(6)]
        calls = [json.loads(each.result()[2]) for each in sent]
    assert any(
        one != other and begun < ended and began < end
        for one, begun, end in calls
        for other, began, ended in calls
    )
    assert service.stop() == 0
