"""The cells that a run adds to a notebook, and when."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from nbformat.v4 import new_code_cell

from runner.notebook.injection import TAG, Injected, inject, injected_for
from runner.notebook.signs import Signs

SERVER = {"servers": ["uvicorn"], "apps": ["app"]}


def signs(**seen: Any) -> Signs:
    nothing: dict[str, Any] = {"uses_serve": False, "servers": [], "apps": [], "sockets": []}
    return Signs(**{**nothing, "ends_serving": False, **seen})


@pytest.mark.parametrize(
    ("seen", "cells"),
    [
        ({}, []),
        ({"uses_serve": True}, []),
        ({"uses_serve": True, "apps": ["app"]}, []),
        ({"uses_serve": True, "servers": ["uvicorn"]}, ["adopt-server"]),
        ({**SERVER, "ends_serving": True}, ["adopt-server"]),
        (SERVER, ["adopt-server", "serve-app"]),
        ({"apps": ["application"]}, ["adopt-server", "serve-app"]),
    ],
)
def test_only_what_is_needed_is_put_in(seen: dict[str, Any], cells: list[str]) -> None:
    """The last cell only stands where the notebook's own may end without serving."""
    assert [cell.id for cell in injected_for(signs(**seen))] == cells


def test_cells_come_before_and_behind_the_notebooks_own() -> None:
    """In the order given, each with our tag besides its own."""
    cells: list[Any] = [new_code_cell("own")]
    inject(
        cells,
        [
            Injected(id="one", source="1"),
            Injected(id="two", source="2"),
            Injected(id="three", source="3", is_last=True, tags=("serve",)),
        ],
    )
    assert [cell.source for cell in cells] == ["1", "2", "own", "3"]
    assert cells[-1].metadata.tags == [TAG, "serve"]
    assert cells[0].id == "one"


def test_the_cells_leave_no_name_behind() -> None:
    """The notebook's names are its own."""
    for cell in injected_for(signs(**SERVER)):
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert nodes
        assert not [node for node in nodes if isinstance(getattr(node, "ctx", None), ast.Store)]
        assert not [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
