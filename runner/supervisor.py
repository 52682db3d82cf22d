"""Keep a notebook served: carry out what the lifecycle orders, and tell it what happens.

The rules of this file:

1. Nothing is decided here. Whatever happens becomes an event; ``_do`` carries out the
   commands that come back, in their order, and none of them waits.
2. The listening sockets are opened once and closed last. No user code runs here.
3. Signals only become events. Every child is awaited and ended by its own number.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import itertools
import logging
import os
import signal
import socket
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from runner import errors, files, history, sockets
from runner.channel import Channels
from runner.config import variable
from runner.control import ControlServer
from runner.ledger import Ledger
from runner.lifecycle import Lifecycle
from runner.limits import Limits
from runner.messages import (
    Accept,
    Answer,
    Asked,
    Await,
    Bind,
    CancelTimer,
    Changed,
    ChannelClosed,
    Command,
    Ended,
    Event,
    Exit,
    Failed,
    Go,
    Hello,
    Kill,
    Publish,
    Purpose,
    Ready,
    RecordFailure,
    ReloadAsked,
    Retire,
    RollbackAsked,
    RunCommand,
    Serving,
    SetTimer,
    Spawn,
    Started,
    StopAsked,
    Terminate,
    Timer,
    TimerFired,
)
from runner.nursery_client import ForkedRun, Nursery
from runner.plan import Plan, model_of, values_for
from runner.processes import RunProcess, SpawnedRun
from runner.sources import digest
from runner.states import Run, RunState
from runner.status import iso
from runner.watch import Eye, watch

log = logging.getLogger(__name__)

_QUESTIONS: dict[str, type[Asked]] = {
    "reload": ReloadAsked,
    "rollback": RollbackAsked,
    "stop": StopAsked,
}
_DEEDS = {
    ReloadAsked: "a reload was asked for",
    RollbackAsked: "a rollback was asked for",
    StopAsked: "a stop was asked for",
}
_OUTCOMES = {
    error.exit_code: error
    for error in (
        errors.ConfigurationError,
        errors.NotebookError,
        errors.KernelDiedError,
        errors.NotReadyError,
        errors.CrashLoopError,
    )
}


def supervise(plan: Plan) -> None:
    """Serve until a stop is asked for.

    Raises:
        ConfigurationError: The address, the notebook or a parameter is wrong.
        RunnerError: What it served ended, and no restart mends it; of the kind of its exit code.
    """
    folder = history.default_out(plan.path).parent
    values_for(plan, plan.path)
    listeners = sockets.listeners(plan.host, plan.port, plan.workers)
    with contextlib.ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(contextlib.closing(listener))
        folder.mkdir(parents=True, exist_ok=True)
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        for lock in {folder / ".lock", plan.out.with_name(f".{plan.out.name}.lock")}:
            if not stack.enter_context(files.claim(lock)):
                raise errors.ConfigurationError(f"{lock.parent}: another run is writing there")
        ended = asyncio.run(Supervisor(plan, folder, listeners).run())
    if ended.code:
        kind = _OUTCOMES.get(ended.code, errors.RunnerError)
        raise kind(f"{plan.path}: {ended.reason}", hint=f"the records are in {folder}")
    log.info("%s stopped; see %s", plan.path, plan.out)


@dataclasses.dataclass(kw_only=True)
class _Live:
    """Hold what a run has besides its state.

    Attributes:
        cause: Why it was launched, in words.
        went: When it was told to go, by the loop's clock.
        served: When it came to serve, by the wall clock.
        workers: Their processes.
        notices: What is odd about it and yet lets it serve.
    """

    process: RunProcess
    cause: str = ""
    went: float = 0.0
    served: float = 0.0
    workers: list[int] = dataclasses.field(default_factory=list)
    notices: list[str] = dataclasses.field(default_factory=list)


class Supervisor:
    """Hold what exists: processes, sockets, timers, requests."""

    def __init__(self, plan: Plan, folder: Path, listeners: list[socket.socket]) -> None:
        self.plan = plan
        self.address = sockets.describe(listeners[0])
        self._listeners = listeners
        self._ledger = Ledger(folder, plan.out)
        self._life = Lifecycle(plan.rules, self._ledger.open())
        self._live: dict[int, _Live] = {}
        self._timers: dict[tuple[Timer, int], asyncio.TimerHandle] = {}
        self._requests: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: dict[str, Any] | None = None
        self._started = time.time()
        self._channels = Channels(self._hear)
        self._control = ControlServer(folder, self._longest_outcome(), self._reply)
        self._request_numbers = itertools.count(1)
        self._eye: Eye | None = None
        self._nursery: Nursery | None = None

    async def run(self) -> Exit:
        """Live from the first start to the end of the last process."""
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Exit] = self._loop.create_future()
        await self._channels.open()
        await self._control.open()
        try:
            self._listen_to_signals()
            if self.plan.rules.waits_for_edits:
                self._eye = Eye(self.plan.path, model_of(self.plan))
                self._begin(watch(self._eye, lambda cause: self._tell(Changed(cause=cause))))
            log.info("supervisor %d bound http://%s", os.getpid(), self.address)
            self._tell_of_health()
            self._tell(Started(cause="first start"))
            return await self._over
        finally:
            await self._close()

    def _tell_of_health(self) -> None:
        """Say which paths never reach the notebook's app."""
        limits = Limits.from_environment(self.plan.environ)
        for kind, path in (("health", limits.health_path), ("readiness", limits.ready_path)):
            if path:
                log.info("%s is answered at %s, before the app", kind, path)
            else:
                log.info("%s is not answered: its path is the app's", kind)

    async def _close(self) -> None:
        await self._control.close()
        self._channels.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._nursery:
            self._nursery.close()

    # What happens.

    def _tell(self, event: Event) -> None:
        for command in self._life.handle(event, self._loop.time()):
            self._do(command)

    def _listen_to_signals(self) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(signum, self._ask, StopAsked(cause=signum.name))
        self._loop.add_signal_handler(signal.SIGHUP, self._ask, ReloadAsked(cause="SIGHUP"))

    def _ask(self, asked: Asked) -> None:
        log.info("%s by %s", _DEEDS[type(asked)], asked.cause)
        if isinstance(asked, StopAsked):
            sockets.give_up(self._listeners)
        self._tell(asked)

    def _hear(self, name: str, message: dict[str, Any] | None) -> bool:
        """Take a message of a kernel; tell whether a hello is welcome."""
        run = self._ledger.number(name)
        if run not in self._live:
            return False
        match message and message.get("event"):
            case None:
                self._tell(ChannelClosed(run=run))
            case "hello":
                return self._greet(run, message or {})
            case "ready":
                self._tell(Ready(run=run))
            case "failed":
                self._tell(Failed(run=run, reason=str((message or {}).get("reason", ""))))
            case "serving":
                self._serves(run, message or {})
            case "worker":
                self._replaced(run, message or {})
        return True

    def _is(self, run: int, state: RunState) -> bool:
        return run in self._life.runs and self._life.runs[run].state is state

    def _greet(self, run: int, hello: dict[str, Any]) -> bool:
        if not self._is(run, RunState.STARTING):
            return False
        live, name = self._live[run], self._ledger.name(run)
        live.process.kernel_pid = int(hello["pid"])
        live.notices = [str(notice) for notice in hello.get("notices", ())]
        for notice in live.notices:
            log.warning("run %s: %s", name, notice)
        if asked := hello.get("asked"):
            said = "run %s: the notebook asked for %s; it is served on http://%s instead"
            log.info(said, name, asked, self.address)
        self._tell(Hello(run=run))
        return True

    def _serves(self, run: int, message: dict[str, Any]) -> None:
        if not self._is(run, RunState.READY):
            return
        live, name = self._live[run], self._ledger.name(run)
        live.workers, live.served = [int(pid) for pid in message["workers"]], time.time()
        source = self._ledger.source(self._life.runs[run].source)
        self._tell(Serving(run=run, digest=digest(source)))
        self._ledger.approve(run, self._life.good)
        took = self._loop.time() - live.went
        facts = {"run": name, "seconds": round(took, 3), "workers": live.workers}
        said = "run %s served after %.2f s on http://%s"
        log.info(said, name, took, self.address, extra={"facts": facts})

    def _replaced(self, run: int, message: dict[str, Any]) -> None:
        slot, pid = int(message["slot"]), int(message["pid"])
        workers = self._live[run].workers
        if 0 <= slot < len(workers):
            workers[slot] = pid
        log.warning("worker %d took over slot %d: %s", pid, slot, message.get("reason", ""))

    async def _await_end(self, run: int) -> None:
        process = self._live[run].process
        code = await process.ended()
        reason = self._ledger.close(run, process.pid, code)
        name = self._ledger.name(run)
        facts = {"run": name, "pid": process.pid, "code": code}
        said = "run %s (process %d) ended with code %d"
        log.info(said, name or "in standby", process.pid, code, extra={"facts": facts})
        if process.verdict:
            code, reason = process.verdict
        del self._live[run]
        self._tell(Ended(run=run, code=code, reason=reason))
        self._ledger.forget(run, self._life.good)

    # What is ordered.

    def _do(self, command: Command) -> None:
        if isinstance(command, Spawn):
            self._spawn(command.run)
        elif isinstance(command, RecordFailure):
            self._note_failure(command)
        elif isinstance(command, RunCommand):
            if command.run in self._live:  # else it could not even be spawned
                self._do_to_run(command, self._live[command.run].process)
        else:
            self._do_to_ourselves(command)

    def _do_to_run(self, command: RunCommand, process: RunProcess) -> None:
        name = self._ledger.name(command.run)
        match command:
            case Go():
                self._go(command, process)
            case Bind():
                fds = [listener.fileno() for listener in self._listeners]
                self._channels.send(name, fds, do="bind", slots=len(fds))
            case Accept():
                self._channels.send(name, do="accept")
            case Publish():
                process.order(do="publish", path=str(self.plan.out.absolute()))
            case Retire(reason=reason, successor=successor):
                by = f" by run {self._ledger.name(successor)}" if successor else ""
                process.order(do="retire", reason=reason + by)
            case Terminate():
                process.terminate()
            case Kill():
                log.warning("run %s (process %d) was killed", name or "in standby", process.pid)
                process.kill()

    def _do_to_ourselves(self, command: Command) -> None:
        match command:
            case SetTimer(timer=timer, run=run, seconds=seconds):
                self._cancel(timer, run)
                fired = TimerFired(timer=timer, run=run)
                self._timers[timer, run] = self._loop.call_later(seconds, self._tell, fired)
            case CancelTimer(timer=timer, run=run):
                self._cancel(timer, run)
            case Await(reason=reason):
                log.warning("an edit of %s is waited for: %s", self.plan.path, reason)
            case Answer(request=request, ok=ok, reason=reason):
                self._requests.pop(request).set_result({"ok": ok, "reason": reason})
            case Exit():
                self._over.set_result(command)

    def _cancel(self, timer: Timer, run: int) -> None:
        if handle := self._timers.pop((timer, run), None):
            handle.cancel()

    def _spawn(self, run: int) -> None:
        try:
            process = self._process()
        except OSError as error:
            reason = f"no process could be started: {error.strerror}"
            self._loop.call_soon(self._tell, Ended(run=run, code=1, reason=reason))
            return
        self._live[run] = _Live(process=process)
        self._begin(self._await_end(run))

    def _process(self) -> RunProcess:
        own = {"control": str(self._channels.path), "workers": str(self.plan.workers)}
        environ = {**os.environ, **self.plan.environ}
        environ |= {variable(name): text for name, text in own.items()}
        if not self.plan.rules.keeps_standby or not hasattr(os, "pidfd_open"):
            return SpawnedRun(self.plan.path, environ)
        # It pays where two runs live at a time, which share what it has imported.
        if self._nursery is None or not self._nursery.is_open:
            self._nursery = Nursery(self.plan.path, environ)
        return ForkedRun(self._nursery)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a task of the supervisor failed", exc_info=error)

    def _go(self, order: Go, process: RunProcess) -> None:
        name, live = self._ledger.christen(order.run), self._live[order.run]
        live.cause, live.went = order.cause, self._loop.time()
        if self._eye and not order.source:
            self._eye.seen()
        try:
            source = (
                self._ledger.source(order.source)
                if order.source
                else self._ledger.take(self.plan.path, order.run)
            )
            values = values_for(self.plan, source)
        except (errors.RunnerError, OSError) as error:
            process.verdict = (getattr(error, "exit_code", 1), str(error))
            process.terminate()
            return
        process.order(
            do="go",
            run=name,
            notebook=str(source),
            out=str(self._ledger.record(order.run)),
            values=values,
            facts=self._facts(name, source, order),
            config=dataclasses.asdict(self.plan.config),
            log_output=self.plan.log_output,
        )
        facts = {"run": name, "pid": process.pid, "purpose": order.purpose}
        said = "run %s (process %s) started: %s"
        log.info(said, name, process.pid or "to be", order.cause, extra={"facts": facts})
        if order.purpose is Purpose.FIRST and not self.plan.out.exists():
            process.order(do="publish", path=str(self.plan.out.absolute()))

    def _facts(self, name: str, source: Path, order: Go) -> dict[str, Any]:
        return {
            "run": name,
            "cause": order.cause,
            "notebook": str(self.plan.path),
            "notebook_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        }

    def _note_failure(self, failure: RecordFailure) -> None:
        record = self._ledger.record(failure.run)
        self._failure = {
            "run": self._ledger.name(failure.run),
            "code": failure.code,
            "reason": failure.reason,
            "record": str(record) if record.exists() else None,
            "at": iso(time.time()),
        }
        said = "run %s failed: %s"
        facts = {"facts": self._failure}
        log.error(said, self._failure["run"], failure.reason, extra=facts)

    # What is asked.

    def _longest_outcome(self) -> float:
        return self.plan.rules.ready_timeout + 2 * self.plan.rules.drain_timeout

    async def _reply(self, question: str) -> dict[str, Any]:
        if question == "status":
            return {"ok": True, **self.status()}
        if question not in _QUESTIONS:
            return {"ok": False, "reason": f"unknown question {question!r}"}
        number = next(self._request_numbers)
        outcome = self._requests[number] = self._loop.create_future()
        self._ask(_QUESTIONS[question](request=number, cause=f"runner {question}"))
        answer: dict[str, Any] = await outcome
        return answer

    def status(self) -> dict[str, Any]:
        """Describe what exists now."""
        life = self._life
        return {
            "notebook": str(self.plan.path),
            "phase": life.phase,
            "pid": os.getpid(),
            "uptime": round(time.time() - self._started, 3),
            "address": self.address,
            "serving": self._described(life.serving()),
            "restarts": life.restarts.total,
            "candidate": self._described(life.candidate()),
            "standby": self._described(life.standby()),
            "failure": self._failure,
            "good": [self._ledger.name(version.source) for version in life.good],
        }

    def _described(self, run: Run | None) -> dict[str, Any] | None:
        if run is None or run.number not in self._live:
            return None
        live = self._live[run.number]
        return {
            "run": self._ledger.name(run.number),
            "state": run.state,
            "cause": live.cause,
            "pid": live.process.pid,
            "since": iso(live.served) if live.served else None,
            "workers": live.workers,
            "notices": live.notices,
            "record": str(self._ledger.record(run.number)),
        }
