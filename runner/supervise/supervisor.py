"""Keep a notebook served: carry out what the lifecycle orders, and tell it what happens.

The rules of this file:

1. Nothing is decided here. Whatever happens becomes an event; ``_do`` carries out the
   commands that come back, in their order, and none of them waits.
2. The listening sockets are opened once and closed last. No user code runs here.
3. Signals only become events. Every child is awaited and ended by its own number.
4. Nothing is lost in silence. An order that fails is the end of its run, which is an event; a task
   that fails has somebody who decides what then; what cannot be recorded is said and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from runner import errors, files, net
from runner.access.gate import gate_of
from runner.access.keys import Keys
from runner.access.settings import OPEN_TO_ALL
from runner.config import AddressSet, Limits, ProxyTrust, RequestLogSettings
from runner.notebook import document as notebook
from runner.record import folders, history
from runner.record.out import OutStream, out_at
from runner.record.private_files import make_private_folder
from runner.record.request_files import RequestFiles
from runner.rehearsal import report_text
from runner.run.stop_request import STOP_SIGNALS, has_terminal, hear, stop_signals
from runner.supervise import places, running
from runner.supervise.control import ControlServer, PendingRequests
from runner.supervise.description import Description
from runner.supervise.events import (
    CancelTimer,
    Changed,
    Command,
    Ended,
    Event,
    Exit,
    Failed,
    GiveUpVersion,
    Hello,
    Hung,
    LinkClosed,
    NotebookRead,
    Outcome,
    Publish,
    Ready,
    RecordFailure,
    ReloadRequested,
    Requested,
    Retire,
    RollbackRequested,
    RunCommand,
    RunEvent,
    Serving,
    SetTimer,
    Spawn,
    Started,
    StopRequested,
    Timer,
    TimerFired,
    WaitForEdit,
)
from runner.supervise.kernel_link import KernelLinks
from runner.supervise.kernel_watch import KernelWatch, log_stacks
from runner.supervise.last_failure import LastFailure
from runner.supervise.lifecycle import Lifecycle, Phase
from runner.supervise.order_watch import OrderWatch
from runner.supervise.places import Places
from runner.supervise.plan import Plan, how_far, models_of, values_for
from runner.supervise.presence import Presence
from runner.supervise.relay import Relay
from runner.supervise.running import LOCK
from runner.supervise.runs import Runs
from runner.supervise.states import RunState
from runner.supervise.traffic_watch import TrafficWatch
from runner.supervise.versions import Versions
from runner.supervise.watch import Watcher, watch
from runner.telemetry import span_export
from runner.tls.certificate import TlsFiles
from runner.tls.server_tls import LOOK_EVERY, ServerTls
from runner.traffic.traffic import EVERY

log = logging.getLogger(__name__)

_CAUSES = {
    ReloadRequested: "a reload was asked for",
    RollbackRequested: "a rollback was asked for",
    StopRequested: "a stop was asked for",
}
_LOOK_AT_KEYS = 1.0
_TELL_EVERY = 5.0  # seconds
_SHOWN_WITHIN = 5.0
_LOOK_AT_RECORD = 0.1
_ONLY_RECORDS = (GiveUpVersion, Publish, RecordFailure, Retire)
_OUTCOMES = {error.exit_code: error for error in errors.EXIT_CODES}


def supervise(plan: Plan) -> None:
    """Serve until a stop is asked for.

    Raises:
        ConfigurationError: The address, the notebook or a parameter is wrong.
        RunnerError: What it served ended, and no restart mends it; of the kind of its exit code.
    """
    tls = _tls(plan)
    values_for(plan, plan.path)
    with places.found(plan) as found:
        _supervise(found, tls)


def _supervise(found: Places, tls: ServerTls | None) -> None:
    plan, folder = found.plan, found.folder
    out = out_at(plan.out)
    if isinstance(out, OutStream) and plan.out != Path(os.devnull):
        raise errors.ConfigurationError(
            f"{plan.out}: the record of a service is written again and again",
            hint="name a file, or /dev/null",
        )
    listeners = _listeners(plan)
    with contextlib.ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(contextlib.closing(listener))
        if listeners:
            plan = dataclasses.replace(plan, port=net.port_of(listeners[0]) or plan.port)
        make_private_folder(folder)
        for lock, claim in (
            (folder / LOCK, files.claim(folder / LOCK)),
            (plan.out.with_name(LOCK), out.claimed()),
        ):
            if not stack.enter_context(claim):
                raise running.occupied(plan.path, folder, lock)
        if not plan.is_trial:
            folders.take(folder, plan.path)
        span_export.begin(notebook=plan.path)
        stack.callback(span_export.flush)
        ended = asyncio.run(Supervisor(plan, folder, listeners, tls).run())
    if ended.code:
        kind = _OUTCOMES.get(ended.code, errors.RunnerError)
        hint = f"the records are in {folder}" if found.is_kept else ""
        raise kind(f"{plan.path}: {ended.reason}", hint=hint)
    log.info("%s stopped%s", plan.path, f"; see {plan.out}" if plan.out.exists() else "")


def _tls(plan: Plan) -> ServerTls | None:
    """Read the certificate, and say what is odd about its files."""
    if plan.tls is None:
        return None
    if warning := plan.tls.warning():
        log.warning(warning)
    tls = ServerTls.read(plan.tls)
    log.info(
        "clients speak TLS by %s, valid until %s", plan.tls.cert, tls.until or "an unknown day"
    )
    return tls


def _listeners(plan: Plan) -> list[socket.socket]:
    """Open the sockets of all runs; none for a kernel that cannot take them."""
    document = notebook.read(plan.path)
    if document.is_python:
        return net.listeners(plan.host, plan.port, plan.workers)
    if plan.tls is not None:
        raise errors.ConfigurationError(
            f"{plan.path}: its cells are {document.language}, whose server has to speak TLS itself",
            hint="leave out --tls-cert",
        )
    net.check_free(plan.host, plan.port)
    log.warning("%s: %s", plan.path, how_far(plan, document.language))
    return []


def _example_of(message: dict[str, Any]) -> dict[str, str]:
    """Take from a kernel's message how to ask what it serves."""
    return {name: str(message.get(name, "")) for name in ("method", "path", "content_type", "body")}


