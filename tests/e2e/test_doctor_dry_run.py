"""The dry run has the notebook served once, and names the cell that fails."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import RUNNER, write_notebook

from runner.doctor.dry_run import dry_run
from runner.doctor.notebook_file import read_notebook

APP = "async def app(scope, receive, send): ..."
PREDICTOR = """
import numpy as np
from sklearn.svm import SVC

class ModelPredictor:
    def __init__(self):
        self.model = SVC().fit([[5.1, 3.5], [6.2, 2.9]], [0, 1])
    def predict(self, X):
        return self.model.predict(X)[0]
"""
MISTAKE = 'predictor = ModelPredictor()\nrow = {"sepal length (cm)": 5.1}\npredictor.predict(row)'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found_in(path: Path, deadline: float = 60) -> list[dict[str, Any]]:
    return [finding.as_dict() for finding in dry_run(read_notebook(path), deadline)]


def test_a_predictor_given_a_dict_is_named(folder: Path) -> None:
    """By cell and line, in the words of the exception; no rule guesses it beforehand."""
    write_notebook(folder / "a.ipynb", PREDICTOR, MISTAKE, APP, parameters="port = 8000")
    words = [*RUNNER, "doctor", "a.ipynb", "--dry-run", "--format", "json"]
    examined = subprocess.run(words, capture_output=True, check=False, timeout=90)
    (found,) = json.loads(examined.stdout)
    assert examined.returncode == 7
    assert (found["rule"], found["cell"], found["cell_id"], found["line"]) == (
        "cell-fails",
        3,
        "cell-1",
        3,
    )
    assert found["what"].startswith("it raises TypeError: float() argument")


def test_an_example_that_fails_is_named(folder: Path) -> None:
    """The service would never be ready: the cell that serves fails."""
    predict = "from runner import serve\ndef predict(a: float, b: float):\n    return a / b"
    write_notebook(folder / "a.ipynb", predict, "x = 1\nserve(predict, example={'a': 1, 'b': 0})")
    (found,) = found_in(folder / "a.ipynb")
    assert (found["rule"], found["cell"], found["line"]) == ("cell-fails", 2, 2)
    assert "ZeroDivisionError" in found["what"]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("\n\n!true \\\n  && true\n\n1 / 0", 6),
        ("%%time\nx = 1\n\n1 / 0", 4),
        ("def f():\n    1 / 0\n\nf()", 4),
    ],
)
def test_the_line_is_that_of_the_cell(source: str, line: int, folder: Path) -> None:
    """Not that of what IPython made of it; of several, the cell's own."""
    write_notebook(folder / "a.ipynb", "x = 1", source, APP)
    (found,) = found_in(folder / "a.ipynb")
    assert (found["cell"], found["line"]) == (2, line)


@pytest.mark.parametrize(
    "serving",
    [
        "import uvicorn\nuvicorn.run(app, port=80)",
        "import threading, uvicorn\nthreading.Thread(target=uvicorn.run, args=[app]).start()",
        """
import asyncio, uvicorn
server = uvicorn.Server(uvicorn.Config(app))
task = asyncio.create_task(server.serve())
""",
        "x = 1",
    ],
)
def test_what_serve_serves_is_no_error(serving: str, folder: Path) -> None:
    """In a thread, in a task, or left behind; nothing is left in the folder, no port is taken."""
    write_notebook(folder / "a.ipynb", APP, serving)
    assert found_in(folder / "a.ipynb") == []
    assert [path.name for path in folder.iterdir()] == ["a.ipynb"]


def test_cells_below_the_server_are_named(folder: Path) -> None:
    """They had not run when the notebook served, and never will; empty ones do not matter."""
    below = ("from pathlib import Path\nPath('ran').touch()", "")
    write_notebook(folder / "a.ipynb", APP, "import uvicorn\nuvicorn.run(app)", *below)
    (found,) = found_in(folder / "a.ipynb")
    assert (found["rule"], found["cell"]) == ("cell-never-runs", 3)
    assert not (folder / "ran").exists()


