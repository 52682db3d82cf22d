"""Write a record again and again, and go on where the disk refuses.

It imports nothing heavy before it writes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.record.run_status import OPEN, RunStatus

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from runner.errors import RunnerError
    from runner.record.out import Out

log = logging.getLogger(__name__)

Write = Callable[["NotebookNode", bool], None]


class RecordWriter:
    """Write a record, and go on where the disk refuses: the next save tries it again.

    It is an error only of a run whose record is all that it leaves, and only in its first save,
    and in those that wait for the disk, as the last one does.

    Args:
        out: Where it goes.
        after_save: Called after every save.
        may_be_refused: Whether the run goes on in any case, since it serves.
    """

    def __init__(
        self,
        out: Out,
        after_save: Callable[[], None] | None = None,
        *,
        may_be_refused: bool = False,
    ) -> None:
        self._out, self._after_save = out, after_save
        self._may_be_refused = may_be_refused
        self._has_written = self._is_refused = False

    def __call__(self, nb: NotebookNode, durable: bool) -> None:
        """Write the notebook as it is now."""
        import nbformat

        text = nbformat.writes(nb)
        if not text.isascii():  # half a character, which JSON can hold and UTF-8 cannot
            text = text.encode(errors="replace").decode()
        try:
            is_open = nb.metadata.get("runner", {}).get("status") in OPEN
            self._out.write(text, durable=durable, is_open=is_open)
            if self._after_save:
                self._after_save()
        except OSError as error:
            if not self._may_be_refused and (durable or not self._has_written):
                raise
            self._note_refusal(error)
        else:
            if self._is_refused:
                log.info("%s is saved again", self._out.path)
            self._has_written, self._is_refused = True, False

    def _note_refusal(self, error: OSError) -> None:
        if not self._is_refused:
            log.warning("%s is not saved, the run goes on: %s", self._out.path, error.strerror)
        self._is_refused = True


def record_failure(
    path: Path,
    out: Out,
    error: RunnerError,
    facts: dict[str, Any],
    after_save: Callable[[], None] | None,
) -> None:
    """Write the record of a run that failed before a cell could run.

    Args:
        path: The notebook.
        out: Where the record goes.
        error: Why it failed.
        facts: What is known of the run.
        after_save: Called when it is written, if at all.
    """
    import nbformat

    from runner.record.record import Record

    write = RecordWriter(out, after_save, may_be_refused=True)
    kept = Record(nbformat.read(path, as_version=4), write)
    kept.start(**facts)
    kept.end(RunStatus.FAILED, str(error), error.exit_code)
