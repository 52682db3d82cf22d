"""Keep out.ipynb true: what each cell did, is doing, or never got to do.

The rules of this file:

1. A cell's state is set when it happens and nowhere else. Nothing is marked in a
   ``finally``: a run that stops early leaves its later cells ``pending``.
2. Every save replaces the file in one step; a reader never sees half of one.
3. States live where papermill puts them (``metadata.papermill.status``), so that
   its tools read them; what papermill has no word for is in ``metadata.runner``.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from runner.files import process_start
from runner.identity import replica
from runner.record import additions, notebook_format
from runner.record.run_status import FAILED_BY_ITSELF, RunStatus

if TYPE_CHECKING:
    from runner.record.card import Card
    from runner.record.failures import Failure
    from runner.record.service_card import ServiceCard


_SOURCE = "source_sha256"


class CellStatus(enum.StrEnum):
    """Name the states of a cell."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Record:
    """Hold the executed notebook and bring it to the disk.

    Args:
        nb: The notebook; changed in place.
        write: Puts it where it belongs; ``durable`` asks to wait for the disk.

    Attributes:
        is_dirty: Something has changed since the last save.
        save_seconds: What the last save took.
        before_save: Called by every save first, to bring up to date what is only collected.
        card: What is shown of the service, once the run serves; None if it is none.
    """

    def __init__(self, nb: NotebookNode, write: Callable[[NotebookNode, bool], None]) -> None:
        self.nb = nb
        self.is_dirty = False
        self.save_seconds = 0.0
        self.before_save: Callable[[], None] = lambda: None
        self.card: ServiceCard | None = None
        self._shown: Card | None = None
        self._serving_cell = ""
        self._failure: Failure | None = None
        self._write = write
        self._rehearsal: dict[str, Any] = {}
        nb.metadata.setdefault("papermill", NotebookNode())
        nb.metadata["runner"] = NotebookNode()

    @property
    def run(self) -> NotebookNode:
        """What we say of the run as a whole."""
        facts: NotebookNode = self.nb.metadata["runner"]
        return facts

    def start(self, **facts: Any) -> None:
        """Empty the outputs, mark every cell pending, and save."""
        notebook_format.mend_metadata(self.nb.metadata)
        self.nb.cells = additions.without(self.nb.cells)
        for cell in self.nb.cells:
            _reset(cell)
        self.nb.metadata.papermill.update(
            start_time=_now(), end_time=None, duration=None, exception=None
        )
        self.run.update(status=RunStatus.RUNNING, reason="", pid=os.getpid(), **facts)
        self.run.update(process_start=process_start(os.getpid()), host=replica())
        self.run.update(started=self.nb.metadata.papermill.start_time, ready=None, ended=None)
        self.run.exit_code = None
        self.save()

    def set_language(self, said: Any) -> None:
        """Note what the kernel says of its language, if it names it, and that one's version."""
        info = notebook_format.language_info(said)
        if info:
            self.nb.metadata["language_info"] = info
            if info["name"] not in self.run:
                self.add_facts({info["name"]: info.get("version")})

    def add_facts(self, facts: dict[str, Any]) -> None:
        """Say more of the run; the next save takes it along."""
        self.run.update(facts)
        self.is_dirty = True

    def show_rehearsal(self, said: dict[str, Any]) -> None:
        """Show readers how the run answered what it was asked before it served.

        From any thread: the next save puts it there.
        """
        self._rehearsal = said
        self.is_dirty = True

    def mark_ready(self) -> None:
        """Note that the run serves from now on; from any thread: the timer saves it."""
        self.run.ready = self.run.get("ready") or _now()
        self._serving_cell = self._serving_cell or _running_cell(self.nb)
        if self.card is not None:
            self.card.look()
        self.is_dirty = True

    def look_at_service(self) -> None:
        """See whether the card has to say something else by now; from any thread."""
        if self.card is not None and self.run.get("ready"):
            self.card.look()
            self.note_service()

    def note_service(self) -> None:
        """See likewise, of what is known already."""
        if self.card is not None and self.run.get("ready"):
            self.is_dirty = self.is_dirty or self.card.card(self.run) != self._shown

    def mark_draining(self) -> None:
        """Note, and save, that a run which served is about to stop: no two serve at a time."""
        if self.run.ready:
            self.run.status = RunStatus.DRAINING
            self.save()

    def append(self, cell: NotebookNode) -> None:
        """Add a cell behind the last one; it is pending."""
        _reset(cell)
        self.nb.cells.append(cell)

    def cell_started(self, cell: NotebookNode) -> None:
        """Mark a cell as running, with the hash of its source as it is shown, and save."""
        _note_source(cell)
        cell.metadata.papermill.update(
            status=CellStatus.RUNNING, start_time=_now(), exception=False
        )
        self.save()

    def cell_ended(self, cell: NotebookNode, status: CellStatus) -> float:
        """Mark how a cell ended; the next cell's start, or the run's end, saves it at once.

        Returns:
            The seconds it took.
        """
        facts = cell.metadata.papermill
        facts.update(status=status, end_time=_now(), exception=status is CellStatus.FAILED)
        facts.duration = _seconds_between(facts.start_time, facts.end_time)
        if status is CellStatus.FAILED:
            self.nb.metadata.papermill.exception = True
        return float(facts.duration)

    def cell_skipped(self, cell: NotebookNode) -> None:
        """Mark a cell with nothing to execute as done; the next save takes it along."""
        now = _now()
        cell.metadata.papermill.update(
            status=CellStatus.COMPLETED, start_time=now, end_time=now, duration=0.0, exception=False
        )

    def end(
        self,
        status: RunStatus,
        reason: str,
        exit_code: int | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Close the record: how and why the run ended; wait until the disk has it.

        Args:
            status: How.
            reason: Why.
            exit_code: With which the process is going to end, as far as it is known here.
            failure: In which cell it failed, if it did.
        """
        if failure is not None:
            self._failure, self.run.failure = failure, failure.facts()
            additions.mark_failed_cell(self.nb, failure)
        self.look_at_service()
        facts = self.nb.metadata.papermill
        facts.end_time = _now()
        facts.duration = _seconds_between(facts.start_time, facts.end_time)
        self.run.update(status=status, reason=reason, ended=facts.end_time, exit_code=exit_code)
        self.save(durable=True)

    def save(self, *, durable: bool = False) -> None:
        """Write the notebook as it is now."""
        began = time.monotonic()
        self.is_dirty = False
        self._place_rehearsal()
        self.before_save()
        self._place_card()
        self._place_failure()
        self.run.saved = _now()
        self._write(self.nb, durable)
        self.save_seconds = time.monotonic() - began

    def _place_rehearsal(self) -> None:
        if self._rehearsal and "rehearsal" not in self.run:
            self.run.rehearsal = self._rehearsal
            cell = additions.rehearsal_cell(self._rehearsal)
            self.append(cell)
            self.cell_skipped(cell)

    def _place_card(self) -> None:
        """Show what is known of the service in the cell that was running when it came to serve."""
        if self.card is None or not self.run.get("ready"):
            return
        self.run.traffic = self.card.facts()
        cell = next((cell for cell in self.nb.cells if cell.get("id") == self._serving_cell), None)
        if cell is not None:
            self._shown = self.card.card(self.run)
            additions.place_card(cell, self._shown)

    def _place_failure(self) -> None:
        if self.run.get("status") in FAILED_BY_ITSELF:
            cell = additions.place_failure(self.nb, self.run.reason, self._failure)
            _reset(cell)
            self.cell_skipped(cell)


def show_interrupt(cell: NotebookNode, text: str, *, is_calm: bool = False) -> None:
    """Put one plain line in place of the traceback that our own interrupt caused.

    Args:
        cell: The one that was interrupted.
        text: The line.
        is_calm: It is no more than how a service ends; else it is shown as what went wrong.
    """
    cell.outputs = [output for output in cell.outputs if not _is_interrupt(output)]
    name = "stdout" if is_calm else "stderr"
    cell.outputs.append(new_output("stream", name=name, text=f"{text}\n"))


def show_error(cell: NotebookNode, name: str, text: str) -> None:
    """Show, in the cell, an error that the kernel could not report itself."""
    cell.outputs.append(new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"]))


def interrupted_cell(nb: NotebookNode) -> NotebookNode | None:
    """Find the cell that a signal ended; there is one at most."""
    interrupted = (
        cell for cell in nb.cells if cell.metadata.papermill.status == CellStatus.INTERRUPTED
    )
    return next(interrupted, None)


def _running_cell(nb: NotebookNode) -> str:
    """Name the cell that is running; empty if none is."""
    states = ((cell.get("id"), cell.metadata.get("papermill", {})) for cell in nb.cells)
    running = (name for name, facts in states if facts.get("status") == CellStatus.RUNNING)
    return str(next(running, ""))


def _is_interrupt(output: NotebookNode) -> bool:
    return output.output_type == "error" and output.ename in ("KeyboardInterrupt", "CancelledError")


def _reset(cell: NotebookNode) -> None:
    cell.metadata["papermill"] = NotebookNode(
        status=CellStatus.PENDING, start_time=None, end_time=None, duration=None, exception=None
    )
    if isinstance(cell.metadata.get("runner"), dict):
        cell.metadata.runner.pop(_SOURCE, None)
    if cell.cell_type == "code":
        cell.execution_count = None
        cell.outputs = []


def _note_source(cell: NotebookNode) -> None:
    if not isinstance(cell.metadata.get("runner"), dict):
        cell.metadata["runner"] = NotebookNode()
    digest = hashlib.sha256(cell.source.encode("utf-8", "surrogatepass"))
    cell.metadata.runner[_SOURCE] = digest.hexdigest()


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


def _seconds_between(start: str, end: str) -> float:
    span = dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(start)
    return span.total_seconds()
