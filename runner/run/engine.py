"""Be papermill's engine ``runner``: hand it true states, atomic saves and clean stops.

papermill's entry point is `notebook_runner`, which imports this module only when it is asked
for. It imports nothing of papermill, nor anything heavy, before it is to execute: our command
line imports papermill while the kernel boots.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.config import TimeLimits

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from runner.config import EngineConfig
    from runner.notebook.document import Notebook
    from runner.record.out import Out
    from runner.record.progress import Progress
    from runner.record.record import Record
    from runner.record.service_card import ServiceCard
    from runner.record.writer import Write
    from runner.run.kernel import Kernel
    from runner.run.stop_request import StopRequest
    from runner.telemetry.spans import Span

log = logging.getLogger(__name__)


@dataclasses.dataclass(kw_only=True)
class Session:
    """Carry what our own command line has prepared through papermill to the engine.

    Attributes:
        kernel: Started already, so that it boots while papermill is imported.
        stop: The requests to stop, listened to since before the kernel's start.
        config: Waits and intervals.
        progress: Hears of each cell.
        facts: Go into the record's ``metadata.runner``.
        out: Where the record goes; papermill's ``output_path`` if None.
        after_save: Called after every save of the record.
        values: The parameters given.
        secrets: Names of those to mask besides those that are known.
        time_limits: How long a cell and the run may take.
        language: Of the cells, if it was chosen; else the notebook says it.
        serves: Whether the run is to serve: then code of ours is executed before the notebook's
            cells, and a cell of ours when they have ended.
        api: The title of what the notebook's annotated cells serve; they are registered then
            instead of executed. Empty if they are executed as they are.
        rehearsal: Gives the report of what it was asked before it served; empty if there is none.
        card: What the record shows of the service; None if it is none.
        traceparent: In which span of another process its own is; empty if in none.
        kept: The record; set by the engine.
        span: Of the run, if spans are made: until it has ended, or serves.
    """

    kernel: Kernel
    stop: StopRequest
    config: EngineConfig
    progress: Progress
    facts: dict[str, Any]
    out: Out | None = None
    after_save: Callable[[], None] | None = None
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    time_limits: TimeLimits = dataclasses.field(default_factory=TimeLimits)
    language: str = ""
    serves: bool = False
    api: str = ""
    rehearsal: Callable[[], dict[str, Any]] = dict
    traceparent: str = ""
    card: ServiceCard | None = None
    kept: Record | None = None
    span: Span | None = None

    def mark_ready(self) -> None:
        """Note that it serves: its last cell runs from now on for as long as it does."""
        self.progress.close()
        if self.kept is not None:
            self.show_rehearsal()
            self.kept.mark_ready()
        if self.span is not None:
            self.span.end()

    def tell_of_service(self, told: dict[str, Any]) -> None:
        """Take what the supervisor says of the service; the record shows it by its next save."""
        if self.card is not None:
            self.card.tell(told)
            if self.kept is not None:
                self.kept.note_service()

    def show_rehearsal(self) -> None:
        """Let the record have the report, if there is one, and has not got it."""
        if (
            self.kept is not None
            and "rehearsal" not in self.kept.run
            and (said := self.rehearsal())
        ):
            self.kept.show_rehearsal(said)

    def record(self) -> Record:
        """Give the record; only after the engine was asked to execute."""
        if self.kept is None:
            raise RuntimeError("papermill never called the engine")
        return self.kept


class RunnerEngine:
    """Execute notebooks for papermill; ``papermill IN OUT --engine runner`` selects it."""

    @classmethod
    def execute_notebook(  # noqa: PLR0913, PLR0917 - papermill calls it so
        cls,
        nb: NotebookNode,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool | dict[str, Any] = True,
        log_output: bool = False,
        session: Session | None = None,
        **options: Any,
    ) -> NotebookNode:
        """Execute a notebook whose parameters papermill has put in.

        Args:
            nb: The notebook; changed in place.
            kernel_name: The kernelspec's name.
            output_path: Where the record goes; nowhere if None.
            progress_bar: Draw a bar; papermill's own option.
            log_output: Also log what the cells print; papermill's own option.
            session: Ours, from ``runner run`` and ``runner serve``.
            **options: papermill's others: ``execution_timeout``, ``start_timeout`` (seconds),
                ``stdout_file``, ``stderr_file``.

        Raises:
            DeadKernelError: The kernel died; papermill's command line exits with 138.
            SystemExit: A signal ended a run that was not serving: 128 + its number.
            ConfigurationError: A parameter is unknown or ill-typed.
        """
        from runner.notebook import annotations, parameters_cell
        from runner.record import facts
        from runner.record.record import Record
        from runner.record.writer import RecordWriter
        from runner.run.execution import Execution

        document = _document(nb, kernel_name, options, session)
        given = session.values if session else parameters_cell.put_in(nb)
        document.check_secrets(given)
        with contextlib.ExitStack() as stack:
            if session is None or session.out is None:
                write = stack.enter_context(_papermills_place(output_path))
            else:
                write = RecordWriter(session.out, session.after_save, may_be_refused=session.serves)
                nb.metadata.papermill["output_path"] = str(session.out.path)
            kept = Record(nb, write)
            mine = session or stack.enter_context(
                _own_session(document, given, progress_bar, options)
            )
            mine.kept, kept.card = kept, mine.card
            sources = parameters_cell.rewrite(nb, document, given)
            for remark in document.remarks(given) if document.is_python else ():
                log.info("%s: %s", document.path, remark)
            if mine.api:
                sources |= annotations.registrations(nb)
            kept.start(**facts.source_facts(document.path) | mine.facts)
            execution = Execution(
                kept=kept,
                kernel=mine.kernel,
                stop=mine.stop,
                config=mine.config,
                progress=mine.progress,
                echo=_echo(log_output, options),
                limits=mine.time_limits,
                sources=sources,
                serves=mine.serves,
                first_code=annotations.preparation(mine.api) if mine.api else "",
                # What the session knows better, such as the commit of what a copy was made of.
                facts=lambda: (
                    facts.run_facts(
                        document,
                        given,
                        path=Path(mine.facts.get("notebook") or document.path),
                        shown=nb.metadata.papermill.get("parameters", {}),
                        with_packages=mine.kernel.has_our_python,
                    )
                    | mine.facts
                ),
                facts_at_end=lambda: facts.cards_at_end(
                    document, given, kept.run.get("model_cards")
                ),
                before_end=mine.show_rehearsal,
                is_our_process=session is not None,
            )
            _run_to_end(execution.run())
            if session is None and mine.stop.signum and not _was_serving(nb):
                raise SystemExit(128 + mine.stop.signum)
        return nb

    @classmethod
    def nb_kernel_name(cls, nb: NotebookNode, name: str | None = None) -> str:
        """Name the kernel: ``name``, else what the notebook says, else Python's."""
        return str(name or nb.metadata.get("kernelspec", {}).get("name") or "python3")

    @classmethod
    def nb_language(cls, nb: NotebookNode, language: str | None = None) -> str:
        """Name the language as papermill does, or Python, if the notebook says nothing."""
        from runner.notebook.papermill_internals import language_of

        return language_of(nb, language)


