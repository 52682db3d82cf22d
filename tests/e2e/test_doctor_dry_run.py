"""The dry run names the cell that fails, and never gets to serve."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import RUNNER, read_record, reserved_port, states, write_notebook

from runner.doctor import page
from runner.doctor.dry_run import before_serving, dry_run

PREDICTOR = """
import json
from wsgiref.simple_server import make_server
import numpy as np
from sklearn.svm import SVC

class NumpyEncoder(json.JSONEncoder):
    def default(self, value):
        return int(value) if isinstance(value, np.integer) else super().default(value)

class ModelPredictor:
    def __init__(self):
        self.model = SVC().fit([[5.1, 3.5], [6.2, 2.9]], [0, 1])
    def predict(self, X):
        return self.model.predict(X)[0]

def simple_app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"val": predictor.predict([[1, 1]])}, cls=NumpyEncoder).encode()]
"""
MISTAKE = 'predictor = ModelPredictor()\nrow = {"sepal length (cm)": 5.1}\npredictor.predict(row)'
SERVE = "with make_server('127.0.0.1', port, simple_app) as httpd:\n    httpd.serve_forever()"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found_in(path: Path, deadline: float = 60) -> list[dict[str, Any]]:
    return [finding.as_dict() for finding in dry_run(page.read(path), deadline)]


def test_a_predictor_given_a_dict_is_named(folder: Path) -> None:
    """The doctor names the cell, dry and static; the run fails truthfully at that very cell."""
    port = f"port: int = {reserved_port()}"
    write_notebook(folder / "a.ipynb", PREDICTOR, MISTAKE, SERVE, parameters=port)
    words = [*RUNNER, "doctor", "a.ipynb", "--dry-run", "--format", "json"]
    examined = subprocess.run(words, capture_output=True, check=False, timeout=90)
    found = {one["rule"]: one for one in json.loads(examined.stdout)}
    assert examined.returncode == 7
    assert found.keys() == {"dict-to-predict", "cell-fails"}
    assert {(one["cell"], one["line"]) for one in found.values()} == {("cell-1", 3)}
    assert found["cell-fails"]["what"].startswith("it raises TypeError: float() argument")
    words = [*RUNNER, "run", "a.ipynb", "out.ipynb"]
    assert subprocess.run(words, capture_output=True, check=False, timeout=90).returncode == 3
    assert states(read_record(folder / "out.ipynb")) == {
        "parameters": "completed",
        "cell-0": "completed",
        "cell-1": "failed",
        "cell-2": "pending",
    }


def test_a_notebook_that_serves_is_stopped_before(folder: Path) -> None:
    """No port is bound, nothing is left of it, and what stands below is not run."""
    write_notebook(
        folder / "a.ipynb",
        "from pathlib import Path\nimport uvicorn\nfrom wsgiref.simple_server import make_server",
        "Path('ran').touch()\nmake_server('', 0, print).serve_forever()\nPath('after').touch()",
        "Path('below').touch()",
    )
    before = {"a.ipynb", "ran"}
    assert found_in(folder / "a.ipynb") == []
    assert {path.name for path in folder.iterdir()} == before


def test_what_takes_too_long_is_named(folder: Path) -> None:
    """After the deadline it is stopped, and the cell it was in is said."""
    write_notebook(folder / "a.ipynb", "x = 1", "import threading\nthreading.Event().wait()")
    (found,) = found_in(folder / "a.ipynb", deadline=4)
    assert (found["rule"], found["cell"]) == ("not-ready-in-time", "cell-1")


def test_a_kernel_that_dies_is_named(folder: Path) -> None:
    """With the cell that it died in."""
    write_notebook(folder / "a.ipynb", "x = 1", "import os\nos._exit(9)")
    (found,) = found_in(folder / "a.ipynb")
    assert (found["rule"], found["cell"]) == ("kernel-dies", "cell-1")
    assert "runner-doctor-" not in found["what"]


def test_a_cell_without_an_id_is_named_by_its_number(folder: Path) -> None:
    """Papermill invents ids for format 4.4, which nobody could find again."""
    path = write_notebook(folder / "a.ipynb", "x = 1", "1 / 0")
    document = json.loads(path.read_text())
    for cell in document["cells"]:
        del cell["id"]
    document["cells"].insert(1, {"cell_type": "markdown", "metadata": {}, "source": "# A"})
    path.write_text(json.dumps(document | {"nbformat_minor": 4}))
    (found,) = found_in(path)
    assert (found["cell"], found["line"]) == ("3", 1)
    assert found["what"] == "it raises ZeroDivisionError: division by zero"


def test_what_cannot_be_run_is_said(folder: Path) -> None:
    """A kernel that is not installed is a finding, not a traceback."""
    path = write_notebook(folder / "a.ipynb", "x = 1")
    path.write_text(path.read_text().replace('"python3"', '"no-such-kernel"'))
    (found,) = found_in(path)
    assert found["rule"] == "run-impossible"
    assert "no-such-kernel" in found["what"]


@pytest.mark.parametrize(
    ("serving", "left"),
    [
        ("x = 1\nuvicorn.run(app)\ny = 2", "x = 1"),
        ("uvicorn.run(app)", ""),
        ("%time\nx = 1\n\nawait uvicorn.Server(app).serve()", "%time\nx = 1\n"),
        ("with make_server('', 0, app) as s:\n    s.serve_forever()", ""),
        ("!uvicorn main:app", ""),
        ("def main():\n    uvicorn.run(app)\nmain()", "def main():\n    uvicorn.run(app)"),
    ],
)
def test_the_notebook_is_cut_at_the_serving_statement(
    serving: str, left: str, folder: Path
) -> None:
    """What the serving cell does first is run; the rest of the notebook stays as it is."""
    first = "import uvicorn\nfrom wsgiref.simple_server import make_server"
    write_notebook(folder / "a.ipynb", first, serving, "never = 1")
    cut = before_serving(page.read(folder / "a.ipynb"))
    assert ["".join(cell["source"]) for cell in cut["cells"]] == [first, left]
