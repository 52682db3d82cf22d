"""Kernels other than IPython's are driven by their kernelspec, and recorded as they are."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, Service, read_record, states, until, write_notebook

PLAIN = str(ROOT / "tests/support/plain_kernel.py")
Install = Callable[..., None]
Start = type[Service]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def install(project: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a kernel by what to call; the project's notebooks name it ``other``."""

    def install(*argv: str, **spec: Any) -> None:
        folder = project / "jupyter/kernels/other"
        folder.mkdir(parents=True)
        words = {"argv": argv, "display_name": "Other", "language": "plain"}
        (folder / "kernel.json").write_text(json.dumps(words | spec))
        monkeypatch.setenv("JUPYTER_PATH", str(project / "jupyter"))

    return install


def write(path: Path, *sources: str) -> Path:
    """Write a notebook for the other kernel."""
    write_notebook(path, *sources)
    nb = json.loads(path.read_text())
    nb["metadata"] = {"kernelspec": {"name": "other", "language": "plain"}}
    path.write_text(json.dumps(nb))
    return path


SAID = """
send("status", {})
send("stream", {"text": "half \\ud83d"})
send("display_data", {"data": {"text/plain": 5, "text/html": ["a", 1]}})
send("execute_result", {"data": None, "metadata": [], "execution_count": "1"})
"""


def test_a_kernel_of_another_kind_is_driven_by_its_spec(
    install: Install, start: Start, project: Path
) -> None:
    """It gets no option of IPython's, speaks TCP, and is asked for an interrupt by message."""
    install(sys.executable, PLAIN, "{connection_file}", interrupt_mode="message")
    notebook = write(project / "a.ipynb", SAID, "import time; time.sleep(60)")
    run = start("run", str(notebook), "o.ipynb", "--save-every", "0.1")
    record = project / "o.ipynb"
    until(lambda: record.exists() and states_of(record) == ["completed", "running"])
    run.process.send_signal(signal.SIGINT)
    assert run.wait() == 130
    assert states_of(record) == ["completed", "interrupted"]
    kept = read_record(record)
    assert kept["metadata"]["runner"]["reason"] == "interrupted by SIGINT"
    assert "a status that Jupyter's protocol does not know: KeyError" in run.said()
    first = kept["cells"][0]["outputs"]
    assert first[0]["text"] == "half ?"
    assert [output["output_type"] for output in first] == [
        "stream",
        "display_data",
        "execute_result",
    ]
    assert first[1]["data"] == {"text/plain": "5", "text/html": '["a", 1]'}


def states_of(path: Path) -> list[str]:
    """List the states of a record's cells."""
    return list(states(read_record(path)).values())


def test_a_failure_without_an_output_is_a_failure(
    install: Install, start: Start, project: Path
) -> None:
    """A reply alone fails the run, and the cell shows it; a kernel may not name its language.

    It may be chosen by its name, and the notebook is then in its language.
    """
    install(sys.executable, PLAIN, "{connection_file}", '{"version": 3}')
    write_notebook(project / "a.ipynb", "1/0")
    run = start("run", "a.ipynb", "o.ipynb", "-k", "other")
    assert run.wait() == 3
    record = read_record(project / "o.ipynb")
    assert "raised ZeroDivisionError: division by zero" in record["metadata"]["runner"]["reason"]
    assert record["cells"][-1]["outputs"][-1]["ename"] == "ZeroDivisionError"
    assert "None" not in record["metadata"]["runner"]


def test_the_last_words_of_a_kernel_that_dies_are_told(
    install: Install, start: Start, project: Path
) -> None:
    """What it wrote, in whatever encoding, is in the message and in the record."""
    install(
        "/bin/sh",
        "-c",
        r"echo started; printf 'cannot open \377\n' >&2; exit 7",
        "{connection_file}",
    )
    run = start("run", str(write(project / "a.ipynb", "1")), "o.ipynb")
    assert run.wait() == 4
    words = "its last words: started | cannot open \N{REPLACEMENT CHARACTER}"
    said = f"exited with code 7 before it answered; {words}"
    assert said in run.log.read_text(errors="replace")
    assert said in read_record(project / "o.ipynb")["metadata"]["runner"]["reason"]
