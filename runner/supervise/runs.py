"""Carry out what is ordered of runs: start their processes, give them orders, see their end."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runner.access.settings import KEY
from runner.config import variable
from runner.errors import ConfigurationError, RunnerError
from runner.notebook import parameter_values
from runner.record.requests import folder_of
from runner.rehearsal import report_text
from runner.rehearsal.cases import FILE_NAME
from runner.rehearsal.handover import Handover
from runner.run import private_folder
from runner.spawn.fork_server_client import Starter
from runner.spawn.processes import RunProcess
from runner.storage import urls
from runner.supervise.events import (
    Accept,
    Bind,
    Ended,
    Go,
    Kill,
    KillKernel,
    Publish,
    Purpose,
    Retire,
    RunCommand,
    ShowReadiness,
    Terminate,
)
from runner.supervise.kernel_link import KernelLinks
from runner.supervise.plan import Plan, shares_sockets, values_for
from runner.supervise.states import Run
from runner.supervise.status import iso
from runner.supervise.versions import Versions
from runner.telemetry import spans
from runner.telemetry.spans import Span
from runner.tls.server_tls import ServerTls
from runner.traffic import shared_counts

log = logging.getLogger(__name__)

_MOST_LOGGED = 10  # rows of a report


@dataclasses.dataclass(kw_only=True)
class RunFacts:
    """Hold what a run has besides its state.

    Attributes:
        cause: Why it was launched, in words.
        started_at: When it was told to go, by the loop's clock.
        served_at: When it came to serve, by the wall clock.
        workers: Their processes.
        notices: What is odd about it and yet lets it serve.
        host: Where it listens by itself.
        port: Likewise; 0 if it accepts from the supervisor's listeners.
        speaks_tls: Its workers do.
        tls: By what, if files are known.
        offers: What there is to look at: the paths of a page and of documentation.
        span: Of its start, if spans are made, until it serves.
        example: A request by which to ask it; None if none is known.
        earlier: What was asked of versions before, by the minute: when, how many, how many failed.
        told: What it was told last of the service.
    """

    process: RunProcess
    cause: str = ""
    started_at: float = 0.0
    served_at: float = 0.0
    workers: list[int] = dataclasses.field(default_factory=list)
    notices: list[str] = dataclasses.field(default_factory=list)
    host: str = ""
    port: int = 0
    speaks_tls: bool = False
    tls: ServerTls | None = None
    offers: dict[str, Any] = dataclasses.field(default_factory=dict)
    span: Span | None = None
    example: dict[str, Any] | None = None
    earlier: list[tuple[float, int, int]] = dataclasses.field(default_factory=list)
    told: dict[str, Any] = dataclasses.field(default_factory=dict)

    def end_span(self, failed: str = "", said: str = "") -> None:
        """End the span of its start, if there is one that has not ended."""
        if self.span is not None:
            self.span.end(failed=failed, said=said)


def log_rehearsal(name: str, said: dict[str, Any]) -> None:
    """Log a report: a line for all, and one for each of the first fields that differ.

    If it lets the run not serve, the run fails by that, and so it is told.
    """
    facts = {"facts": {"run": name, "rehearsal": said}}
    how = "was rehearsed" if report_text.is_whole(said) else "ended in its rehearsal"
    log.info("run %s %s: %s", name, how, report_text.summary(said), extra=facts)
    for line in report_text.sentences(said, _MOST_LOGGED):
        log.info("run %s %s", name, line)


class Runs:
    """Hold the runs that have a process.

    Args:
        plan: What they serve.
        versions: Names them, and keeps what they leave.
        links: Reach their kernels.
        listeners: What those are to serve on.
        before_reading: Called before the notebook is read as it is now.
        relay_word: By which workers know the connections of the supervisor's relay.

    Attributes:
        live: By number.
        rehearsals: The reports of their rehearsals, likewise.
        stop_cause: Who has asked for the end of the service; empty before.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - each is another part of the supervisor
        self,
        plan: Plan,
        versions: Versions,
        links: KernelLinks,
        listeners: Sequence[socket.socket],
        before_reading: Callable[[], None],
        relay_word: str,
    ) -> None:
        self.live: dict[int, RunFacts] = {}
        self.rehearsals: dict[int, dict[str, Any]] = {}
        self.stop_cause = ""
        self._plan, self._versions, self._links = plan, versions, links
        self._listeners, self._before_reading = listeners, before_reading
        self._relay_word = relay_word
        own = {"control": str(links.path), "workers": str(plan.workers)}
        own["address"] = f"{plan.host}:{plan.port}"
        environ = {**os.environ, **plan.environ, **plan.access.environ()}
        environ.pop(KEY, None)  # a cell shows its environment easily
        environ |= {variable(name): text for name, text in own.items()}
        # It pays where two runs live at a time, which share what was imported for them.
        self._starter = Starter(environ, "runner.spawn.child", forks=plan.rules.keeps_standby)

    def spawn(self, run: int) -> None:
        """Start a run's process.

        Raises:
            OSError: There can be no further process.
        """
        self._versions.find_place()
        self.live[run] = RunFacts(process=self._starter.start(self._plan.path))

    def fail(self, run: int, reason: str) -> bool:
        """End a run of which something could not be done; tell whether it has a process."""
        live = self.live.get(run)
        if live is not None:
            live.process.verdict = (1, reason)
            live.process.kill()
        return live is not None

    def close(self) -> None:
        """Have no more runs forked."""
        self._starter.close()

    async def ended(self, run: int) -> Ended:
        """Wait for the end of a run's process, and tell how it was."""
        process = self.live[run].process
        code = await process.ended()
        private_folder.sweep()  # what it left, if it was killed
        reason = self._versions.close(run, process.pid, code)
        name = self._versions.name(run)
        self._handover(run).clear()
        shared_counts.forget(self._links.path.parent, name)
        facts = {"run": name, "pid": process.pid, "code": code}
        said = "run %s (process %d) ended with code %d"
        level = logging.DEBUG if code and name else logging.INFO  # why it failed is told at once
        log.log(level, said, name or "in standby", process.pid, code, extra={"facts": facts})
        if process.verdict:
            code, reason = process.verdict
        self.live.pop(run).end_span("NotServed", reason)
        return Ended(run=run, code=code, reason=reason)

    def do(self, command: RunCommand) -> None:
        """Carry out an order; a run that could not even be spawned gets none."""
        if command.run not in self.live:
            return
        process, name = self.live[command.run].process, self._versions.name(command.run)
        match command:
            case Go():
                self._go(command, process)
            case Bind():
                fds = [listener.fileno() for listener in self._listeners]
                access = self._plan.access
                words = {
                    "key": access.key_sha256,
                    "passes_on": access.asks_for_keys
                    or bool(access.hosts)
                    or self._plan.tls is not None,
                    "relay_word": self._relay_word,
                }
                self._links.send(name, fds, do="bind", slots=len(fds), **words)
            case Accept():
                self._links.send(name, do="accept")
            case ShowReadiness(readiness=readiness):
                self._links.send(name, do="show", readiness=int(readiness))
            case Publish():
                process.order(do="publish", path=str(self._plan.out))
            case Retire(reason=reason, successor=successor):
                by = f" by run {self._versions.name(successor)}" if successor else ""
                process.order(do="retire", reason=reason + by)
                if successor:
                    self._links.send(name, do="give way")
            case Terminate():
                if self.stop_cause:
                    said = f"a stop was asked for by {self.stop_cause}"
                    process.order(do="explain", reason=said)
                process.terminate()
            case KillKernel():
                pid = process.kernel_pid or 0
                log.warning("the kernel of run %s (process %d) was killed", name, pid)
                process.kill_kernel()
            case Kill():
                log.warning("run %s (process %d) was killed", name or "in standby", process.pid)
                process.kill()

    def tell_of_service(self, run: int, url: str, **news: Any) -> None:
        """Tell a run what its record is to show, once for each change.

        Args:
            run: That serves.
            url: Where clients reach it.
            **news: What the supervisor knows besides.
        """
        live = self.live[run]
        needs_key = self._plan.access.asks_for_keys
        told = {"url": url, "workers": [*live.workers], "notices": [*live.notices], **news}
        told |= {"example": live.example, "needs_key": needs_key, "earlier": live.earlier}
        if told != live.told:
            live.told = told
            live.process.order(do="tell", service=told)

    def _go(self, order: Go, process: RunProcess) -> None:
        self._versions.find_place()
        name, live = self._versions.assign_name(order.run), self.live[order.run]
        live.cause, live.started_at = order.cause, asyncio.get_running_loop().time()
        known = {"runner.run": name, "runner.cause": order.cause}
        live.span = spans.begun("swap" if order.purpose is Purpose.CHANGE else "start", "", known)
        try:
            self._links.renew()
            source = self._source(order)
            self._check_kind(source)
            self._order_to_go(name, source, order, process)
        except (RunnerError, OSError) as error:
            process.verdict = (getattr(error, "exit_code", 1), str(error))
            process.terminate()
            return
        facts = {"run": name, "purpose": order.purpose}
        log.info("run %s started: %s", name, order.cause, extra={"facts": facts})

    def _order_to_go(self, name: str, source: Path, order: Go, process: RunProcess) -> None:
        is_shown = order.purpose is Purpose.FIRST and not self._plan.out.exists()
        process.order(
            do="go",
            run=name,
            notebook=str(source),
            out=str(self._versions.record(order.run)),
            shown_at=str(self._plan.out) if is_shown else "",
            values=parameter_values.sent(values_for(self._plan, source)),
            secrets=sorted(self._plan.secrets),
            address=[self._plan.host, self._plan.port],
            facts=self._facts(name, source, order),
            config=dataclasses.asdict(self._plan.config),
            log_output=self._plan.log_output,
            rehearsal=self._rehearsal(order),
            traceparent=span.traceparent if (span := self.live[order.run].span) else "",
        )

    def _rehearsal(self, order: Go) -> dict[str, Any] | None:
        """Say what the run is to be asked; a restart is of what has served already."""
        plan = self._plan
        if plan.rehearsal is None or order.purpose is Purpose.RESTART:
            return None
        rules = dataclasses.replace(plan.rehearsal, secrets=sorted(plan.secrets))
        if order.purpose is Purpose.FIRST and not plan.is_trial:
            rules = dataclasses.replace(rules, most=0)
        requests = plan.recorded or folder_of(self._versions.folder)
        return {
            "folder": str(self._links.path.parent),
            "requests": str(requests.absolute()),
            "cases": str(plan.path.absolute().with_name(FILE_NAME)),
            "rules": dataclasses.asdict(rules),
        }

    def _check_kind(self, source: Path) -> None:
        """Make sure that the sockets, which are opened once, suit the notebook's language.

        Raises:
            ConfigurationError: They were opened, or not, for another one.
        """
        if shares_sockets(source) is not bool(self._listeners):
            raise ConfigurationError(
                "its language is another than when the service was started: stop and start it"
            )

    def _source(self, order: Go) -> Path:
        if order.source:
            return self._versions.source(order.source)
        self._before_reading()
        return self._versions.take(self._plan.path, order.run)

    def _facts(self, name: str, source: Path, order: Go) -> dict[str, Any]:
        return {
            "run": name,
            "cause": order.cause,
            "notebook": str(self._plan.path),
            "notebook_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        } | ({"notebook_url": url} if (url := urls.url_of(self._plan.path)) else {})

    def _handover(self, run: int) -> Handover:
        return Handover(self._links.path.parent, self._versions.name(run))

    def take_rehearsal(self, run: int) -> bool:
        """Take the report of a run's rehearsal; tell whether there should be one, and is not."""
        handover = self._handover(run)
        if said := handover.said():
            self.rehearsals[run] = said
            log_rehearsal(self._versions.name(run), said)
        return not said and handover.is_waiting

    def ended_at(self, run: int) -> str:
        """Say, of a run that died or hung in its rehearsal, at which request; else nothing."""
        said = self.rehearsals.get(run)
        return f" at {said.get('at')}" if said and not report_text.is_whole(said) else ""

    def rehearsal(self, run: int) -> dict[str, Any] | None:
        """Give the report of a run's rehearsal, or how far it is; None if there was none."""
        return self.rehearsals.get(run) or self._handover(run).said() or None

    def described(self, run: Run | None) -> dict[str, Any] | None:
        """Describe a run, if it has a process, for the status."""
        if run is None or run.number not in self.live:
            return None
        live = self.live[run.number]
        return {
            "run": self._versions.name(run.number),
            "state": run.state,
            "cause": live.cause,
            "sha256": self._versions.hashes(run.source)[0],
            "pid": live.process.pid,
            "since": iso(live.served_at) if live.served_at else None,
            "workers": live.workers,
            "notices": live.notices,
            "offers": live.offers,
            "rehearsal": self.rehearsal(run.number),
            "record": str(self._versions.record(run.number)),
        }
