"""Run a notebook once: check, start the kernel, let papermill and our engine execute it."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from runner.config import EngineConfig, KernelChoice, TimeLimits
from runner.errors import (
    ConfigurationError,
    InterruptedRunError,
    KernelDiedError,
    NotebookError,
)
from runner.notebook import document as notebook
from runner.notebook import papermill_internals
from runner.notebook.document import Notebook
from runner.notebook.parameter_types import plain
from runner.record import folders, history
from runner.record.metrics import Metrics, metrics_of
from runner.record.out import out_at, with_values
from runner.record.progress import ProgressLog, live_line
from runner.run.engine import RunnerEngine, Session
from runner.run.kernel import Kernel
from runner.run.stop_request import StopRequest
from runner.telemetry import span_export, spans

if TYPE_CHECKING:
    from types import ModuleType

    from runner.record.record import Record

log = logging.getLogger(__name__)

# Not to be imported by what executes a notebook; whoever tries goes on without. nbformat imports
# jsonschema, which would compile a grammar of internationalised addresses for 0.9 s, and load what
# reads addresses and durations, if Jupyter's servers brought them. papermill would import the
# clients of clouds, and what guesses in which charset a web page is written; our notebooks are
# files.
BARRED = (
    "azure",
    "boto3",
    "charset_normalizer",
    "gcsfs",
    "github",
    "isoduration",
    "pyarrow",
    "pyarrow.fs",
    "rfc3986_validator",
    "rfc3987_syntax",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """Say what to run.

    Attributes:
        path: The notebook.
        out: Where the record goes.
        keeps_history: Keep the records of earlier runs beside it.
        values: The parameters given.
        secrets: Names of parameters to mask besides those that are known.
        config: The engine's waits and intervals.
        time_limits: How long a cell and the run may take.
        kernel: By which kernel to run it, if not by the notebook's own.
        log_output: Also log what the cells print.
        copy: Read the notebook from here instead; messages still name ``path``.
        begins: Is told where the record goes before it is written for the first time.
    """

    path: Path
    out: Path
    keeps_history: bool
    values: dict[str, Any]
    config: EngineConfig
    secrets: frozenset[str] = frozenset()
    time_limits: TimeLimits = dataclasses.field(default_factory=TimeLimits)
    kernel: KernelChoice = dataclasses.field(default_factory=KernelChoice)
    log_output: bool = False
    copy: Path | None = None
    begins: Callable[[Path], None] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunEnd:
    """Say how a run ended that raised nothing.

    Attributes:
        signal: The signal that stopped it, such as ``SIGTERM``; empty if none did.
        signum: Its number; 0 if none did.
        was_serving: Whether it was in a cell tagged ``serve`` then.
        metrics: What it recorded.
    """

    signal: str
    signum: int
    was_serving: bool
    metrics: Metrics


def run(job: Job) -> Metrics:
    """Execute a notebook to its last cell; give the metrics that it recorded.

    Raises:
        ConfigurationError: Before any kernel starts: the file or a parameter is wrong.
        NotebookError: A cell failed.
        KernelDiedError: The kernel died or never came up.
        InterruptedRunError: A signal ended it first, and not in a cell that serves.
    """
    document = notebook.read(job.path, job.secrets).with_kernel(job.kernel)
    values = checked(document, job.values)
    document.check_secrets(job.values)
    if not job.keeps_history:  # then the user named it, maybe by parameters
        job = dataclasses.replace(job, out=with_values(job.out, _known(document) | values))
    run_end = _execute(job, document)
    if run_end.signum and not run_end.was_serving:
        raise InterruptedRunError(run_end.signum, hint=f"how far it came: {job.out}")
    log.info("%s %s; see %s", job.path, "stopped" if run_end.signum else "completed", job.out)
    return run_end.metrics


def checked(document: Notebook, values: dict[str, Any]) -> dict[str, Any]:
    """Check parameters, and give them their types, as far as the notebook's language lets us.

    Raises:
        ConfigurationError: A name is unknown or a value has the wrong type.
    """
    if document.is_python:
        return document.check(values)
    if values:
        log.warning("%s: its %s parameters are not checked", document.path, document.language)
    return values


def _known(document: Notebook) -> dict[str, Any]:
    declared = document.parameters() if document.is_python else {}
    return {name: known.default for name, known in declared.items() if known.default is not None}


def _execute(job: Job, document: Notebook) -> RunEnd:
    out = out_at(job.out)
    with out.claimed() as is_ours, StopRequest() as stop:
        if not is_ours:
            raise ConfigurationError(
                f"{job.out}: another run is writing it", hint="name another OUT after the notebook"
            )
        if job.keeps_history:
            folders.take(job.out.parent, job.path)
            history.keep_last(job.out)
        if job.begins:
            job.begins(job.out)
        # papermill and nbformat are imported while the kernel boots: both take a while.
        with contextlib.closing(Kernel.start(document.kernel_name)) as kernel:
            log.info("%s started in kernel %d; record: %s", job.path, kernel.pid, job.out)
            session = Session(
                kernel=kernel,
                stop=stop,
                config=job.config,
                progress=ProgressLog(live_line()),
                facts={},
                out=out,
            )
            return execute(job, session)


def execute(job: Job, session: Session) -> RunEnd:
    """Execute a notebook in a kernel that was started.

    Raises:
        NotebookError: A cell failed.
        KernelDiedError: The kernel died or never came up.
    """
    session.values, session.secrets = job.values, job.secrets
    span_export.begin(str(session.facts.get("run", "")), job.path)
    try:
        named = {"runner.notebook": str(job.path)}
        with spans.within("run", session.traceparent, named) as session.span:
            kept = _through_papermill(job, session)
    finally:
        span_export.flush()
    from runner.record.record import interrupted_cell

    cell = interrupted_cell(kept.nb)
    return RunEnd(
        signal=session.stop.name,
        signum=session.stop.signum or 0,
        was_serving=cell is not None and notebook.SERVE_TAG in notebook.tags(cell),
        metrics=metrics_of(kept.nb),
    )


def load_papermill() -> None:
    """Import what executing needs, which takes a while."""
    for name in BARRED:
        sys.modules.setdefault(name, cast("ModuleType", None))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unable to find acceptable character detection")
        for name in ("papermill.execute", "runner.run.execution", "runner.record.record"):
            importlib.import_module(name)
    # It doubts parameters that we have checked: it cannot read an annotation such as
    # ``float | str``.
    logging.getLogger("papermill").setLevel(logging.ERROR)


def load_schema(path: Path) -> None:
    """Have nbformat compile the schema of a notebook, which leaves 14 MB behind."""
    import nbformat

    with contextlib.suppress(Exception):  # it is said when the notebook is executed
        nbformat.read(path, as_version=4)


def _through_papermill(job: Job, session: Session) -> Record:
    load_papermill()
    import papermill
    from nbclient.exceptions import DeadKernelError

    from runner.record.run_status import RunStatus

    papermill_internals.register_engine("runner", RunnerEngine)
    see = f"the record says more: {job.out}"
    document = notebook.read(job.copy or job.path).with_kernel(job.kernel)
    session.time_limits, session.language = job.time_limits, document.language
    try:
        papermill.execute_notebook(
            papermill_internals.literal_path(str(job.copy or job.path)),
            None,  # the session knows where the record goes
            plain(job.values),
            engine_name="runner",
            kernel_name=document.kernel_name,
            language=document.language or "python",
            progress_bar=False,
            log_output=job.log_output,
            session=session,
        )
    except DeadKernelError as error:
        raise KernelDiedError(f"{job.path}: {error}", see) from error
    except papermill.PapermillExecutionError:
        # What has failed the record says itself; an error may also be one that a tag allows.
        kept = session.record()
        kept.nb.cells = papermill_internals.without_error_markers(kept.nb)
    kept = session.record()
    if kept.run.status == RunStatus.FAILED:
        raise NotebookError(f"{job.path}: {kept.run.reason}", see)
    return kept
