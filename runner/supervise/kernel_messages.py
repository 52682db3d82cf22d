"""Take what kernels say of their runs: note the facts, and make events of the rest."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from runner.errors import ConfigurationError
from runner.rehearsal import report_text
from runner.supervise.description import Description
from runner.supervise.events import Event, Failed, Hello, LinkClosed, Ready, Serving
from runner.supervise.kernel_watch import KernelWatch
from runner.supervise.last_failure import LastFailure
from runner.supervise.lifecycle import Lifecycle
from runner.supervise.plan import Plan
from runner.supervise.runs import RunFacts, Runs
from runner.supervise.states import RunState
from runner.supervise.traffic_watch import TrafficWatch
from runner.supervise.versions import Versions
from runner.tls.certificate import TlsFiles
from runner.tls.server_tls import ServerTls

log = logging.getLogger(__name__)

Message = dict[str, Any]

_TELL_EVERY = 5.0  # seconds


class KernelMessages:
    """Make of what kernels say facts and events.

    Args:
        plan: What is served.
        life: Says which runs there are, and how far they are.
        versions: Names the runs.
        runs: Holds the facts of each.
        traffic: Counts what a run is asked from when it is ready.
        failure: Is over when a run serves.
        watch: Sees whether kernels answer.
        description: Tells the record what has changed.
        has_tls: Whether the service itself was given a certificate.
        address: Where clients reach the service.
        tell: Gets the events.
        has_begun: Gets each run that has begun to serve.
    """

    def __init__(  # noqa: PLR0913 - a message may concern each of them
        self,
        plan: Plan,
        life: Lifecycle,
        versions: Versions,
        runs: Runs,
        *,
        traffic: TrafficWatch,
        failure: LastFailure,
        watch: KernelWatch,
        description: Description,
        has_tls: bool,
        address: str,
        tell: Callable[[Event], None],
        has_begun: Callable[[int], None],
    ) -> None:
        self._plan, self._life, self._versions, self._runs = plan, life, versions, runs
        self._traffic, self._failure, self._watch = traffic, failure, watch
        self._description, self._has_tls, self._address = description, has_tls, address
        self._tell, self._has_begun = tell, has_begun
        self._loop = asyncio.get_running_loop()

    def take(self, name: str, message: Message | None) -> bool:
        """Take a message; tell whether a hello is welcome.

        Args:
            name: Of the run.
            message: None if its kernel has hung up.
        """
        run = self._versions.number(name)
        if run not in self._runs.live:
            return False
        if message is None:
            self._watch.end(run)
            self._take_rehearsal(run)
            self._tell(LinkClosed(run=run))
        elif message.get("event") == "hello":
            return self._take_hello(run, message)
        else:
            self._take(run, message)
        return True

    def rehearsed_at(self, run: int) -> str:
        """Say at which request of its rehearsal a run hangs, which is ended; else nothing."""
        self._take_rehearsal(run)
        return self._runs.ended_at(run)

    def _take(self, run: int, message: Message) -> None:
        match message.get("event"):
            case "turns":
                self._watch.answered(run)
            case "listens":
                self._note_place(run, message)
            case "ready":
                self._take_rehearsal(run, is_ready=True)
                self._traffic.begin(run, self._versions.name(run))
                self._tell(Ready(run=run))
            case "failed":
                self._take_rehearsal(run)
                reason = str(message.get("reason", "")) + self._runs.ended_at(run)
                self._tell(Failed(run=run, reason=reason))
            case "example":
                self._runs.live[run].example = _example_of(message)
            case "serving":
                self._run_serves(run, message)
            case "worker":
                self._worker_replaced(run, message)
            case "notice":
                self._take_notices(run, [message.get("notice", "")])

    def _is_in(self, run: int, state: RunState) -> bool:
        return run in self._life.runs and self._life.runs[run].state is state

    def _take_hello(self, run: int, hello: Message) -> bool:
        if not self._is_in(run, RunState.STARTING):
            return False
        live, name = self._runs.live[run], self._versions.name(run)
        live.process.kernel_pid = int(hello["pid"])
        self._note_place(run, hello)
        self._take_notices(run, hello.get("notices", ()))
        live.speaks_tls = hello.get("tls") is not None
        live.offers = hello.get("offers") or {}
        live.tls = None if self._has_tls else _tls_of(name, hello.get("tls") or {})
        if requested := hello.get("requested"):
            said = "run %s: the notebook asked for %s; it is served on %s instead"
            log.info(said, name, requested, self._url_of(live))
        self._tell(Hello(run=run))
        if self._plan.rehearsal is not None:
            self._loop.call_later(_TELL_EVERY, self._tell_of_rehearsal, run)
        return True

    def _url_of(self, live: RunFacts) -> str:
        scheme = "https" if self._has_tls or live.speaks_tls else "http"
        return f"{scheme}://{self._address}"

    def _note_place(self, run: int, message: Message) -> None:
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

    def _take_notices(self, run: int, notices: Iterable[Any]) -> None:
        """Say what is odd about a run and yet lets it serve."""
        for notice in map(str, notices):
            self._runs.live[run].notices.append(notice)
            log.warning("run %s: %s", self._versions.name(run), notice)
        self._description.tell_record()

    def _run_serves(self, run: int, message: Message) -> None:
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
        log.info(said, name, took, self._url_of(live), extra={"facts": facts})
        self._has_begun(run)

    def _worker_replaced(self, run: int, message: Message) -> None:
        slot, pid = int(message["slot"]), int(message["pid"])
        workers = self._runs.live[run].workers
        if 0 <= slot < len(workers):
            workers[slot] = pid
            self._description.tell_record()
        reason, where = message.get("reason", ""), message.get("stacks", "")
        facts = {"worker": pid, "slot": slot, "reason": reason, "stacks": where}
        said = "worker %d took over slot %d: %s" + ("; it was at:\n%s" if where else "%s")
        log.warning(said, pid, slot, reason, where, extra={"facts": facts})


def _example_of(message: Message) -> dict[str, str]:
    """Take from a kernel's message how to ask what it serves."""
    return {name: str(message.get(name, "")) for name in ("method", "path", "content_type", "body")}


def _tls_of(name: str, files: dict[str, Any]) -> ServerTls | None:
    """Read the files that a notebook's own server call names, as its kernel has."""
    if not files:
        return None
    try:
        named = TlsFiles(**files)
        if warning := named.warning():
            log.warning("run %s: %s", name, warning)
        return ServerTls.read(named)
    except ConfigurationError as error:
        log.warning("run %s: %s", name, error)
        return None
