"""Write the cell with the values of parameters: as the types that were checked, without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.masking.values import masked
from runner.notebook import masking
from runner.notebook.document import INJECTED_TAG, Notebook, tags
from runner.notebook.papermill_internals import parameters_cell, python_parameters_cell
from runner.notebook.parameter_types import recorded

if TYPE_CHECKING:
    from nbformat import NotebookNode


def put_in(nb: NotebookNode) -> dict[str, Any]:
    """Give the values that papermill has just put in; none of a record that is run once more."""
    cell = _injected(nb)
    # papermill prepares the cells that it reads from a file, and then makes this one.
    if cell is None or "papermill" in cell.metadata:
        return {}
    given = dict(nb.metadata.papermill.get("parameters") or {})
    # Those of papermill's own are no parameters of the notebook.
    return {name: value for name, value in given.items() if not name.startswith("PAPERMILL_")}


def rewrite(nb: NotebookNode, document: Notebook, values: dict[str, Any]) -> dict[str, str]:
    """Rewrite what papermill has put into a notebook and its metadata.

    Args:
        nb: The notebook; changed in place.
        document: The same, with what it declares.
        values: The values as they were given.

    Returns:
        The true source of the cell by its id, if it is another than the one that is shown.

    Raises:
        ConfigurationError: A name is unknown or a value has the wrong type.
    """
    cell = _injected(nb)
    if cell is None or not values:
        return {}
    typed = document.check(values) if document.is_python else values
    shown = masked(typed, document.secrets)
    nb.metadata.papermill["parameters"] = recorded(shown)
    true_source = _source(document, typed)
    cell.source = _source(document, shown)
    if cell.source == true_source:
        return {}
    masking.mark(cell, [name for name in typed if repr(shown[name]) != repr(typed[name])])
    return {cell.id: true_source}


def _source(document: Notebook, values: dict[str, Any]) -> str:
    if document.is_python:
        return python_parameters_cell(values)
    return parameters_cell(document.kernel_name, document.language, values)


def _injected(nb: NotebookNode) -> NotebookNode | None:
    return next((cell for cell in nb.cells if INJECTED_TAG in tags(cell)), None)
