"""Be the run of one point: warm up, take the order to go, execute, and end with the sweep.

The rules of this file:

1. A point is run only under the lock of its record, and only if that does not say that it is
   completed. So a sweep that was killed, and whose last runs are still ending, can be started
   again at once: its points wait for these, and none is completed twice.
2. The end of stdin, which is the end of the sweep however it comes, stops the run.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError, InterruptedRunError
from runner.notebook import document as notebook
from runner.record import history
from runner.record.out import OutFile
from runner.record.progress import ProgressLog
from runner.record.run_status import RunStatus
from runner.run import run
from runner.run.engine import Session
from runner.run.run import Job
from runner.run.stop_request import StopRequest
from runner.spawn import child
from runner.spawn.child import Orders, Standby
from runner.spawn.order_to_go import job_of
from runner.sweep.locks import waited_for
from runner.sweep.outcomes import identity_of

log = logging.getLogger("runner.sweep.point_run")  # also when it is __main__


def main() -> None:
    """Be ``python -m runner.sweep.point_run``."""
    child.start(TASK)


def execute(order: dict[str, Any], orders: Orders, standby: Standby, stop: StopRequest) -> None:
    """Run a point, unless it turns out to be completed.

    Raises:
        ConfigurationError: Another run is writing the record, and goes on doing so.
        NotebookError: A cell failed.
        KernelDiedError: The kernel died or never came up.
        InterruptedRunError: It was stopped.
    """
    job = job_of(order)
    with _locked_record(job, stop):
        if is_completed(job.out, identity_of(order["facts"])):
            log.info("%s is completed already", job.out)
            return
        if stop.signum:
            raise InterruptedRunError(stop.signum)
        if job.keeps_history:
            history.keep_last(job.out)
        for stale in order["clears"]:
            Path(stale).unlink(missing_ok=True)
        _execute(job, order["facts"], standby, stop)


def is_completed(record: Path, identity: str) -> bool:
    """Tell whether a record is that of a point, and says that it is completed."""
    kept = history.facts_of(record)
    return kept.get("status") == RunStatus.COMPLETED and identity_of(kept) == identity


def _execute(job: Job, facts: dict[str, Any], standby: Standby, stop: StopRequest) -> None:
    document = notebook.read(job.copy or job.path).with_kernel(job.kernel)
    session = Session(
        kernel=standby.kernel_for(document.kernel_name),
        stop=stop,
        config=job.config,
        progress=ProgressLog(),
        facts=facts,
        out=OutFile(job.out),
    )
    run.checked(document, job.values)
    run_end = run.execute(job, session)
    if run_end.signum:
        raise InterruptedRunError(run_end.signum)


@contextlib.contextmanager
def _locked_record(job: Job, stop: StopRequest) -> Iterator[None]:
    """Hold the record's lock, as ``runner run`` does; wait for one who is about to end."""

    def on_wait() -> None:
        log.info("waiting for another run to end that writes %s", job.out)

    claim, seconds = OutFile(job.out).claimed, job.config.grace + 10
    with waited_for(claim, seconds, lambda: stop.signum, on_wait) as is_ours:
        if not is_ours:
            raise ConfigurationError(f"{job.out}: another run is writing it")
        yield


TASK = child.Task(execute=execute, source="the sweep")


if __name__ == "__main__":
    main()
