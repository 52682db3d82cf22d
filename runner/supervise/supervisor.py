"""Keep a notebook served: carry out what the lifecycle orders, and tell it what happens.

The rules of this file:

1. Nothing is decided here. Whatever happens becomes an event; ``_do`` carries out the
   commands that come back, in their order, and none of them waits.
2. The listening sockets are not opened here, and not closed. No user code runs here.
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
from pathlib import Path
from typing import Any

from runner import net
from runner.access.gate import gate_of
from runner.access.settings import OPEN_TO_ALL
from runner.config import AddressSet, Limits, ProxyTrust, RequestLogSettings
from runner.record import history
from runner.record.request_files import RequestFiles
from runner.run.stop_request import STOP_SIGNALS, has_terminal, hear, stop_signals
from runner.supervise.background_tasks import BackgroundTasks
from runner.supervise.control import ControlServer, PendingRequests
from runner.supervise.description import Description
from runner.supervise.events import (
    CancelTimer,
    Changed,
    Command,
    Ended,
    Event,
    Exit,
    GiveUpVersion,
    Hung,
    NotebookRead,
    Outcome,
    Publish,
    RecordFailure,
    ReloadRequested,
    Requested,
    Retire,
    RollbackRequested,
    RunCommand,
    RunEvent,
    SetTimer,
    Spawn,
    Started,
    StopRequested,
    Timer,
    TimerFired,
    WaitForEdit,
)
from runner.supervise.kernel_link import KernelLinks
from runner.supervise.kernel_messages import KernelMessages
from runner.supervise.kernel_watch import KernelWatch, log_stacks
from runner.supervise.last_failure import LastFailure
from runner.supervise.lifecycle import Lifecycle, Phase
from runner.supervise.order_watch import OrderWatch
from runner.supervise.plan import Plan, models_of
from runner.supervise.presence import Presence
from runner.supervise.relay import Relay
from runner.supervise.runs import Runs
from runner.supervise.states import RunState
from runner.supervise.timers import Timers
from runner.supervise.traffic_watch import TrafficWatch
from runner.supervise.versions import Versions
from runner.supervise.watch import Watcher, watch
from runner.tls.server_tls import LOOK_EVERY, ServerTls
from runner.traffic.traffic import EVERY

log = logging.getLogger(__name__)

_CAUSES = {
    ReloadRequested: "a reload was asked for",
    RollbackRequested: "a rollback was asked for",
    StopRequested: "a stop was asked for",
}
_LOOK_AT_KEYS = 1.0
_SHOWN_WITHIN = 5.0
_LOOK_AT_RECORD = 0.1
_ONLY_RECORDS = (GiveUpVersion, Publish, RecordFailure, Retire)


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
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Exit] = self._loop.create_future()
        self._timers = Timers(self._fire)
        self._tasks = BackgroundTasks()
        self._failure = LastFailure(plan.path, self._life, self._versions)
        self._links = KernelLinks(self._hear)
        self._limits = limits = Limits.from_environment(plan.environ)
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
        self._watch = KernelWatch(limits.hang_timeout, self._ask_kernel, self._hear_of_kernel)
        self._messages = KernelMessages(
            plan,
            self._life,
            self._versions,
            self._runs,
            traffic=self._traffic,
            failure=self._failure,
            watch=self._watch,
            description=self._description,
            has_tls=tls is not None,
            address=self.address,
            tell=self._tell,
            has_begun=self._greet,
        )
        self._order_watch = OrderWatch(
            self._is_standby, self._replace_hung, plan.rules.ready_timeout
        )
        self._watcher: Watcher | None = None
        self._is_change_due = self._has_greeted = False

    async def run(self) -> Exit:
        """Live from the first start to the end of the last process."""
        await self._links.open()
        if not self.plan.is_trial:
            await self._control.open()
            self._tasks.begin(self._presence.keep())
        try:
            self._listen_to_signals()
            if self.plan.rules.waits_for_edits:
                self._watcher = Watcher(
                    self.plan.path, lambda: models_of(self.plan), self._note_read
                )
                watching = (self._watcher, self._versions.place, self._note_change)
                self._tasks.keep(lambda: watch(*watching), again_in=1.0)
            self._tasks.repeat(self._look_at_requests, self._request_files.every)
            self._tasks.keep(self._traffic.look_on, again_in=EVERY)
            if self._listeners:
                log.info("supervisor %d bound %s", os.getpid(), self.url)
                self._tell_of_health()
            self._tell_of_access()
            self._tasks.repeat(self._renew_certificate, LOOK_EVERY)
            self._tell(Started(cause="first start"))
            return await self._over
        finally:
            await self._close()

    @property
    def url(self) -> str:
        """Give the address with how to speak there."""
        return f"{'https' if self._relay.speaks_tls else 'http'}://{self.address}"

    def _renew_certificate(self) -> None:
        if self._relay.tls is not None:
            self._relay.tls.look()

    def _tell_of_health(self) -> None:
        """Say which paths never reach the notebook's app."""
        limits = self._limits
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
            self._tasks.repeat(keys.refresh, _LOOK_AT_KEYS)
        elif isinstance(bound, tuple) and net.is_for_others(str(bound[0])):
            log.warning("%s", OPEN_TO_ALL.format(address=self.address))

    async def _close(self) -> None:
        async with contextlib.AsyncExitStack() as steps:  # each is taken, whatever one before did
            steps.callback(self._runs.close)
            steps.push_async_callback(self._tasks.end)
            steps.callback(self._links.close)
            steps.callback(self._watch.close)
            steps.callback(self._order_watch.close)
            steps.push_async_callback(self._relay.close)
            steps.push_async_callback(self._control.close)

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

    def _fire(self, fired: TimerFired) -> None:
        """Tell of a timer; of a run that is late with its request in rehearsal."""
        if fired.timer is Timer.READY:
            fired = dataclasses.replace(fired, at=self._messages.rehearsed_at(fired.run))
        self._tell(fired)

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

    async def _look_at_requests(self) -> None:
        await asyncio.to_thread(self._request_files.look, self._versions.names)

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
        return self._messages.take(name, message)

    def _greet(self, run: int) -> None:
        """Say to a person what now serves, once; a trial ends here."""
        live = self._runs.live[run]
        if self.plan.greet and not self._has_greeted:
            self._has_greeted = True
            offers = {**live.offers, "example": live.example}
            self._tasks.begin(asyncio.to_thread(self.plan.greet, self.url, offers))
        if self.plan.is_trial:
            self._request(StopRequested(cause="a trial, which has served"))

    def _ask_kernel(self, run: int) -> None:
        self._links.send(self._versions.name(run), do="ping")

    def _hear_of_kernel(self, event: RunEvent) -> None:
        pid = self._runs.live[event.run].process.kernel_pid
        if isinstance(event, Hung) and pid:
            name, folder = self._versions.name(event.run), self._links.path.parent
            self._tasks.begin(log_stacks(name, pid, folder))
        self._tell(event)

    def _is_standby(self, run: int) -> bool:
        return run in self._life.runs and self._life.runs[run].state is RunState.STANDBY

    def _replace_hung(self, hung: Hung) -> None:
        name = self._versions.name(hung.run) or "in standby"
        log.warning("run %s is replaced: %s", name, hung.reason)
        self._tell(hung)

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
                self._timers.set(timer, run, seconds)
                if timer is Timer.RESTART:
                    log.warning("the service is started again in %g s", seconds)
            case CancelTimer(timer=timer, run=run):
                self._timers.cancel(timer, run)
            case WaitForEdit():
                pass  # it is told with the failure
            case Outcome():
                self._tasks.begin(self._answer_when_shown(command))
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

    def _spawn(self, run: int) -> None:
        try:
            self._runs.spawn(run)
        except OSError as error:
            reason = f"no process could be started: {error.strerror}"
            self._loop.call_soon(self._tell, Ended(run=run, code=1, reason=reason))
        else:
            self._tasks.begin(self._await_end(run), lambda: self._end_unseen(run))
            self._order_watch.begin(run, self._runs.live[run].process)

    def _note_as_read(self) -> None:
        """Take the notebook as it is for known: a run is about to read it."""
        if self._watcher:
            self._watcher.seen()

    # What is asked.

    def _restarts_in(self) -> float | None:
        """Say in how many seconds the service is started again; None if it is not waited for."""
        seconds = self._timers.left(Timer.RESTART, 0)
        return None if seconds is None else round(seconds, 1)

    def _longest_outcome(self) -> float:
        rules = self.plan.rules
        return rules.ready_timeout + 2 * rules.drain_timeout + rules.lame_duck