def test_what_takes_too_long_is_named(folder: Path) -> None:
    """After the deadline it is stopped, and the cell it was in is said."""
    write_notebook(folder / "a.ipynb", APP, "import threading\nthreading.Event().wait()")
    (found,) = found_in(folder / "a.ipynb", deadline=30)
    assert (found["rule"], found["cell"]) == ("not-ready-in-time", 2)


def test_a_kernel_that_dies_is_named(folder: Path) -> None:
    """With the cell that it died in, at the first time: nothing is tried again."""
    write_notebook(folder / "a.ipynb", APP, "import os\nos._exit(9)")
    (found,) = found_in(folder / "a.ipynb")
    assert (found["rule"], found["cell"]) == ("kernel-dies", 2)
    assert "exited with code 9" in found["what"]


def test_cells_of_text_are_counted(folder: Path) -> None:
    """As a reader counts them; papermill invents ids for format 4.4, which nobody could find."""
    path = write_notebook(folder / "a.ipynb", APP, "1 / 0")
    document = json.loads(path.read_text())
    for cell in document["cells"]:
        del cell["id"]
    document["cells"].insert(1, {"cell_type": "markdown", "metadata": {}, "source": "# A"})
    path.write_text(json.dumps(document | {"nbformat_minor": 4}))
    (found,) = found_in(path)
    assert (found["cell"], found["cell_id"], found["line"]) == (3, None, 1)
    assert found["what"] == "it raises ZeroDivisionError: division by zero"


def test_what_cannot_be_run_is_said(folder: Path) -> None:
    """A kernel that is not installed is a finding, not a traceback."""
    path = write_notebook(folder / "a.ipynb", APP)
    path.write_text(path.read_text().replace('"python3"', '"no-such-kernel"'))
    (found,) = found_in(path)
    assert found["rule"] == "serve-refuses"
    assert "no-such-kernel" in found["what"]


def test_a_service_that_runs_is_not_disturbed(folder: Path) -> None:
    """The dry run keeps its records, locks and versions apart from the notebook's own."""
    write_notebook(folder / "a.ipynb", APP)
    (folder / "runs/a").mkdir(parents=True)
    (folder / "runs/a/out.ipynb").write_text("kept")
    assert found_in(folder / "a.ipynb") == []
    assert [path.name for path in (folder / "runs/a").iterdir()] == ["out.ipynb"]
    assert (folder / "runs/a/out.ipynb").read_text() == "kept"


def doctor(*words: str) -> tuple[int, list[str]]:
    """The exit code of a dry run by the command, and the rules that it found broken."""
    command = [*RUNNER, "doctor", "a.ipynb", "--dry-run", "--format", "json", *words]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=90)
    return ended.returncode, [one["rule"] for one in json.loads(ended.stdout)]


def test_what_served_has_no_error(folder: Path) -> None:
    """A cell that is never run may be no Python; the run decides, not the source."""
    write_notebook(folder / "a.ipynb", "import helper\nhelper.go()", "x = (", parameters="port = 1")
    (folder / "helper.py").write_text(f"{APP}\ndef go():\n    import uvicorn; uvicorn.run(app)")
    assert doctor() == (0, ["cell-never-runs"])


def test_nothing_served_is_said_in_the_words_of_serve(folder: Path) -> None:
    """And once: the run knows what the source only looks like."""
    write_notebook(folder / "a.ipynb", "x = 1", parameters="port = 8000")
    assert doctor() == (7, ["nothing-served"])
    serve = [*RUNNER, "serve", "a.ipynb", "--port", "0"]
    refused = subprocess.run(serve, capture_output=True, check=False, timeout=90, text=True)
    (found,) = found_in(folder / "a.ipynb")
    assert refused.returncode == 3
    assert refused.stderr.splitlines()[-2] == f"runner: a.ipynb: {found['what']}"
