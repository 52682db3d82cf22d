"""Execute a notebook that is to serve, until a signal stops it.

The rules of this file:

1. What serves is seen in the kernel, when it happens. Nothing is read from the source but the
   annotations of cells, which are no code.
2. Annotated cells (`# GET /path`) are registered first, instead of executed, for they may do
   what only a request should. If then another cell fails, or something else serves, their first
   lines were comments: the notebook is executed once more, in a fresh kernel, every cell as it
   is. If that does not serve either, the first failure leads what is said.
3. A kernel in another language executes its cells; what they start is only watched.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.config import RequestLogSettings, shared_folder
from runner.errors import KernelDiedError, NotebookError, RunnerError
from runner.notebook import annotations as annotated_cells
from runner.notebook import document as notebook
from runner.notebook import injection
from runner.record import facts as run_facts
from runner.record import requests
from runner.record.out import OutFile
from runner.record.progress import ProgressLog, live_line
from runner.record.service_card import ServiceCard
from runner.record.writer import record_failure
from runner.run import run
from runner.run.engine import Session
from runner.run.run import Job, RunEnd
from runner.run.stop_request import StopRequest
from runner.spawn.order_to_go import job_of
from runner.spawn.other_language import ListenerWatch
from runner.spawn.rehearsal import Rehearsal
from runner.traffic.traffic import TrafficReader

if TYPE_CHECKING:
    from runner.spawn.child import Orders, Standby

log = logging.getLogger(__name__)


def execute(order: dict[str, Any], orders: Orders, standby: Standby, stop: StopRequest) -> None:
    """Execute a notebook that is to serve, until a signal stops it.

    Raises:
        NotebookError: A cell failed, or nothing serves any more.
        KernelDiedError: The kernel died or never came up.
    """
    job = job_of(order)
    document = notebook.read(Path(order["notebook"]))
    service = ServiceRun(job, document, order, orders, standby, stop)
    try:
        end = service.run() if document.is_python else service.run_other_language()
    except RunnerError as error:
        service.record_failure(error)
        raise
    if not end.signum:
        raise NotebookError(
            f"{job.path}: its last cell ended, so nothing serves any more",
            hint="the last code cell has to serve until it is interrupted",
        )


@dataclasses.dataclass(frozen=True)
class ServiceRun:
    """Hold what one run of a notebook that is to serve needs."""

    job: Job
    document: notebook.Notebook
    order: dict[str, Any]
    orders: Orders
    standby: Standby
    stop: StopRequest

    def run(self) -> RunEnd:
        """Execute it, its annotated cells being registered; once more if they were comments."""
        if not annotated_cells.is_annotated(self.document):
            return self._execute()
        try:
            return self._execute(api=self.job.path.stem)
        except NotebookError as error:
            if not self._was_misread():
                raise
            first = error
        said = "%s; so it is executed again, the cells that look annotated as they are"
        log.warning(said, first)
        self.standby.replace_kernel()
        why = self._reason(first)
        said = f"annotated cells are comments: {why}"
        try:
            return self._execute(executed_again=said)
        except (NotebookError, KernelDiedError) as second:
            if self._has_served():
                raise
            also = self._reason(second)
            said = f"{why}. Executed with its annotated cells as they are: {also}"
            self._correct_reason(said)
            raise NotebookError(f"{self.job.path}: {said}", second.hint) from first

    def _reason(self, error: RunnerError) -> str:
        """Say why, for those who name the notebook themselves."""
        return str(error).removeprefix(f"{self.job.path}: ")

    def run_other_language(self) -> RunEnd:
        """Execute it, and watch whether what it starts listens."""
        host, port = self.order["address"]
        kernel = self.standby.kernel_for(self.document.kernel_name)
        watch = ListenerWatch(self.order["run"], host, port, kernel)
        watch.start()
        with contextlib.closing(watch):
            return self._execute()

    def _execute(self, api: str = "", **facts: str) -> RunEnd:
        values = run.checked(self.document, self.job.values)
        rehearsal = self._rehearsal()
        kernel = self.standby.kernel_for(self.document.kernel_name)
        if self.document.is_python:
            kernel.setup_code = run_facts.identity_of(
                self.document,
                values,
                run_id=self.order["run"],
                notebook_sha256=self.order["facts"].get("notebook_sha256", ""),
            ).setup_code()
        publication = self.orders.publication
        session = Session(
            kernel=kernel,
            stop=self.stop,
            config=self.job.config,
            progress=ProgressLog(live_line()),
            facts=self.order["facts"] | facts,
            out=OutFile(self.job.out),
            after_save=publication.show if publication else None,
            serves=True,
            traceparent=self.order.get("traceparent", ""),
            api=api,
            rehearsal=rehearsal.report if rehearsal else dict,
            card=self._card(),
        )
        self.orders.session = session
        return run.execute(self.job, session)

    def _card(self) -> ServiceCard:
        """Prepare what the record is to show of the service, by what its workers count."""
        shared, run_id = shared_folder(), self.order["run"]
        records = RequestLogSettings.from_environment().record_requests
        folder = requests.folder_of(self.job.out.absolute().parent)
        return ServiceCard(
            lambda: TrafficReader.find(shared, run_id) if shared else None,
            folder if records else None,
        )

    def _rehearsal(self) -> Rehearsal | None:
        """Prepare what the run is asked before it is ready; None if that is nothing."""
        given = self.order.get("rehearsal")
        if given is None:
            return None
        rehearsal = Rehearsal(given, self.order["run"])
        rehearsal.prepare()
        return rehearsal

    def _was_misread(self) -> bool:
        """Tell whether the run may have failed since annotated cells were only registered.

        Not if nothing had been registered when it failed, nor if the service itself failed.
        """
        session = self.orders.session
        if session is None or session.kept is None or self._has_served():
            return False
        nb = session.kept.nb
        states = {cell.id: cell.metadata.get("papermill", {}).get("status") for cell in nb.cells}
        failed = next((cell for cell in nb.cells if states[cell.id] == "failed"), None)
        if failed is None:
            return False
        has_begun = any(states[name] == "completed" for name in annotated_cells.registrations(nb))
        is_service = injection.TAG in notebook.tags(failed)
        is_other = any(output.get("ename") == "OtherServiceError" for output in failed.outputs)
        return has_begun and (is_other or not is_service)

    def _has_served(self) -> bool:
        session = self.orders.session
        return bool(session and session.kept and session.kept.run.get("ready"))

    def record_failure(self, error: RunnerError) -> None:
        """Leave a record even of a run that failed before a cell could run."""
        if self.orders.session is None or self.orders.session.kept is None:
            shown = self.orders.publication.show if self.orders.publication else None
            copy = self.job.copy or self.job.path
            record_failure(copy, OutFile(self.job.out), error, self.order["facts"], shown)

    def _correct_reason(self, said: str) -> None:
        """Let the record's last word name both failures."""
        if self.orders.session is not None:
            kept = self.orders.session.record()
            kept.run.reason = said
            kept.save(durable=True)
