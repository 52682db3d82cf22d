"""What a browser shows of a record as nbconvert has it: the card, and where a run has failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from support.browser import Watch, expect

from runner.record import failures
from runner.record.record import CellStatus, Record
from runner.record.run_status import RunStatus
from runner.record.service_card import ServiceCard

pytestmark = pytest.mark.browser

EVIL = (
    "<script>isHurt = 1</script><img src=x onerror='isHurt = 1'>\"\n\n<b onclick=x>*a* $x$ `</pre>"
)
LIBRARY = (
    "File /venv/lib/python3.12/site-packages/a.py:9, in g()\n----> 9 <script>isHurt=1</script>"
)


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Any:
    """The record of a service that has failed, where all that was said is evil."""
    cells = [new_markdown_cell("# A"), *(new_code_cell(EVIL, id=f"cell-{n}") for n in range(40))]
    kept = Record(new_notebook(cells=cells), lambda *_: None)
    kept.card = ServiceCard(lambda: None, None)
    kept.start(cause=EVIL)
    failed = kept.nb.cells[-1]
    kept.cell_started(failed)
    kept.mark_ready()
    kept.card.tell({"url": "http://127.0.0.1:1", "notices": [EVIL]})
    traceback = [f"Cell In[1], line 2\n----> 2 {EVIL}", LIBRARY, EVIL]
    failed.outputs = [new_output("error", ename="E", evalue=EVIL, traceback=traceback)]
    kept.cell_ended(failed, CellStatus.FAILED)
    failure = failures.failure_of(kept.nb.cells, failed, "<i>E", EVIL, traceback, EVIL)
    kept.end(RunStatus.FAILED, EVIL, failure=failure)
    nbformat.validate(kept.nb)
    text, _ = HTMLExporter().from_notebook_node(kept.nb)
    (tmp_path / "out.html").write_text(text)
    context = browser.new_context(viewport={"width": 400, "height": 700})
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    opened.watch = Watch(opened, "file://")
    opened.goto((tmp_path / "out.html").as_uri())
    yield opened
    context.close()


def test_it_begins_with_what_failed_and_leads_there(page: Any) -> None:
    """By a link to the cell, whose whole traceback is a click away."""
    link = page.get_by_role("link", name="cell 41 (cell-39)")
    expect(link).to_be_in_viewport()
    note = page.get_by_text("failed at line 2; 1 frame of a library")
    expect(note).not_to_be_in_viewport()
    link.click()
    expect(note).to_be_in_viewport()
    whole = page.get_by_text("site-packages/a.py:9")
    expect(whole).not_to_be_visible()
    note.click()
    expect(whole).to_be_visible()


def test_nothing_that_was_said_is_done(page: Any) -> None:
    """Of the card, of the failure and of the traceback."""
    expect(page.get_by_text("failed; served from")).to_be_visible()
    assert page.evaluate("typeof isHurt") == "undefined"
    assert page.locator("b[onclick]").count() == 0
