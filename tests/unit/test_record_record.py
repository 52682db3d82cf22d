"""The executed notebook says what is true, and only that."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from runner.record import failures
from runner.record.record import (
    CellStatus,
    Record,
    interrupted_cell,
    show_error,
    show_interrupt,
)
from runner.record.run_status import RunStatus
from runner.record.service_card import ServiceCard


class Disk:
    """Remembers what was written, as it was then."""

    def __init__(self) -> None:
        self.states: list[list[str]] = []
        self.durable: list[bool] = []

    def write(self, nb: Any, durable: bool) -> None:
        own = (cell for cell in nb.cells if not failures.is_put_in(cell))
        self.states.append([str(cell.metadata.papermill.status) for cell in own])
        self.durable.append(durable)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def record(disk: Disk) -> Record:
    old = new_code_cell("1", outputs=[new_output("stream", text="old")], execution_count=7)
    kept = Record(
        new_notebook(cells=[new_markdown_cell("# A"), old, new_code_cell("2")]), disk.write
    )
    kept.start(notebook="a.ipynb")
    return kept


def test_nothing_of_an_earlier_run_stays(record: Record, disk: Disk) -> None:
    """At the start, every cell is pending and empty, and the disk has it."""
    assert disk.states == [["pending"] * 3]
    assert record.nb.cells[1].outputs == []
    assert record.nb.cells[1].execution_count is None
    assert record.run.status == "running"
    assert record.run.notebook == "a.ipynb"


def test_what_a_cell_does_reaches_the_disk(record: Record, disk: Disk) -> None:
    """A reader sees a cell running, then what became of it; the later ones stay pending."""
    _, first, _ = record.nb.cells
    record.cell_skipped(record.nb.cells[0])
    record.cell_started(first)
    record.cell_ended(first, CellStatus.FAILED)
    record.end(RunStatus.FAILED, "cell 1 raised")
    assert disk.states[1:] == [
        ["completed", "running", "pending"],
        ["completed", "failed", "pending"],
    ]
    assert record.nb.metadata.papermill.exception is True
    assert (record.run.status, record.run.reason) == ("failed", "cell 1 raised")


def test_only_the_end_waits_for_the_disk(record: Record, disk: Disk) -> None:
    """Saves while cells run must not cost their time; the last one must survive a power cut."""
    record.save()
    record.end(RunStatus.COMPLETED, "")
    assert disk.durable == [False, False, True]


def test_a_save_clears_the_dirt_first(record: Record) -> None:
    """What arrives while a save is under way is saved by the next one."""
    record.is_dirty = True
    record._write = lambda nb, durable: setattr(record, "is_dirty", True)
    record.save()
    assert record.is_dirty


def test_our_own_interrupt_is_one_line_not_a_traceback(record: Record) -> None:
    """What the cell printed stays, the KeyboardInterrupt that we caused goes."""
    cell = record.nb.cells[1]
    cell.outputs = [
        new_output("stream", text="serving\n"),
        new_output("error", ename="KeyboardInterrupt", evalue="", traceback=["…"]),
    ]
    show_interrupt(cell, "interrupted by SIGTERM")
    assert [output.text for output in cell.outputs] == ["serving\n", "interrupted by SIGTERM\n"]


@pytest.mark.parametrize(("is_calm", "name"), [(False, "stderr"), (True, "stdout")])
def test_the_end_of_a_service_is_not_red(record: Record, is_calm: bool, name: str) -> None:
    """Jupyter shows in red what goes to stderr: a run that was cut short, no service that ends."""
    cell = record.nb.cells[1]
    show_interrupt(cell, "interrupted by SIGTERM", is_calm=is_calm)
    assert cell.outputs[-1].name == name


def test_an_error_of_the_cell_itself_stays(record: Record) -> None:
    """If the cell failed while it was being stopped, that is shown."""
    cell = record.nb.cells[1]
    show_error(cell, "ValueError", "no")
    show_interrupt(cell, "interrupted by SIGTERM")
    assert [output.output_type for output in cell.outputs] == ["error", "stream"]


def test_the_interrupted_cell_is_found(record: Record) -> None:
    """There is one, or none."""
    assert interrupted_cell(record.nb) is None
    record.cell_started(record.nb.cells[2])
    record.cell_ended(record.nb.cells[2], CellStatus.INTERRUPTED)
    assert interrupted_cell(record.nb) is record.nb.cells[2]


def test_a_save_brings_up_to_date_what_is_collected(record: Record, disk: Disk) -> None:
    """What costs too much for every message is done for every save."""
    record.before_save = lambda: record.nb.cells[0].metadata.papermill.update(status="fresh")
    record.save()
    assert disk.states[-1][0] == "fresh"


def test_the_times_and_the_exit_code_are_in_it(record: Record) -> None:
    """When it started, was ready and ended, and with which code."""
    assert record.run.ready is record.run.ended is record.run.exit_code is None
    record.mark_ready()
    record.end(RunStatus.STOPPED, "stopped by SIGTERM", 0)
    assert record.run.started <= record.run.ready <= record.run.ended
    assert record.run.exit_code == 0


def test_only_what_serves_drains(record: Record, disk: Disk) -> None:
    """From the moment of the order on, so that no two records say that they serve."""
    record.mark_draining()
    assert record.run.status == RunStatus.RUNNING
    record.mark_ready()
    saves = len(disk.states)
    record.mark_draining()
    assert record.run.status == RunStatus.DRAINING
    assert len(disk.states) == saves + 1


def test_it_serves_since_the_first_word_of_it(record: Record) -> None:
    """Which may be said again: that it is the one to be shown."""
    record.mark_ready()
    first = record.run.ready
    record.mark_ready()
    assert record.run.ready == first


def test_an_executed_cell_has_the_hash_of_its_source(record: Record) -> None:
    """As it is shown, so that one sees whether outputs are of it; none of an earlier run."""
    _, first, second = record.nb.cells
    first.metadata["runner"] = {"masked": ["token"]}
    record.cell_started(first)
    digest = hashlib.sha256(b"1").hexdigest()
    assert first.metadata.runner == {"masked": ["token"], "source_sha256": digest}
    assert "runner" not in second.metadata
    record.start()
    assert first.metadata.runner == {"masked": ["token"]}


def test_the_card_stands_in_the_cell_that_serves(record: Record) -> None:
    """Before what that has shown, from when it serves to the end, and it is one."""
    record.card = ServiceCard(lambda: None, None)
    serving = record.nb.cells[2]
    record.cell_started(serving)
    record.save()
    assert serving.outputs == []
    record.mark_ready()
    for text in ("serving", "served"):
        serving.outputs = [new_output("stream", text=text)]
        record.save()
        card, stream = serving.outputs
        assert "serving since" in card.data["text/plain"]
        assert stream.text == text
    record.is_dirty = False
    record.note_service()
    assert not record.is_dirty
    record.card.tell({"url": "http://127.0.0.1:1"})
    record.note_service()
    assert record.is_dirty
    record.cell_ended(serving, CellStatus.INTERRUPTED)
    record.end(RunStatus.STOPPED, "stopped by SIGTERM", 0)
    card, _ = serving.outputs
    assert "■ served from" in card.data["text/plain"]


def test_facts_can_come_later(record: Record) -> None:
    """What takes a while to find out goes out with the next save."""
    record.add_facts({"git_commit": "ab"})
    assert record.is_dirty
    assert record.run.git_commit == "ab"


def test_a_rehearsal_may_come_while_the_record_is_written() -> None:
    """From another thread: it changes nothing under the writer, and is in the next save."""

    def write(nb: Any, _: bool) -> None:
        for _ in nb.metadata.runner:
            kept.show_rehearsal({"is_accepted": True})

    kept = Record(new_notebook(cells=[new_code_cell("1")]), write)
    kept.start()
    assert (len(kept.nb.cells), kept.is_dirty) == (1, True)
    kept.save()
    kept.save()
    assert [cell.cell_type for cell in kept.nb.cells] == ["code", "markdown"]
    assert kept.run.rehearsal == {"is_accepted": True}
