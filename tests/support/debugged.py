"""A service's folder with one recorded failure, without a service; and who runs a notebook."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from support import write_notebook
from support.recorded import recorded_line

RUN = "20261130T010000-host-0001"
NOON = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
LAST = "await serve_what_is_left(globals())"

# As a kernel does it, whose loop runs in the main thread.
_EXECUTE = """
import asyncio, json, sys
from IPython.core.interactiveshell import InteractiveShell

async def main():
    shell = InteractiveShell.instance()
    for cell in json.load(open(sys.argv[1]))["cells"]:
        if cell["cell_type"] == "code":
            code = shell.transform_cell(cell["source"])
            done = await shell.run_cell_async(
                cell["source"], store_history=True, transformed_cell=code
            )
            if done.error_before_exec or done.error_in_exec:
                sys.exit("FAILED " + repr(done.error_before_exec or done.error_in_exec))

asyncio.run(main())
"""


def leave_service(
    folder: Path, *sources: str, served: int | None = None, given: str = "", **asked: Any
) -> Path:
    """Write what a service leaves of a notebook of some cells and of a request.

    Args:
        folder: Where it was started.
        sources: The cells.
        served: Which of them served, from 0 on; the one that is put in if none did.
        given: The cell of the parameters that it was given.
        asked: Fields of the request; it was answered 500.

    Returns:
        The service's folder.
    """
    service = folder / "runs/a"
    (service / "sources").mkdir(parents=True)
    (service / "requests").mkdir()
    notebook = write_notebook(folder / "a.ipynb", *sources, parameters="level = 1" if given else "")
    (service / ".notebook").write_text("a.ipynb")
    (service / f"sources/{RUN}.ipynb").write_bytes(notebook.read_bytes())
    record = json.loads(notebook.read_bytes())
    cells = record["cells"]
    for number, cell in enumerate(cells):
        is_serving = served is not None and number == served + bool(given)
        cell["metadata"]["papermill"] = {"status": "running" if is_serving else "completed"}
    if given:
        cells.insert(1, put_in(given, "injected-parameters"))
    if served is None:
        cells.append(put_in(LAST, "injected-runner", "serve"))
    record["metadata"]["runner"] = {"run": RUN, "status": "running"}
    (service / f"{RUN}.ipynb").write_text(json.dumps(record))
    line = recorded_line("5e1f", NOON, **{"run": RUN, "status": 500, **asked})
    (service / "requests/a.jsonl").write_text(line)
    return service


def put_in(text: str, *tags: str) -> dict[str, Any]:
    metadata = {"tags": [*tags], "papermill": {"status": "completed"}}
    facts = {"outputs": [], "execution_count": None, "id": tags[0]}
    return {"cell_type": "code", "metadata": metadata, "source": text, **facts}


def executed(notebook: Path) -> str:
    """Run all cells of a notebook, in its own folder as Jupyter does; give what it said."""
    words = [sys.executable, "-c", _EXECUTE, notebook.name]
    done = subprocess.run(
        words, cwd=notebook.parent, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr
