"""Execute a notebook's cells in a kernel and keep the record of it true.

The rules of this file:

1. Three things can end a cell: its reply, the kernel's death, a request to stop.
   Whichever comes first decides its state.
2. A request to stop interrupts the running cell once, once more at half of the
   grace period, and kills the kernel at its end. A second request kills at once.
3. The record is saved by a timer while a cell runs, whether or not it prints.
4. However the run ends, the kernel and all that it started end with it.
5. A run that is to serve gets a last cell of ours once the notebook's own have ended: a notebook
   that serves in one of them never comes to it, and its record shows none.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from runner.config import EngineConfig, TimeLimits
from runner.errors import KernelDiedError, NotebookError, NothingServesError, RunnerError
from runner.notebook import code, injection
from runner.notebook.document import MAY_RAISE_TAG, SERVE_TAG, tags
from runner.record import failures, record
from runner.record.excerpt import ExcerptBounds, shorten
from runner.record.progress import Progress
from runner.record.record import CellStatus, Record
from runner.record.run_status import FAILED_BY_ITSELF, RunStatus
from runner.run import kernel_setup, mends
from runner.run.kernel import Kernel, run_silently
from runner.run.kernel_client import CellClient
from runner.run.stop_request import StopRequest

log = logging.getLogger(__name__)

_MEANS_WELL = ("", "0", "None")  # of a SystemExit
_NO_NAMES = ("", "None", "NoneType", "<Error>")
# Saving may take this share of the time; a slow disk or a big notebook is saved less often.
_SAVE_SHARE = 0.05
_LOOKS_AT_SERVICE = 10  # saves from one look at what is served to the next


class Limit(NamedTuple):
    """Be the time that a cell has: seconds, or None for ever, and what sets them, in words."""

    seconds: float | None
    name: str


@dataclasses.dataclass(kw_only=True)
class Execution:
    """Run one notebook once.

    Attributes:
        kept: Its record.
        kernel: A started kernel; this execution ends it.
        stop: The requests to stop.
        config: Waits and intervals.
        progress: Hears of each cell.
        echo: Gets every output as it arrives.
        limits: How long a cell and the run may take.
        sources: What the kernel gets instead of a cell's text, by the cells' ids.
        serves: Whether the notebook is to serve.
        first_code: Executed before its cells then, without a trace in the record.
        facts: Finds out more for the record, in a thread while the kernel works.
        facts_at_end: Finds out what may have changed by the run's end.
        before_end: Called before the record is closed.
        bounds: What the record keeps of a cell's outputs.
        is_our_process: Whether the process ends with the exit codes of ``runner``.
    """

    kept: Record
    kernel: Kernel
    stop: StopRequest
    config: EngineConfig
    progress: Progress
    echo: Callable[[NotebookNode], None]
    limits: TimeLimits = dataclasses.field(default_factory=TimeLimits)
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)
    serves: bool = False
    first_code: str = ""
    facts: Callable[[], dict[str, Any]] = dict
    facts_at_end: Callable[[], dict[str, Any]] = dict
    before_end: Callable[[], None] = lambda: None
    bounds: ExcerptBounds = dataclasses.field(default_factory=ExcerptBounds)
    is_our_process: bool = True

    async def run(self) -> None:
        """Execute the cells in their order until one does not complete.

        Raises:
            DeadKernelError: The kernel died or never came up; the record says why.
        """
        self._stopping, self._urgent = asyncio.Event(), asyncio.Event()
        self._refusal = self._failed_beside = ""
        self._failure: failures.Failure | None = None
        self._began = time.monotonic()
        self._death = asyncio.ensure_future(self.kernel.died())
        loop = asyncio.get_running_loop()
        self.stop.subscribe(lambda: loop.call_soon_threadsafe(self._note_stop))
        asked = asyncio.ensure_future(self._collect_facts())
        try:
            status, reason = await self._executed()
        finally:
            self.stop.subscribe(lambda: None)
            self.progress.close()
            self._death.cancel()
            await self.kernel.shut_down()
            await asked
        self.kept.add_facts(self.facts_at_end())
        self.before_end()
        has_failed = status in FAILED_BY_ITSELF
        failure = self._failure if has_failed else None
        self.kept.end(status, shorten(reason, self.bounds), self._exit_code(status), failure)
        if status is RunStatus.KERNEL_DIED:
            raise DeadKernelError(reason)

    async def _collect_facts(self) -> None:
        self.kept.add_facts(await asyncio.to_thread(self.facts))

    def _exit_code(self, status: RunStatus) -> int | None:
        if not self.is_our_process:
            return None
        if status is RunStatus.FAILED:
            return NotebookError.exit_code
        if status is RunStatus.KERNEL_DIED:
            return KernelDiedError.exit_code
        cell = record.interrupted_cell(self.kept.nb)
        has_served = bool(self.kept.run.get("ready"))
        is_served = has_served or (cell is not None and SERVE_TAG in tags(cell))
        return 0 if status is RunStatus.COMPLETED or is_served else 128 + (self.stop.signum or 0)

    def _note_stop(self) -> None:
        (self._urgent if self.stop.is_urgent else self._stopping).set()
        self._stopping.set()

    async def _executed(self) -> tuple[RunStatus, str]:
        said = await self._connected()
        if said:
            return RunStatus.KERNEL_DIED, said
        if self._refusal:
            return RunStatus.FAILED, self._refusal
        client = CellClient(
            self.kept,
            self.kernel,
            self.echo,
            sources=self.sources,
            bounds=self.bounds,
        )
        self.kept.set_language(self.kernel.info.get("language_info"))
        try:
            return await self._all_cells(client)
        finally:
            client.set_widgets_metadata()

    async def _connected(self) -> str:
        """Wait for the kernel to answer.

        Returns:
            Why it does not; empty when it does, or when a stop was asked for meanwhile.
        """
        asked = asyncio.ensure_future(self._prepared())
        stop = asyncio.ensure_future(self._stopping.wait())
        waits = {asked, stop, self._death}
        done, _ = await asyncio.wait(
            waits, timeout=self.config.start_timeout, return_when=asyncio.FIRST_COMPLETED
        )
        for wait in (asked, stop):
            wait.cancel()
        if done & {asked, stop}:
            return ""
        if self._death in done:
            return f"{self.kernel.death_reason()} before it answered{self.kernel.last_words()}"
        self.kernel.kill()
        waited = f"{self.config.start_timeout:g} s"
        return f"the kernel did not answer within {waited}{self.kernel.last_words()}"

    async def _prepared(self) -> None:
        await self.kernel.connect()
        await kernel_setup.set_up_kernel(self.kernel)
        if self._adopts:
            named = injection.naming_cells([*_executed(self.kept.nb.cells)])
            first = f"{injection.ADOPTION}; {named}; {self.first_code}".rstrip("; ")
            try:
                await run_silently(self.kernel, first)
            except RunnerError as error:
                self._refusal = f"this kernel cannot serve, it lacks this package: {error}"

    @property
    def _adopts(self) -> bool:
        """Tell whether the kernel is one that serves on the supervisor's sockets."""
        return self.serves and self.kernel.is_python

    async def _all_cells(self, client: CellClient) -> tuple[RunStatus, str]:
        cells = self.kept.nb.cells
        total = sum(is_executable(cell) for cell in cells)
        number, ended = 0, None
        for index, cell in enumerate(cells):
            if self._stopping.is_set():
                return RunStatus.STOPPED, f"stopped by {self.stop.said}"
            if not is_executable(cell):
                self.kept.cell_skipped(cell)
                continue
            number += 1
            ended = await self._numbered_cell(client, index, number, total)
            if ended:
                return ended
        if self._adopts and not self._stopping.is_set():
            self.kept.append(injection.last_cell())
            ended = await self._numbered_cell(client, len(cells) - 1, total + 1, total + 1)
        if ended is None and self._failed_beside:
            return RunStatus.FAILED, self._failed_beside
        return ended or (RunStatus.COMPLETED, "the last cell ended")

    async def _numbered_cell(
        self, client: CellClient, index: int, number: int, total: int
    ) -> tuple[RunStatus, str] | None:
        """Run one cell, and note it; give the run's state and why, if the run ends with it."""
        cell = self.kept.nb.cells[index]
        self.progress.started(number, total, cell)
        self.kept.cell_started(cell)
        async with self._saving():
            status, ended = await self._one_cell(client, cell, index)
        seconds = self.kept.cell_ended(cell, status)
        self.progress.ended(number, total, cell, seconds)
        return ended

    async def _one_cell(
        self, client: CellClient, cell: NotebookNode, index: int
    ) -> tuple[CellStatus, tuple[RunStatus, str] | None]:
        """Run one cell.

        Returns:
            Its state and, if the run ends with it, the run's state and why.
        """
        self.kernel.begin_cell()
        work = asyncio.ensure_future(client.async_execute_cell(cell, index))
        stop = asyncio.ensure_future(self._stopping.wait())
        limit = self._limit()
        ends = {work, stop, self._death}
        await asyncio.wait(ends, timeout=limit.seconds, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not work.done() and not self._death.done():
            if not self._stopping.is_set():
                return await self._out_of_time(work, cell, limit)
            said = await self._interrupted(work)
            record.show_interrupt(cell, said, is_calm=bool(self.kept.run.get("ready")))
            return CellStatus.INTERRUPTED, (RunStatus.STOPPED, said)
        if not work.done() or isinstance(work.exception(), DeadKernelError):
            await _abandoned(work)
            return self._died_in(cell)
        if work.exception() is None and client.has_exited:
            return CellStatus.COMPLETED, self._exited(cell)
        return await self._result_of(work.exception(), cell)

    def _exited(self, cell: NotebookNode) -> tuple[RunStatus, str]:
        return RunStatus.COMPLETED, f"{self._named(cell)} called exit"

    def _named(self, cell: NotebookNode) -> str:
        return failures.describe(self.kept.nb.cells, cell)

    def _limit(self) -> Limit:
        """Give what bounds the cell that begins now: its own limit, or the rest of the run's."""
        limits = [Limit(None, "")]
        if self.limits.cell:
            limits.append(
                Limit(self.limits.cell, f"the limit of {self.limits.cell:g} s for a cell")
            )
        if self.limits.run:
            left = self._began + self.limits.run - time.monotonic()
            limits.append(Limit(max(left, 0), f"the limit of {self.limits.run:g} s for the run"))
        return min(limits, key=lambda limit: math.inf if limit.seconds is None else limit.seconds)

    async def _out_of_time(
        self, work: asyncio.Future[Any], cell: NotebookNode, limit: Limit
    ) -> tuple[CellStatus, tuple[RunStatus, str]]:
        """Interrupt a cell whose time is over; its traceback shows where it was."""
        said = await self._interrupted(work, limit)
        where: list[str] = next((shown.traceback for shown in _errors_of(cell)), [])
        self._note_failure(cell, "CellTimeoutError", said, where)
        record.show_error(cell, "CellTimeoutError", said)
        return CellStatus.FAILED, (RunStatus.FAILED, f"{self._named(cell)} was {said}")

    def _died_in(self, cell: NotebookNode) -> tuple[CellStatus, tuple[RunStatus, str]]:
        how = self.kernel.death_reason()
        reason = f"{how} in {self._named(cell)}{self.kernel.last_words()}"
        self._note_failure(cell, "KernelDied", reason)
        record.show_error(cell, "KernelDied", reason)
        return CellStatus.FAILED, (RunStatus.KERNEL_DIED, reason)

    async def _result_of(
        self, error: BaseException | None, cell: NotebookNode
    ) -> tuple[CellStatus, tuple[RunStatus, str] | None]:
        if error is None:
            return self._replied_well(cell), None
        if not isinstance(error, CellExecutionError):  # such as nbclient's CellTimeoutError
            self._note_failure(cell, type(error).__name__, str(error))
            record.show_error(cell, type(error).__name__, str(error))
            return CellStatus.FAILED, (RunStatus.FAILED, f"{self._named(cell)}: {error}")
        if error.ename == "SystemExit" and error.evalue in _MEANS_WELL:
            return CellStatus.COMPLETED, self._exited(cell)
        if injection.TAG in tags(cell) and error.ename == NothingServesError.__name__:
            self._note_failure(cell, error.ename, error.evalue)
            return CellStatus.FAILED, (RunStatus.FAILED, error.evalue)
        name, value, traceback = _shown_error(error, cell)
        if self.kernel.is_python and not failures.line_of(cell.source, traceback):
            traceback = failures.traceback_at(await kernel_setup.line_left(self.kernel))
        said = self._failure_said(cell, name, value, traceback)
        return CellStatus.FAILED, (RunStatus.FAILED, said)

    def _replied_well(self, cell: NotebookNode) -> CellStatus:
        """Look for an error that a cell shows though the kernel calls it well, as of ``%run``.

        Jupyter goes on behind it, and so does papermill, which fails at the end.
        """
        shown = [] if MAY_RAISE_TAG in tags(cell) else _errors_of(cell)
        if not shown:
            return CellStatus.COMPLETED
        if not self._failed_beside:
            first = shown[0]
            said = self._failure_said(cell, first.ename, first.evalue, first.traceback)
            self._failed_beside = said
        return CellStatus.FAILED

    def _failure_said(self, cell: NotebookNode, name: str, value: str, traceback: list[str]) -> str:
        """Say where a cell failed, by which error, and what mends it."""
        value = failures.plain_value(name, value)
        python = mends.python_of(self.kernel.process.args) if self.kernel.is_python else ""
        mend = mends.mend_of(name, value, python, Path(str(self.kept.run.get("notebook", ""))))
        return self._note_failure(cell, name, value, traceback, mend).said

    def _note_failure(
        self,
        cell: NotebookNode,
        name: str,
        value: str,
        traceback: Sequence[str] = (),
        mend: str = "",
    ) -> failures.Failure:
        """Note where the run has failed, which is what the record is to begin with."""
        cells = self.kept.nb.cells
        self._failure = failures.failure_of(cells, cell, name, value, traceback, mend)
        return self._failure

    async def _interrupted(self, work: asyncio.Future[Any], limit: Limit | None = None) -> str:
        """Stop the running cell.

        Args:
            work: The cell.
            limit: The limit that asks for it; None if a signal does.

        Returns:
            What was done, for the record.
        """
        self.kept.mark_draining()
        urgent = asyncio.ensure_future(self._urgent.wait())
        ends = {work, urgent, self._death}
        try:
            for _ in range(2):
                await self.kernel.interrupt()
                await asyncio.wait(
                    ends, timeout=self.config.grace / 2, return_when=asyncio.FIRST_COMPLETED
                )
                if work.done() or self._death.done():
                    # Why a signal was sent may have been told behind it.
                    return f"interrupted by {limit.name if limit else self.stop.said}"
                if urgent.done():
                    return f"killed at a second signal, after {self.stop.name}"
            by = limit.name if limit and self.stop.signum is None else self.stop.name
            return f"killed: it did not end within {self.config.grace:g} s of {by}"
        finally:
            urgent.cancel()
            if not work.done():
                self.kernel.kill()
            await _abandoned(work)

    @contextlib.asynccontextmanager
    async def _saving(self) -> AsyncIterator[None]:
        """Save the record by the clock while the body runs."""
        timer = asyncio.ensure_future(self._save_by_the_clock())
        try:
            yield
        finally:
            timer.cancel()

    async def _save_by_the_clock(self) -> None:
        for number in itertools.count(1):
            await asyncio.sleep(max(self.config.save_every, self.kept.save_seconds / _SAVE_SHARE))
            if self.kept.card is not None and number % _LOOKS_AT_SERVICE == 0:
                await asyncio.to_thread(self.kept.look_at_service)
            if self.kept.is_dirty:
                self.kept.save()


def is_executable(cell: NotebookNode) -> bool:
    """Tell whether a cell has code to execute."""
    return cell.cell_type == "code" and bool(cell.source.strip())


def _executed(cells: Sequence[NotebookNode]) -> Iterator[tuple[int, int]]:
    """Give of each that is executed its number, 0 if it was put in, and its empty first lines."""
    number = 0
    for cell in cells:
        is_own = not failures.is_put_in(cell)
        number += is_own
        if is_executable(cell):
            lines = enumerate(code.lines_of(cell.source))
            yield number * is_own, next(above for above, line in lines if line.strip())


async def _abandoned(work: asyncio.Future[Any]) -> None:
    """Wait for a cell whose outcome no longer matters."""
    work.cancel()
    await asyncio.wait({work})
    if not work.cancelled():
        work.exception()  # else asyncio complains that nobody looked


def _has_printed(cell: NotebookNode, text: str) -> bool:
    """Tell whether a cell shows a text already, as IPython prints what a magic refuses."""
    printed = (output.text for output in cell.outputs if output.output_type == "stream")
    return bool(text) and text in "".join(printed)


def _errors_of(cell: NotebookNode) -> list[NotebookNode]:
    """Give the errors that a cell shows, but for an exit that means well."""
    return [
        output
        for output in cell.outputs
        if output.output_type == "error"
        and not (output.ename == "SystemExit" and output.evalue in _MEANS_WELL)
    ]


def _shown_error(error: CellExecutionError, cell: NotebookNode) -> tuple[str, str, list[str]]:
    """Give an error's name, text and traceback: as the kernel replies, else as the cell shows it.

    ipykernel replies ``NoneType: None`` where a result's own ``__repr__`` raised, and other kernels
    reply without a name.
    """
    name, value = str(error.ename), str(error.evalue)
    shown = [output for output in cell.outputs if output.output_type == "error"]
    if not shown:
        if not _has_printed(cell, value):
            record.show_error(cell, name, value)
        return name, value, []
    if name in _NO_NAMES:
        name, value = shown[-1].ename, shown[-1].evalue
    return name, value, [str(line) for line in shown[-1].traceback]
