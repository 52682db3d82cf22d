"""Hold the code of ours that a run executes in the kernel so that its notebook serves.

None of it binds a name of the notebook's. What it does is described in ``runner.serving.adoption``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.notebook.document import SERVE_TAG

if TYPE_CHECKING:
    from nbformat import NotebookNode

TAG = "injected-runner"

_FROM = '__import__("runner.serving.adoption").serving.adoption'
ADOPTION = f"{_FROM}.adopt()"
"""Executed before the notebook's first cell."""

_PLACES = '__import__("runner.telemetry.cell_places").telemetry.cell_places'

_LAST = f"""\
# Put in by the runner: what the cells above have left without serving it is served here.
await {_FROM}.serve_what_is_left(globals())"""


def naming_cells(executed: Sequence[tuple[int, int]]) -> str:
    """Write the statement by which what is raised later can be said to be of a cell.

    Args:
        executed: See ``runner.telemetry.cell_places``.
    """
    return f"{_PLACES}.begin({[*executed]!r})"


def last_cell() -> NotebookNode:
    """Give the cell that stands, seen by anyone, behind the notebook's own when they have ended."""
    from nbformat.v4 import new_code_cell

    cell: NotebookNode = new_code_cell(_LAST, metadata={"tags": [TAG, SERVE_TAG]})
    cell.id = "serve-what-is-left"
    return cell
