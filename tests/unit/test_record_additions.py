"""A failed run's record begins with what failed, and leads to it."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from runner.record import failures
from runner.record.record import Record
from runner.record.run_status import RunStatus

LIBRARY = "File /venv/lib/python3.12/site-packages/a.py:9, in g()\n----> 9 h()"
TRACEBACK = ["Cell In[1], line 2\n----> 2 f('<b>')", LIBRARY, "ValueError: <b>no</b>\n\nat all"]


@pytest.fixture
def nb() -> Any:
    error = new_output("error", ename="ValueError", evalue="<b>no</b>", traceback=[*TRACEBACK])
    failed = new_code_cell("x = 1\nf('<b>')", id="fit", outputs=[new_output("stream"), error])
    return new_notebook(cells=[new_markdown_cell("# A"), failed])


def failure(nb: Any, mend: str = "") -> failures.Failure:
    return failures.failure_of(nb.cells, nb.cells[1], "ValueError", "<b>no</b>", TRACEBACK, mend)


def ended(nb: Any) -> Record:
    kept = Record(nb, lambda *_: None)
    outputs = nb.cells[1].outputs
    kept.start()
    nb.cells[1].outputs = outputs
    kept.end(RunStatus.FAILED, "it failed", failure=failure(nb, "do\n\nit"))
    return kept


def test_what_failed_comes_first(nb: Any) -> None:
    """The cell as one counts it, by a link, the line, its text, the error and the mend: escaped."""
    kept = ended(nb)
    first = kept.nb.cells[0]
    assert first.metadata.tags == ["injected-failure"]
    assert '<a href="#cell-id=fit">cell 2 (fit)</a>, line 2' in first.source
    for said in ("f(&#x27;&lt;b&gt;&#x27;)", "<b>ValueError</b>: &lt;b&gt;no", "do&#10;"):
        assert said in first.source
    assert "\n" not in first.source, "an empty line would end it"
    nbformat.validate(kept.nb)


def test_it_is_a_fact_of_the_record(nb: Any) -> None:
    """By which programs find the cell."""
    assert ended(nb).run.failure == {
        "cell": 2,
        "cell_id": "fit",
        "line": 2,
        "text": "f('<b>')",
        "error": "ValueError",
        "value": "<b>no</b>",
        "place": "cell 2 (fit)",
        "origin": "",
        "mend": "do\n\nit",
    }


def test_the_cell_shows_its_own_frames_and_keeps_all(nb: Any) -> None:
    """Its own output stands before; the link leads to the note, which has the whole traceback."""
    kept = ended(nb)
    stream, note, error = kept.nb.cells[2].outputs
    assert stream.output_type == "stream"
    assert error.traceback == [TRACEBACK[0], "    … 1 frame of a library …\n", TRACEBACK[2]]
    assert 'data-jupyter-id="cell-id=fit"' in note.data["text/html"]
    assert "site-packages/a.py:9" in note.data["text/html"]
    assert "<b>no" not in note.data["text/html"]
    assert note.data["text/plain"].startswith("✕ failed at line 2; 1 frame of a library")


def test_later_saves_change_it_and_add_nothing(nb: Any) -> None:
    """The reason may be corrected when a second try has failed too."""
    kept = Record(nb, lambda *_: None)
    kept.start()
    kept.end(RunStatus.FAILED, "first & last")
    kept.run.reason = "both"
    kept.save(durable=True)
    assert len(kept.nb.cells) == 3
    assert kept.nb.cells[0].source.count("both") == 1
    assert "first" not in kept.nb.cells[0].source


def test_a_record_that_is_run_again_begins_as_the_notebook_did(nb: Any) -> None:
    """What an earlier run has put in to say something goes with its outputs."""
    again = ended(nb)
    again.show_rehearsal({"is_accepted": True})
    again.save()
    assert len(again.nb.cells) == 4
    kept = Record(again.nb, lambda *_: None)
    kept.start()
    assert [cell.id for cell in kept.nb.cells[1:]] == ["fit"]
    assert len(kept.nb.cells) == 2