@contextlib.contextmanager
def _own_session(
    document: Notebook,
    given: dict[str, Any],
    progress_bar: bool | dict[str, Any],
    options: dict[str, Any],
) -> Iterator[Session]:
    """Prepare what ``runner run`` would have, when papermill itself was started."""
    from runner.config import EngineConfig
    from runner.record.progress import ProgressBar, ProgressLog
    from runner.run.kernel import Kernel
    from runner.run.stop_request import StopRequest

    document.check(given)
    config = EngineConfig.from_environment()
    if options.get("start_timeout"):
        config = dataclasses.replace(config, start_timeout=float(options["start_timeout"]))
    with StopRequest() as stop, contextlib.closing(Kernel.start(document.kernel_name)) as kernel:
        yield Session(
            kernel=kernel,
            stop=stop,
            config=config,
            progress=ProgressBar() if progress_bar else ProgressLog(),
            facts={},
            time_limits=TimeLimits(cell=float(options.get("execution_timeout") or 0)),
        )


def _document(
    nb: NotebookNode, kernel_name: str, options: dict[str, Any], session: Session | None
) -> Notebook:
    from runner.notebook.document import Notebook

    return Notebook(
        path=Path(options.get("input_path") or "notebook"),
        cells=nb.cells,
        kernel_name=kernel_name,
        language=(session and session.language) or RunnerEngine.nb_language(nb),
        named_secrets=session.secrets if session else frozenset(),
    )


def _run_to_end(execution: Coroutine[Any, Any, None]) -> None:
    """Run the execution on a loop of its own, also when papermill is called inside one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(execution)
    else:
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, execution).result()


@contextlib.contextmanager
def _papermills_place(output_path: str | None) -> Iterator[Write]:
    """Write where papermill would, which knows more places than ours; local files atomically.

    The last write is papermill's own, and comes when we are done, unless we raise. Nothing of
    papermill stays changed: it may go on to other notebooks.
    """
    from runner.files import sweep_partials
    from runner.notebook import papermill_internals as papermill
    from runner.record.out import OutFile, OutStream, out_at
    from runner.record.writer import RecordWriter

    if output_path is None:
        yield lambda nb, durable: None
        return
    folder = papermill.local_folder(output_path)
    if folder is None and not papermill.is_stream(output_path):
        yield lambda nb, durable: papermill.write(nb, output_path)
        return
    # Absolute: whoever runs papermill may leave their working folder.
    place = (folder or Path()) / output_path
    out = out_at(place.absolute()) if folder else OutStream(place, 1)
    if isinstance(out, OutFile):
        sweep_partials(out.path)
        yield RecordWriter(out)
        papermill.write_next_by(lambda text: out.write(text, durable=True), output_path)
        return
    try:
        yield RecordWriter(out)
    except BaseException:
        out.send_after_failure()
        raise


def _echo(log_output: bool, options: dict[str, Any]) -> Callable[[NotebookNode], None]:
    files = {"stdout": options.get("stdout_file"), "stderr": options.get("stderr_file")}

    def echo(output: NotebookNode) -> None:
        if output.output_type != "stream":
            return
        if log_output:
            for line in output.text.splitlines():
                log.info("%s: %s", output.name, line)
        if file := files.get(output.name):
            file.write(output.text)
            file.flush()

    return echo


def _was_serving(nb: NotebookNode) -> bool:
    """Tell whether the cell that was interrupted is one that serves, as far as one can see."""
    from runner.notebook.document import SERVE_TAG, tags
    from runner.record.record import interrupted_cell
    from runner.run.execution import is_executable

    cell = interrupted_cell(nb)
    last = [cell for cell in nb.cells if is_executable(cell)][-1:]
    return cell is not None and (SERVE_TAG in tags(cell) or cell in last)
