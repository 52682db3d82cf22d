"""What a notebook leaves behind is what it leaves behind under papermill's own engine."""

from __future__ import annotations

import json
from pathlib import Path

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
