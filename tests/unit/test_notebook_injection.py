"""The code of ours that a run executes besides the notebook's cells."""

from __future__ import annotations

import ast

from runner.notebook.injection import ADOPTION, TAG, last_cell


def test_the_last_cell_is_marked_as_ours_and_serves() -> None:
    """Anyone who reads the record sees whose it is."""
    cell = last_cell()
    assert cell.metadata.tags == [TAG, "serve"]
    assert "Put in by the runner" in cell.source


def test_our_code_leaves_no_name_behind() -> None:
    """The notebook's names are its own."""
    for text in (ADOPTION, last_cell().source):
        nodes = list(ast.walk(ast.parse(text)))
        assert not [node for node in nodes if isinstance(getattr(node, "ctx", None), ast.Store)]
        assert not [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
