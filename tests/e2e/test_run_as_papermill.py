"""What a notebook leaves behind is what it leaves behind under papermill's own engine."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
from against_papermill import PARAMETERS, differences, executed
from nbformat.v4 import new_code_cell, new_markdown_cell
from support import read_record, write_notebook

# One of each kind that papermill's and nbclient's own notebooks have, and that no other test has.
CELLS = r"""
values['x'] + size
---
---
from IPython import get_ipython
assert get_ipython().history_manager.hist_file == ":memory:"
---
%history -n
---
from comm import create_comm
create_comm("nobody listens", data={"n": 1}).send(data={"n": 2})
---
import sys
print("☃", end="")
print("err", file=sys.stderr)
print("out", flush=True)
---
import os
print(os.path.isfile("beside.txt"))
---
%%bash
echo from the shell
---
from IPython.display import SVG, JSON, Image, display
display(JSON({"a": [1]}), SVG('<svg xmlns="http://www.w3.org/2000/svg"/>'))
Image(b"\x89PNG\r\n\x1a\n", format="png")
---
first = display(1, display_id="one")
first.update(2)
---
%no-such-magic
""".strip().split("---\n")


def test_a_run_leaves_what_papermill_leaves(tmp_path: Path) -> None:
    """Parameters, outputs of every kind, a skipped cell, comms without a peer, a refused magic."""
    path = write_notebook(
        tmp_path / "a" / "a.ipynb",
        *(cell.strip() for cell in CELLS),
        parameters="size = 1\nvalues = {}",
    )
    (path.parent / "beside.txt").touch()
    notebook = read_record(path)
    notebook.cells.insert(3, new_code_cell("1 / 0", metadata={"tags": ["skip-execution"]}))
    notebook.cells.insert(3, new_markdown_cell("# A heading"))
    notebook.metadata.kernelspec.name = "python"  # as old notebooks have it
    notebook.metadata["authors"] = [{"name": "somebody"}]
    path.write_text(json.dumps(notebook))
    values = PARAMETERS | {"a": {"size": 2, "values": {"x": 40, "y": [None, True, 1.5, "ü"]}}}
    theirs = executed(path, "papermill", "--engine", "nbclient", values=values)
    ours = executed(path, "runner", "run", values=values)
    assert theirs.code == 1
    assert "UsageError" in json.dumps(theirs.notebook)
    assert dict(differences(theirs, ours)) == {}


class Shelf(BaseHTTPRequestHandler):
    """A place on the network: what is put there can be got again."""

    kept: dict[str, bytes]

    def do_GET(self) -> None:
        self.send_response(200 if self.path in self.kept else 404)
        self.end_headers()
        self.wfile.write(self.kept.get(self.path, b""))

    def do_PUT(self) -> None:
        self.kept[self.path] = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shelf() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Its address, and what is kept there by path."""
    kind = type("Kept", (Shelf,), {"kept": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with contextlib.ExitStack() as stack:
            stack.callback(server.shutdown)
            yield f"http://127.0.0.1:{server.server_port}", kind.kept


@pytest.mark.parametrize(
    ("cell", "code", "status"), [("x + 1", 0, "completed"), ("1 / 0", 1, "failed")]
)
def test_papermills_own_handlers_read_and_write_for_our_engine(
    shelf: tuple[str, dict[str, bytes]], tmp_path: Path, cell: str, code: int, status: str
) -> None:
    """Those of its storages; here that for pages, which reads by GET and writes by PUT."""
    address, kept = shelf
    kept["/a.ipynb"] = write_notebook(tmp_path / "a.ipynb", cell, parameters="x = 1").read_bytes()
    words = [f"{address}/a.ipynb", f"{address}/out.ipynb", "--engine", "runner", "-p", "x", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    record = nbformat.reads(kept["/out.ipynb"].decode(), as_version=4)
    nbformat.validate(record)
    assert record.metadata.runner.status == status
    assert record.metadata.papermill.parameters == {"x": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["a.ipynb"]
