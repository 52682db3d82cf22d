"""Be one run under the supervisor: wait as a standby, execute, publish, end with it.

A sweep's runs are such processes too, and carry out the order to go in a way of their own:
what a run does is said by the ``TASK`` of the module that it is, this one or
``runner.sweep.point_run``. The supervisor writes lines of JSON to our stdin:

    {"do": "go", "run": ID, "notebook": PATH, "out": PATH, "shown_at": PATH, "values": {…},
     "secrets": […], "address": [HOST, PORT], "facts": {…}, "config": {…}, "log_output": false,
     "rehearsal": {…}, "traceparent": TEXT}
    {"do": "publish", "path": PATH}
    {"do": "tell", "service": {…}}
    {"do": "explain", "reason": TEXT}
    {"do": "retire", "reason": TEXT}

Until "go" comes we are a standby: a kernel with the notebook's imports done, and papermill
loaded. The end of stdin means that the supervisor is gone, and is taken as SIGTERM.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runner import log as logs
from runner import wire
from runner.config import setting, variable
from runner.errors import KernelDiedError, RunnerError
from runner.files import Publication, if_possible
from runner.notebook import document as notebook
from runner.run import run
from runner.run.engine import Session
from runner.run.kernel import Kernel
from runner.run.stop_request import StopRequest
from runner.spawn import service_run
from runner.spawn.working_folder import WorkingFolder

log = logging.getLogger(__name__)

_LOOK_EVERY = 1.0


class Orders:
    """Read what the supervisor writes, on a thread of its own.

    Args:
        stop: Gets SIGTERM when the source of the orders is gone.
        source: Who gives them, in words.

    Attributes:
        go: Gets the order to go, or None when something else ends the wait.
        has_moved: Whether another folder has taken the place of the one in which we waited.
    """

    def __init__(self, stop: StopRequest, source: str = "the supervisor") -> None:
        self.go: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.publication: Publication | None = None
        self.session: Session | None = None
        self.has_moved = False
        self._stop = stop
        self._source = source
        self._place = WorkingFolder()

    def listen(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def _read(self) -> None:
        try:
            lines = wire.Lines()
            # Not `sys.stdin`: a thread that waits in it would abort the process at its end.
            while data := os.read(0, 65536):
                for order in lines.feed(data):
                    self._take(order)
        except (OSError, wire.WireError, KeyError, TypeError) as error:
            log.error("an order was not understood: %s", error)
        finally:  # whatever ends this thread: without orders there is no end
            if self._stop.signum is None:
                self._stop.reason = f"{self._source} is gone"
                os.kill(os.getpid(), signal.SIGTERM)

    def _take(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "go":
                self.has_moved = self._place.follow()
                self.publication = Publication(Path(order["out"]))
                if order.get("shown_at"):
                    self._show_at(order["shown_at"])
                self.go.put(order)
            case "publish":  # it serves
                self._show_at(order["path"])
                if self.session:
                    self.session.mark_ready()
            case "tell":
                if self.session:
                    self.session.tell_of_service(order["service"])
            case "explain":
                self._stop.reason = order["reason"]
            case "retire":
                self._stop.reason = order["reason"]
                if self.publication:
                    self.publication.end()

    def _show_at(self, path: str) -> None:
        if self.publication:
            with if_possible(f"{path} does not show this run yet"):
                self.publication.begin(Path(path))


class Standby:
    """Hold a kernel that is warm.

    Args:
        path: The notebook whose imports it does.
        imports: Modules that it imports after these.
        kernel: One that was forked for us already; else one is started.
        name: Its kernelspec.
    """

    def __init__(
        self,
        path: Path,
        imports: Sequence[str] = (),
        kernel: Kernel | None = None,
        name: str = "",
    ) -> None:
        self.kernel = kernel
        self.name = name
        self._imports = imports
        # A file that is broken now may be whole when the order comes, and is read then.
        with contextlib.suppress(RunnerError):
            document = notebook.read(path)
            self.kernel_for(document.kernel_name)
            self._import_ahead(document)

    def kernel_for(self, name: str) -> Kernel:
        """Give a kernel of this name: the one that waits, or a new one if it is another or lost."""
        if self.kernel is None or self.name != name or not self.kernel.is_reachable:
            self.close()
            log_fd = os.dup(2)
            self.kernel = Kernel.start(
                name, env={variable("log-fd"): str(log_fd)}, pass_fds=[log_fd]
            )
            os.close(log_fd)
            self.name = name
        return self.kernel

    def answers(self) -> bool:
        """Tell whether the kernel that waits is of use still."""
        pulse = self.kernel.pulse if self.kernel is not None else None
        if pulse is None or pulse.answers():
            return True
        log.warning("the kernel that waited does not answer: another is started")
        return False

    def replace_kernel(self) -> None:
        """End the kernel; the next that is asked for is new."""
        self.close()
        self.kernel = None

    def close(self) -> None:
        """End the kernel."""
        if self.kernel is not None:
            self.kernel.close()

    def _import_ahead(self, document: notebook.Notebook) -> None:
        if self.kernel is not None and document.is_python:
            words = f"{document.imports()!r}, {[*self._imports]!r}"
            code = f'__import__("runner.spawn.notebook_imports", fromlist=["load"]).load({words})'
            self.kernel.run_when_up(code)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """Say for what a run is started.

    Attributes:
        execute: Carries out the order to go.
        source: Who gives the orders, in words.
        imports: What a kernel that waits imports after the notebook's own imports.
        leaves_failures: Whether who gives the orders tells why a run failed, by its record.
    """

    execute: Callable[[dict[str, Any], Orders, Standby, StopRequest], None]
    source: str
    imports: Sequence[str] = ()
    leaves_failures: bool = False


def main() -> None:
    """Be ``python -m runner.spawn.child``."""
    start(TASK)


def start(task: Task) -> None:
    """Be a process that was started with a notebook for its argument."""
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook", type=Path)
    quieten_debugger()
    run_task(parser.parse_args().notebook, task)


def quieten_debugger() -> None:
    """Keep the debugger that ipykernel imports from warning, in our kernels too."""
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")


def run_task(path: Path, task: Task, kernel: Kernel | None = None, kernel_name: str = "") -> None:
    """Wait for the order to go, carry it out, and end the process by an error's exit code.

    Args:
        path: The notebook, as far as it is known.
        task: What to do.
        kernel: One that was forked for us; else one is started.
        kernel_name: Its kernelspec.
    """
    logs.configure(setting("log-level", "info"), setting("log-format", "text"))
    try:
        _run_task(path, task, kernel, kernel_name)
    except RunnerError as error:
        log.error("run failed: %s", " ".join(str(error).split()))
        log.debug("the error in full", exc_info=True)
        sys.exit(error.exit_code)


def _run_task(path: Path, task: Task, kernel: Kernel | None, kernel_name: str) -> None:
    with StopRequest() as stop:
        orders = Orders(stop, task.source)
        stop.subscribe(lambda: orders.go.put(None))
        orders.listen()
        standby = Standby(path, task.imports, kernel, kernel_name)
        with contextlib.closing(standby):
            run.load_papermill()
            order = _wait(orders, standby, stop)
            if order is not None:
                if run_id := order.get("run"):
                    logs.add_facts(run=run_id)
                if orders.has_moved or not standby.answers():
                    standby.replace_kernel()
                _carry_out(task, order, orders, standby, stop)


def _carry_out(
    task: Task, order: dict[str, Any], orders: Orders, standby: Standby, stop: StopRequest
) -> None:
    try:
        task.execute(order, orders, standby, stop)
    except RunnerError as error:
        if not task.leaves_failures:
            raise
        log.debug("the error in full", exc_info=True)
        sys.exit(error.exit_code)


def _wait(orders: Orders, standby: Standby, stop: StopRequest) -> dict[str, Any] | None:
    """Wait for the order to go; None when a stop was asked for first."""
    while stop.signum is None:
        with contextlib.suppress(queue.Empty):
            return orders.go.get(timeout=_LOOK_EVERY)
        if standby.kernel and standby.kernel.process.poll() is not None:
            raise KernelDiedError(f"{standby.kernel.death_reason()} as it waited")
        if standby.kernel and standby.kernel.pulse and standby.kernel.pulse.is_overdue():
            raise KernelDiedError("its kernel answered no more as it waited")
    return None


TASK = Task(
    execute=service_run.execute,
    source="the supervisor",
    imports=["runner.serving.adoption"],
    leaves_failures=True,
)


if __name__ == "__main__":
    main()
