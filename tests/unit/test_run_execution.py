"""What failed is told by whoever knows it: the kernel's reply, or the cell itself."""

from __future__ import annotations

import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_output

from runner.run.execution import _shown_error


@pytest.mark.parametrize("replied", ["NoneType", "None", "", "<Error>"])
def test_a_reply_that_names_no_error_is_told_by_the_cell(replied: str) -> None:
    """Ipykernel replies ``NoneType: None`` where a result's own ``__repr__`` raised."""
    first = new_output("error", ename="KeyError", evalue="caught", traceback=["shown before"])
    shown = new_output("error", ename="RuntimeError", evalue="no repr", traceback=["line 2"])
    cell = new_code_cell(outputs=[first, shown])
    error = CellExecutionError("", ename=replied, evalue="None")
    assert _shown_error(error, cell) == ("RuntimeError", "no repr", ["line 2"])


def test_a_reply_that_names_an_error_is_believed() -> None:
    """Also if the cell shows another one, which it may have caught."""
    shown = new_output("error", ename="KeyError", evalue="caught", traceback=[])
    error = CellExecutionError("", ename="ValueError", evalue="raised")
    assert _shown_error(error, new_code_cell(outputs=[shown]))[:2] == ("ValueError", "raised")


def test_what_is_only_replied_is_shown_in_the_cell() -> None:
    """Some kernels put out no error."""
    cell = new_code_cell()
    _shown_error(CellExecutionError("", ename="Error", evalue="in R"), cell)
    assert [(output.ename, output.evalue) for output in cell.outputs] == [("Error", "in R")]
