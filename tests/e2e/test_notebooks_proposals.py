"""What the words of the notebooks propose works as it stands there: commands, and changes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest
from support import PAPERMILL, RUNNER, Service, is_serving, until

NAMES = ["serve", "serve_asgi", "serve_wsgi"]
PROGRAMS = {"runner": RUNNER, "papermill": PAPERMILL}


def words_of(path: Path) -> str:
    """All that a notebook says outside of its code."""
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def commands_of(path: Path) -> list[list[str]]:
    """The commands that serve a notebook, in the order of its words."""
    said = re.findall(r"`((?:runner|papermill) [^`]*)`", words_of(path))
    return [shlex.split(" ".join(command.split())) for command in said]


def asked(path: Path, port: int) -> Any:
    """What the notebook's own curl gets, asked of another port."""
    (curl,) = re.findall(r"^    curl .*(?:\n    .*)*", words_of(path), re.MULTILINE)
    words = shlex.split(curl.replace("localhost:8000", f"127.0.0.1:{port}"))
    done = subprocess.run(
        [*words, "-sS", "--fail"], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_its_commands_serve_it_and_its_curl_is_answered(
    name: str, project: Path, port: int
) -> None:
    """By the runner and by papermill alone, each on another port than the one that is written."""
    path = project / f"notebooks/{name}.ipynb"
    commands = commands_of(path)
    assert [command[0] for command in commands] == ["runner", "papermill"]
    for program, *words in commands:
        given = ["--port", str(port)] if program == "runner" else ["-p", "port", str(port)]
        service = Service(*words, *given, cwd=project, program=PROGRAMS[program])
        try:
            service.wait_ready(port, 60)
            assert asked(path, port) == {"val": 0}
            service.stop()
        finally:
            service.end()


def test_the_changes_that_it_proposes_serve(project: Path, port: int) -> None:
    """Each `NAME=VALUE` of its words, put into the call that serves."""
    path = project / "notebooks/serve.ipynb"
    proposed = re.findall(r"`(\w+=[^`]+)`", words_of(path))
    assert proposed
    notebook = nbformat.read(path, as_version=4)
    *_, last = notebook.cells
    last.source = last.source.replace("serve(model, ", f"serve(model, {', '.join(proposed)}, ")
    nbformat.write(notebook, path)
    service = Service("serve", "notebooks/serve.ipynb", "--port", str(port), cwd=project)
    try:
        until(lambda: is_serving(port), 60)
        assert asked(path, port) == {"val": 0, "class": "setosa"}
        assert service.stop() == 0, service.said()
    finally:
        service.end()
