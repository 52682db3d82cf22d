"""Put cells of ours before and behind a notebook's own, where anyone can see them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from runner.notebook.document import SERVE_TAG
from runner.notebook.signs import Signs

TAG = "injected-runner"

_FROM = '__import__("runner.serving.adoption").serving.adoption'
_ADOPT = f"""\
# Put in by the runner: this notebook's own server calls serve on the supervisor's sockets.
{_FROM}.adopt()"""
_SERVE = f"""\
# Put in by the runner: what the cells above have left without serving it is served here.
await {_FROM}.serve_what_is_left(globals())"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Injected:
    """Describe a cell that a run gets, and the notebook's file does not.

    Attributes:
        id: The cell's id in the record.
        source: Its code, which binds no names.
        is_last: It stands behind the notebook's cells, else before them.
        tags: Besides ours.
    """

    id: str
    source: str
    is_last: bool = False
    tags: tuple[str, ...] = ()


def injected_for(signs: Signs) -> list[Injected]:
    """Choose the cells that let a notebook serve under a supervisor."""
    cells = []
    if signs.needs_adoption:
        cells.append(Injected(id="adopt-server", source=_ADOPT))
    if signs.needs_last_cell:
        cells.append(Injected(id="serve-app", source=_SERVE, is_last=True, tags=(SERVE_TAG,)))
    return cells


def inject(cells: list[Any], injected: Iterable[Injected]) -> None:
    """Put cells into an executed notebook's list, in the order given."""
    from nbformat.v4 import new_code_cell

    front = 0
    for each in injected:
        cell = new_code_cell(each.source, metadata={"tags": [TAG, *each.tags]})
        cell.id = each.id
        cells.insert(len(cells) if each.is_last else front, cell)
        front += not each.is_last
