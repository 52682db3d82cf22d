"""Put into a record what is ours to say, and take it out of one that is run again.

The rules of this file:

1. What is put in says so: a cell by a tag that begins with ``injected-``, an output in its
   metadata.
2. A link leads to a cell both in JupyterLab, which looks for ``data-jupyter-id`` in what it shows,
   and in nbconvert's pages, where a cell has that for its id.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from runner.notebook.document import tags
from runner.record.card import BOX, LINE, RED, is_card, shown
from runner.record.tracebacks import folded, plain
from runner.rehearsal.report_text import markdown
from runner.telemetry.raised import frames_said

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from runner.record.card import Card
    from runner.record.failures import Failure

_FAILURE, _REHEARSAL = "injected-failure", "injected-rehearsal"
_CODE = (
    "margin:6px 0;padding:6px 8px;border-radius:4px;background-color:rgba(128,128,128,0.12);"
    "white-space:pre-wrap"
)


def without(cells: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Give the cells of a notebook without those by which an earlier run has said something."""
    return [cell for cell in cells if not {_FAILURE, _REHEARSAL} & set(tags(cell))]


def rehearsal_cell(said: Mapping[str, Any]) -> NotebookNode:
    """Make the cell that shows how a new version answered."""
    return _text_cell(markdown(said), _REHEARSAL, "rehearsal")


def place_card(cell: NotebookNode, card: Card) -> None:
    """Show a card first of a cell's outputs, in place of the one before."""
    cell.outputs = [card.output(), *(output for output in cell.outputs if not is_card(output))]


def place_failure(nb: NotebookNode, reason: str, failure: Failure | None) -> NotebookNode:
    """Let a record begin with what failed, in place of what it began with before.

    Args:
        nb: The record.
        reason: Why the run failed, in one line.
        failure: Where; None if that was in no cell.

    Returns:
        The cell.
    """
    if not nb.cells or _FAILURE not in tags(nb.cells[0]):
        nb.cells.insert(0, _text_cell("", _FAILURE, _FAILURE))
    nb.cells[0].source = _box(_where(failure) if failure else _why(reason))
    cell: NotebookNode = nb.cells[0]
    return cell


def mark_failed_cell(nb: NotebookNode, failure: Failure) -> None:
    """Fold the frames of libraries in the cell that failed, and keep all of them beside."""
    from nbformat.v4 import new_output

    cell = next((cell for cell in nb.cells if cell.get("id") == failure.cell_id), None)
    if cell is None or "outputs" not in cell:
        return
    whole, count, first = [], 0, len(cell.outputs)
    for place, output in enumerate(cell.outputs):
        if output.output_type == "error":
            first = min(first, place)
            whole += output.traceback
            output.traceback, hidden = folded(output.traceback)
            count += hidden
    said = f"✕ failed at line {failure.line}" if failure.line else "✕ failed"
    note = f'<span style="color:{RED}">{said}</span>'
    if count:
        hidden_said = f"{frames_said(count)} folded below"
        said += f"; {hidden_said}, all in the HTML form of this output"
        trace = f'<pre style="font-size:12px">{html.escape(plain(chr(10).join(whole)))}</pre>'
        summary = f"<summary>{note}; {hidden_said}: the whole traceback</summary>"
        note = f"<details>{summary}{trace}</details>"
    page = f'<div data-jupyter-id="{_anchor(failure)}">{note}</div>'
    data = {"text/html": page, "text/plain": said}
    output = new_output("display_data", data=data, metadata={"runner": {"failure": True}})
    cell.outputs.insert(first, output)


def _where(failure: Failure) -> str:
    line = f", line {failure.line}" if failure.line else ""
    link = f'<a href="#{_anchor(failure)}">{shown(failure.place)}</a>'
    text = f'<pre style="{_CODE}">{html.escape(failure.text)}</pre>' if failure.text else ""
    parts = [
        f"<b>This run failed</b> in {link}{line}{text or '<br>'}",
        f"<b>{shown(failure.error)}</b>: {shown(failure.value)}",
    ]
    if failure.origin:
        parts.append(f"<br>It began in {shown(failure.origin)}")
    if failure.mend:
        parts.append(f"<br>To mend it: {shown(failure.mend)}")
    return "".join(parts)


def _why(reason: str) -> str:
    return f"<b>This run failed</b>: {shown(' '.join(reason.split()))}"


def _box(content: str) -> str:
    style = f"border:1px solid {LINE};border-left:4px solid {RED};{BOX}"
    page = f'<div style="{style}"><span style="color:{RED}">✕</span> {content}</div>'
    return page.replace("\n", "&#10;")  # an empty line would end it, in Markdown


def _anchor(failure: Failure) -> str:
    return html.escape(f"cell-id={failure.cell_id}")


def _text_cell(text: str, tag: str, name: str) -> NotebookNode:
    from nbformat.v4 import new_markdown_cell

    cell: NotebookNode = new_markdown_cell(text, metadata={"tags": [tag]})
    cell.id = name
    return cell