def _leave_it() -> None:
    """Do without what a task was to find out."""


class Supervisor:
    """Hold what exists, and let each event and each order come to where it belongs."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        listeners: list[socket.socket],
        tls: ServerTls | None = None,
    ) -> None:
        self.plan, self._tls = plan, tls
        self.address = net.describe(listeners[0]) if listeners else f"{plan.host}:{plan.port}"
        self._listeners = listeners
        settings = RequestLogSettings.from_environment(plan.environ)
        self._request_files = RequestFiles(folder, settings)
        self._versions = Versions(folder, plan.out)
        self._life = Lifecycle(plan.rules, self._versions.open())
        self._timers: dict[tuple[Timer, int], asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure = LastFailure(plan.path, self._life, self._versions)
        self._links = KernelLinks(self._hear)
        limits = Limits.from_environment(plan.environ)
        self._gate = gate_of(plan.access, limits, is_local=net.is_local(listeners))
        proxies = AddressSet(ProxyTrust.from_environment({**os.environ, **plan.environ}).names)
        self._relay = Relay(listeners, limits, proxies, self._gate, tls)
        self._runs = Runs(
            plan, self._versions, self._links, listeners, self._note_as_read, self._relay.word
        )
        self._traffic = TrafficWatch(
            lambda: self._links.path.parent, self._pids, self._workers_that_serve
        )
        self._description = Description(
            plan,
            self._life,
            self._versions,
            self._runs,
            traffic=self._traffic,
            failure=self._failure,
            address=self.address,
            url=lambda: self.url,
            restarts_in=self._restarts_in,
        )
        self._requests = PendingRequests(
            self._request,
            {
                "status": self._description.status,
                "history": self._traffic.history,
                "versions": self._description.versions,
            },
            self._description.what_serves,
            self._description.source_of,
        )
        self._control = ControlServer(folder, self._longest_outcome(), self._requests.reply)
        self._presence = Presence(folder, plan.path, self._control)
        self._watcher: Watcher | None = None
        self._is_change_due = self._has_greeted = False

    async def run(self) -> Exit:
        """Live from the first start to the end of the last process."""
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Exit] = self._loop.create_future()
        timeout = Limits.from_environment(self.plan.environ).hang_timeout
        self._watch = KernelWatch(timeout, self._ask_kernel, self._hear_of_kernel)
        ready_timeout = self.plan.rules.ready_timeout
        self._order_watch = OrderWatch(self._is_standby, self._replace_hung, ready_timeout)
        await self._links.open()
        if not self.plan.is_trial:
            await self._control.open()
            self._begin(self._presence.keep(), _leave_it)
        try:
            self._listen_to_signals()
            if self.plan.rules.waits_for_edits:
                self._watcher = Watcher(
                    self.plan.path, lambda: models_of(self.plan), self._note_read
                )
                self._watch_files()
            self._bound_request_log()
            self._watch_traffic()
            if self._listeners:
                log.info("supervisor %d bound %s", os.getpid(), self.url)
                self._tell_of_health()
            self._tell_of_access()
            self._begin(self._renew_certificates(), _leave_it)
            self._tell(Started(cause="first start"))
            return await self._over
        finally:
            await self._close()

    @property
    def url(self) -> str:
        """Give the address with how to speak there."""
        return f"{'https' if self._relay.speaks_tls else 'http'}://{self.address}"

    async def _renew_certificates(self) -> None:
        while True:
            if self._relay.tls is not None:
                self._relay.tls.look()
            await asyncio.sleep(LOOK_EVERY)

    def _tell_of_health(self) -> None:
        """Say which paths never reach the notebook's app."""
        limits = Limits.from_environment(self.plan.environ)
        for kind, path in (("health", limits.health_path), ("readiness", limits.ready_path)):
            if path:
                log.info("%s is answered at %s, before the app", kind, path)
            else:
                log.info("%s is not answered: its path is the app's", kind)

    def _tell_of_access(self) -> None:
        """Say whether anybody may ask, and look from now on whether keys change."""
        bound = self._listeners[0].getsockname() if self._listeners else (self.plan.host, 0)
        keys = self._gate.keys
        if keys is not None:
            log.info("a request needs one of %d API keys; health needs none", len(keys))
            self._begin(self._refresh_keys(keys), self._tell_of_access)
        elif isinstance(bound, tuple) and net.is_for_others(str(bound[0])):
            log.warning("%s", OPEN_TO_ALL.format(address=self.address))

    async def _refresh_keys(self, keys: Keys) -> None:
        while True:
            await asyncio.sleep(_LOOK_AT_KEYS)
            keys.refresh()

    async def _close(self) -> None:
        async with contextlib.AsyncExitStack() as steps:  # each is taken, whatever one before did
            steps.callback(self._runs.close)
            steps.push_async_callback(self._end_tasks)
            steps.callback(self._links.close)
            steps.callback(self._watch.close)
            steps.callback(self._order_watch.close)
            steps.push_async_callback(self._relay.close)
            steps.push_async_callback(self._control.close)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What happens.

    def _tell(self, event: Event) -> None:
        commands = self._life.handle(event, self._loop.time())
        if self._life.is_ending:
            self._let_nobody_in()
        for command in commands:
            try:
                self._do(command)
            except Exception as error:  # noqa: BLE001 - rule 4
                self._not_done(command, error)
        try:
            self._direct_clients()
            self._description.tell_record()
        except Exception:
            log.exception("clients could not be directed to what serves")

    def _not_done(self, command: Command, error: Exception) -> None:
        """Decide what becomes of a run for which something could not be done."""
        log.error("%s failed", type(command).__name__, exc_info=error)
        if not isinstance(command, RunCommand) or isinstance(command, _ONLY_RECORDS):
            return
        reason = f"{type(command).__name__} failed: {error}"
        if not self._runs.fail(command.run, reason):
            ended = Ended(run=command.run, code=1, reason=reason)
            self._loop.call_soon(self._tell, ended)

    def _direct_clients(self) -> None:
        """Let clients come to what serves; while nothing does, let them wait."""
        self._relay.readiness = self._life.readiness
        serving = self._life.serving()
        if serving is None:
            # Workers of one that has hung may accept all the same; and who speaks TLS waits in the
            # listener's queue if we cannot.
            if not (self._life.has_hung() or (self._relay.speaks_tls and self._relay.tls is None)):
                self._relay.hold()
        elif serving.number in self._runs.live:
            live = self._runs.live[serving.number]
            self._relay.tls = self._tls or live.tls
            self._relay.speaks_tls = bool(self._relay.tls) or live.speaks_tls
            if live.port:
                self._relay.pass_to(live.host, live.port)
            else:
                self._relay.leave_to_workers()

    def _listen_to_signals(self) -> None:
        on_terminal = has_terminal()
        asking = stop_signals() if on_terminal else STOP_SIGNALS
        hear(self._loop, asking, lambda name: self._request(StopRequested(cause=name)))
        if not on_terminal:
            reload = ReloadRequested(cause="SIGHUP")
            self._loop.add_signal_handler(signal.SIGHUP, self._request, reload)

    def _request(self, requested: Requested) -> None:
        log.info("%s by %s", _CAUSES[type(requested)], requested.cause)
        was_leaving = self._life.is_leaving
        if isinstance(requested, StopRequested):
            self._runs.stop_cause = requested.cause
        self._tell(requested)
        if was_leaving and not isinstance(requested, StopRequested):
            log.warning("it is not begun: the service is stopping")
        elif self._life.phase is Phase.LAME_DUCK and not was_leaving:
            seconds = self.plan.rules.lame_duck
            log.info("it answers for %g s more, and says that it is not ready", seconds)

    def _let_nobody_in(self) -> None:
        self._relay.end()
        net.give_up(self._listeners)

    def _watch_files(self) -> None:
        if self._watcher:
            watching = watch(self._watcher, self._versions.place, self._note_change)
            self._begin(watching, lambda: self._loop.call_later(1.0, self._watch_files))

    def _bound_request_log(self) -> None:
        again = self._bound_request_log
        self._begin(self._look_at_requests(), lambda: self._loop.call_later(60.0, again))

    async def _look_at_requests(self) -> None:
        while True:
            await asyncio.to_thread(self._request_files.look, self._versions.names)
            await asyncio.sleep(self._request_files.every)

    def _watch_traffic(self) -> None:
        again = self._watch_traffic
        self._begin(self._traffic.look_on(), lambda: self._loop.call_later(EVERY, again))

    def _pids(self) -> list[int]:
        """List the processes that make up the service, as far as they have been told of."""
        found = {os.getpid()}
        for live in self._runs.live.values():
            found |= {live.process.pid, live.process.kernel_pid or 0, *live.workers}
        return sorted(found - {0})

    def _workers_that_serve(self) -> list[int]:
        serving = self._life.serving()
        live = serving and self._runs.live.get(serving.number)
        return [*live.workers] if live else []

    def _note_change(self, cause: str) -> None:
        """Take up a change, where replicas share it each after another while."""
        most = self.plan.reload_jitter if self._life.serving() else 0.0
        if not most:
            self._tell(Changed(cause=cause))
        elif not self._is_change_due:
            self._is_change_due = True
            delay = random.uniform(0, most)  # noqa: S311 - no secret
            log.info("%s: it is taken up in %.1f s", cause, delay)
            self._loop.call_later(delay, self._take_up, cause)

    def _note_read(self, fault: str) -> None:
        self._tell(NotebookRead(fault=fault))

    def _take_up(self, cause: str) -> None:
        self._is_change_due = False
        self._tell(Changed(cause=cause))

    def _hear(self, name: str, message: dict[str, Any] | None) -> bool:
        """Take a message of a kernel; tell whether a hello is welcome."""
        run = self._versions.number(name)
        if run not in self._runs.live:
            return False
        match message and message.get("event"):
            case None:
                self._watch.end(run)
                self._take_rehearsal(run)
                self._tell(LinkClosed(run=run))
            case "turns":
                self._watch.answered(run)
            case "hello":
                return self._take_hello(run, message or {})
            case "listens":
                self._note_place(run, message or {})
            case "ready":
                self._take_rehearsal(run, is_ready=True)
                self._traffic.begin(run, self._versions.name(run))
                self._tell(Ready(run=run))
            case "failed":
                self._take_rehearsal(run)
                reason = str((message or {}).get("reason", "")) + self._runs.died_at(run)
                self._tell(Failed(run=run, reason=reason))
            case "example":
                self._runs.live[run].example = _example_of(message or {})
            case "serving":
                self._run_serves(run, message or {})
            case "worker":
                self._worker_replaced(run, message or {})
            case "notice":
                self._take_notices(run, [(message or {}).get("notice", "")])
        return True

    def _is_in(self, run: int, state: RunState) -> bool:
        return run in self._life.runs and self._life.runs[run].state is state

    def _take_hello(self, run: int, hello: dict[str, Any]) -> bool:
        if not self._is_in(run, RunState.STARTING):
            return False
        live, name = self._runs.live[run], self._versions.name(run)
        live.process.kernel_pid = int(hello["pid"])
        self._note_place(run, hello)
        self._take_notices(run, hello.get("notices", ()))
        live.speaks_tls = hello.get("tls") is not None
        live.offers = hello.get("offers") or {}
        live.tls = None if self._tls else self._tls_of(name, hello.get("tls") or {})
        if requested := hello.get("requested"):
            is_tls = self._tls or live.speaks_tls
            url = f"{'https' if is_tls else 'http'}://{self.address}"
            said = "run %s: the notebook asked for %s; it is served on %s instead"
            log.info(said, name, requested, url)
        self._tell(Hello(run=run))
        if self.plan.rehearsal is not None:
            self._loop.call_later(_TELL_EVERY, self._tell_of_rehearsal, run)
        return True

    def _note_place(self, run: int, message: dict[str, Any]) -> None:
        """Note where a server listens that does not take our sockets."""
        live = self._runs.live[run]
        live.host, live.port = str(message.get("host", "")), int(message.get("port", 0))

    def _take_rehearsal(self, run: int, *, is_ready: bool = False) -> None:
        """Take the report of a run that is about to serve, or has failed before."""
        if self._is_in(run, RunState.BOUND) and self._runs.take_rehearsal(run) and is_ready:
            said = "it could not be rehearsed: what serves listens by itself, or was not reached"
            self._take_notices(run, [said])

    def _tell_of_rehearsal(self, run: int) -> None:
        """Say from time to time how far a long one is."""
        if not self._is_in(run, RunState.BOUND):
            return
        if said := self._runs.rehearsal(run):
            log.info("run %s is rehearsed: %s", self._versions.name(run), report_text.summary(said))
        self._loop.call_later(_TELL_EVERY, self._tell_of_rehearsal, run)

    def _tls_of(self, name: str, files: dict[str, Any]) -> ServerTls | None:
        """Read the files that a notebook's own server call names, as its kernel has."""
        if not files:
            return None
        try:
            named = TlsFiles(**files)
            if warning := named.warning():
                log.warning("run %s: %s", name, warning)
            return ServerTls.read(named)
        except errors.ConfigurationError as error:
            log.warning("run %s: %s", name, error)
            return None

    def _take_notices(self, run: int, notices: Iterable[Any]) -> None:
        """Say what is odd about a run and yet lets it serve."""
        for notice in map(str, notices):
            self._runs.live[run].notices.append(notice)
            log.warning("run %s: %s", self._versions.name(run), notice)
        self._description.tell_record()

    def _run_serves(self, run: int, message: dict[str, Any]) -> None:
        if not self._is_in(run, RunState.READY):
            return
        live, name = self._runs.live[run], self._versions.name(run)
        live.workers, live.served_at = [int(pid) for pid in message["workers"]], time.time()
        live.end_span()
        live.earlier = self._traffic.minutes()
        source = self._life.runs[run].source
        self._failure.end_repetition()
        self._tell(Serving(run=run, digest=self._versions.hashes(source)[1]))
        self._watch.begin(run)
        self._versions.approve(run, source, live.cause, self._life.good)
        took = self._loop.time() - live.started_at
        facts = {"run": name, "seconds": round(took, 3), "workers": live.workers}
        said = "run %s served after %.2f s on %s"
        log.info(said, name, took, self.url, extra={"facts": facts})
        if self.plan.greet and not self._has_greeted:
            self._has_greeted = True
            offers = {**live.offers, "example": live.example}
            self._begin(asyncio.to_thread(self.plan.greet, self.url, offers), _leave_it)
        if self.plan.is_trial:
            self._request(StopRequested(cause="a trial, which has served"))

    def _ask_kernel(self, run: int) -> None:
        self._links.send(self._versions.name(run), do="ping")

    def _hear_of_kernel(self, event: RunEvent) -> None:
        pid = self._runs.live[event.run].process.kernel_pid
        if isinstance(event, Hung) and pid:
            name, folder = self._versions.name(event.run), self._links.path.parent
            self._begin(log_stacks(name, pid, folder), _leave_it)
        self._tell(event)

    def _is_standby(self, run: int) -> bool:
        return self._is_in(run, RunState.STANDBY)

    def _replace_hung(self, hung: Hung) -> None:
        name = self._versions.name(hung.run) or "in standby"
        log.warning("run %s is replaced: %s", name, hung.reason)
        self._tell(hung)

    def _worker_replaced(self, run: int, message: dict[str, Any]) -> None:
        slot, pid = int(message["slot"]), int(message["pid"])
        workers = self._runs.live[run].workers
        if 0 <= slot < len(workers):
            workers[slot] = pid
            self._description.tell_record()
        reason, where = message.get("reason", ""), message.get("stacks", "")
        facts = {"worker": pid, "slot": slot, "reason": reason, "stacks": where}
        said = "worker %d took over slot %d: %s" + ("; it was at:\n%s" if where else "%s")
        log.warning(said, pid, slot, reason, where, extra={"facts": facts})

    async def _await_end(self, run: int) -> None:
        ended = await self._runs.ended(run)
        self._note_end(ended)
        self._runs.rehearsals.pop(run, None)
        self._versions.forget(run, self._life.good)

    def _note_end(self, ended: Ended) -> None:
        self._watch.end(ended.run)  # its kernel may not have hung up yet
        self._traffic.end(ended.run)
        self._order_watch.end(ended.run)
        self._tell(ended)

    def _end_unseen(self, run: int) -> None:
        """Take a run for ended whose end cannot be seen."""
        self._runs.fail(run, "")
        self._runs.live.pop(run, None)
        self._note_end(Ended(run=run, code=1, reason="how it ended is unknown"))

    # What is ordered.

    def _do(self, command: Command) -> None:
        if isinstance(command, Spawn):
            self._spawn(command.run)
        elif isinstance(command, RecordFailure):
            self._failure.note(command, self._runs.rehearsals.get(command.run))
        elif isinstance(command, GiveUpVersion):
            self._failure.give_up(command)
        elif isinstance(command, RunCommand):
            self._runs.do(command)
        else:
            self._do_to_ourselves(command)

    def _do_to_ourselves(self, command: Command) -> None:
        match command:
            case SetTimer(timer=timer, run=run, seconds=seconds):
                self._cancel(timer, run)
                fired = TimerFired(timer=timer, run=run)
                self._timers[timer, run] = self._loop.call_later(seconds, self._tell, fired)
                if timer is Timer.RESTART:
                    log.warning("the service is started again in %g s", seconds)
            case CancelTimer(timer=timer, run=run):
                self._cancel(timer, run)
            case WaitForEdit():
                pass  # it is told with the failure
            case Outcome():
                self._begin(self._answer_when_shown(command), _leave_it)
            case Exit():
                self._over.set_result(command)

    async def _answer_when_shown(self, outcome: Outcome) -> None:
        """Let who asked know, once the record shows the run that serves: it is looked at next."""
        try:
            async with asyncio.timeout(_SHOWN_WITHIN):
                while outcome.ok and not await self._is_shown():  # noqa: ASYNC110 - a run writes it
                    await asyncio.sleep(_LOOK_AT_RECORD)
        except TimeoutError:
            pass  # that it cannot be written was said
        finally:
            self._requests.answer(outcome)

    async def _is_shown(self) -> bool:
        """Tell whether the record is that of the run that serves; so it is if nobody can tell."""
        run = self._life.serving()
        if run is None or self._life.is_ending or not self.plan.out.is_file():
            return True
        facts = await asyncio.to_thread(history.facts_of, self.plan.out)
        return bool(facts.get("run") == self._versions.name(run.number))

    def _cancel(self, timer: Timer, run: int) -> None:
        if handle := self._timers.pop((timer, run), None):
            handle.cancel()

    def _spawn(self, run: int) -> None:
        try:
            self._runs.spawn(run)
        except OSError as error:
            reason = f"no process could be started: {error.strerror}"
            self._loop.call_soon(self._tell, Ended(run=run, code=1, reason=reason))
        else:
            self._begin(self._await_end(run), lambda: self._end_unseen(run))
            self._order_watch.begin(run, self._runs.live[run].process)

    def _begin(self, work: Coroutine[Any, Any, None], if_it_fails: Callable[[], object]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._finished(task, if_it_fails))

    def _finished(self, task: asyncio.Task[None], if_it_fails: Callable[[], object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a task of the supervisor failed", exc_info=error)
            if_it_fails()

    def _note_as_read(self) -> None:
        """Take the notebook as it is for known: a run is about to read it."""
        if self._watcher:
            self._watcher.seen()

    # What is asked.

    def _restarts_in(self) -> float | None:
        """Say in how many seconds the service is started again; None if it is not waited for."""
        timer = self._timers.get((Timer.RESTART, 0))
        if timer is None or timer.cancelled() or timer.when() <= self._loop.time():
            return None
        return round(timer.when() - self._loop.time(), 1)

    def _longest_outcome(self) -> float:
        rules = self.plan.rules
        return rules.ready_timeout + 2 * rules.drain_timeout + rules.lame_duck
