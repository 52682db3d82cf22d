"""Decide what becomes of runs: a state machine without processes, sockets or clocks.

The rules of this file:

1. Events go in, commands come out; the supervisor carries these out. What a run may
   become is the table ``states.TRANSITIONS``; an event without a row there changes nothing.
2. A run takes over only when it is ready. What served before goes on until the new one
   serves, and only then drains. So a candidate that fails costs nothing but itself.
3. Every change makes a new version. Only the newest version matters: a change replaces a
   candidate that is not yet ready. Of two runs that serve, the newer version stays, and of
   one version the later run.
4. A version that has served is good. What died is restarted from the last good version,
   never from an edit that nobody has seen serving; a rollback goes to the one before it, or to any
   that is kept. So do restarts go to the one before, when a version died three times before it had
   ever served for half a minute.
5. A death of what serves is seen when the kernel hangs up, or when the run's process ends,
   whichever comes first, and counts once. The restart takes the standby. A kernel that hangs
   counts as dead, but is killed only when its successor serves, or when that could not start;
   if it answers again by then it drains instead.
6. What has served is tried again for ever. Before anything has, an end that no retry mends
   (exit codes 2, 3, 5) ends the supervisor, or waits for an edit if edits are watched. Any other
   is a death, of which five within a minute are the end; for a trial the first one is.
7. Nothing is waited for without a timer: readiness, and the end of what was told to end.
8. While one serves and none is about to, there is a standby, whatever became of the last one.
9. Asked to stop, what serves is a lame duck first, if that is wanted: it answers and is kept alive
   as ever, says that it is not ready, and no change is begun. A second request ends that.
10. Whoever serves tells at any moment whether the newest version failed, or is none: a save that
   cannot be read.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

from runner.errors import ConfigurationError, CrashLoopError, NotebookError, NotReadyError
from runner.liveness.readiness import Readiness
from runner.supervise.events import (
    Accept,
    Bind,
    CancelTimer,
    Command,
    Ended,
    Event,
    Exit,
    Failed,
    GiveUpVersion,
    Go,
    Hung,
    Kill,
    KillKernel,
    NotebookRead,
    Outcome,
    Publish,
    Purpose,
    RecordFailure,
    Recovered,
    Requested,
    Retire,
    RollbackRequested,
    RunEvent,
    Serving,
    SetTimer,
    ShowReadiness,
    Spawn,
    StopRequested,
    Terminate,
    Timer,
    TimerFired,
    WaitForEdit,
)
from runner.supervise.restarts import EarlyDeaths, Restarts
from runner.supervise.states import (
    KEPT,
    LIVES,
    STARTS,
    TRANSITIONS,
    GoodVersion,
    Run,
    RunState,
)

NO_RETRY = (ConfigurationError.exit_code, NotebookError.exit_code, NotReadyError.exit_code)


class Phase(enum.StrEnum):
    """Name the states of the supervisor."""

    UP = "up"
    WAITING = "waiting for an edit"
    LAME_DUCK = "lame duck"
    STOPPING = "stopping"
    OVER = "over"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """Set how the lifecycle behaves; durations in seconds.

    Attributes:
        waits_for_edits: An edit may mend what no retry does.
        keeps_standby: Have the next run's process waiting.
        retries: Start again what died before anything has served.
        ready_timeout: A run has this long from its start until it serves.
        drain_timeout: What was told to end has this long; then it is killed.
        settle_timeout: A process has this long to end after its kernel hung up.
        standby_delay: Before a standby that died is replaced.
        lame_duck: Between a stop that was asked for and the drain.
    """

    waits_for_edits: bool = False
    keeps_standby: bool = True
    retries: bool = True
    ready_timeout: float = 120.0
    drain_timeout: float = 20.0
    settle_timeout: float = 10.0
    standby_delay: float = 5.0
    lame_duck: float = 0.0


class Lifecycle:
    """Walk the table.

    Args:
        rules: How to behave.
        good: The versions that served in earlier sessions, oldest first.

    Attributes:
        save_fault: What keeps the newest save from being read; empty if nothing does.
    """

    def __init__(self, rules: Rules, good: Sequence[GoodVersion] = ()) -> None:
        self.rules = rules
        self.runs: dict[int, Run] = {}
        self.phase = Phase.UP
        self.restarts = Restarts()
        self.good = list(good)
        self._has_failed_version, self.save_fault = False, ""
        self._early_deaths = EarlyDeaths(is_proven=bool(good))
        self._numbers = max((version.source for version in good), default=0)
        self._newest_version = self._served_version = 0
        self._stop_requests: list[int] = []
        self._standby_is_due = False
        self._ending: tuple[int, str] = (0, "")
        self._now = 0.0
        self._orders: list[Command] = []

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take one event; give what is to be done, in this order.

        Args:
            event: What happened.
            now: Seconds of a clock that never goes back.
        """
        self._now, self._orders = now, []
        if isinstance(event, RunEvent):
            self._apply(event)
        elif isinstance(event, TimerFired):
            self._fired(event)
        elif isinstance(event, Requested):
            self._requested(event)
        elif isinstance(event, NotebookRead):
            self.save_fault = event.fault
        self._ensure_standby()
        self._show_readiness()
        if self.phase is Phase.STOPPING and not self.runs:
            self._end()
        return self._orders

    def serving(self) -> Run | None:
        """Give the run that serves: the newest, while one takes over from another."""
        return max(self._in(RunState.SERVING), key=lambda run: run.age, default=None)

    def has_hung(self) -> bool:
        """Tell whether a run hangs that nothing has replaced yet."""
        return bool(self._in(RunState.HUNG))

    def candidate(self) -> Run | None:
        """Give the run that is to take over, if there is one."""
        return max(self._in(*STARTS, RunState.READY), key=lambda run: run.age, default=None)

    def standby(self) -> Run | None:
        """Give the run that waits."""
        return next(iter(self._in(RunState.STANDBY)), None)

    @property
    def is_ending(self) -> bool:
        """Tell whether all that there is ends: nothing is kept alive any more."""
        return self.phase in {Phase.STOPPING, Phase.OVER}

    @property
    def is_leaving(self) -> bool:
        """Tell whether a stop was asked for: no change is begun any more."""
        return self.is_ending or self.phase is Phase.LAME_DUCK

    @property
    def readiness(self) -> Readiness:
        """Give what is told to who asks whether the service is ready."""
        has_failed = self._has_failed_version or self.save_fault
        told = Readiness.VERSION_FAILED if has_failed else Readiness.READY
        return told | Readiness.LAME_DUCK if self.phase is Phase.LAME_DUCK else told

    def _show_readiness(self) -> None:
        for run in [] if self.is_ending else self._in(RunState.SERVING):
            if run.shows != self.readiness:
                run.shows = self.readiness
                self._order(ShowReadiness(run=run.number, readiness=run.shows))

    @property
    def ends_by_failure(self) -> bool:
        """Tell whether the service ends since it failed, and not since it was asked to."""
        return self.is_ending and self._ending[0] != 0

    def _in(self, *states: RunState) -> list[Run]:
        return [run for run in self.runs.values() if run.state in states]

    def _order(self, *commands: Command) -> None:
        self._orders += commands

    def _tell_outcome(self, requests: list[int], reason: str = "", *, ok: bool = False) -> None:
        self._order(*(Outcome(request=who, ok=ok, reason=reason) for who in requests if who))

    # What happens to one run.

    def _apply(self, event: RunEvent) -> None:
        run = self.runs.get(event.run)
        after = TRANSITIONS.get((run.state, type(event))) if run else None
        if run is None or after is None:
            return
        before, lasted = run.state, self._now - run.since
        if isinstance(event, Failed | Ended | Hung):
            run.reason = run.reason or event.reason
        self._enter(run, after)
        if after is RunState.BOUND:
            self._order(Bind(run=run.number))
        elif after is RunState.READY:
            self._order(Accept(run=run.number))
        elif after is RunState.DRAINING:
            self._replace(run, before)
        elif isinstance(event, Recovered):
            run.has_recovered = True
        elif after is RunState.HUNG:
            self._order(RecordFailure(run=run.number, code=0, reason=run.reason))
            self._died(run, lasted)
        elif after is RunState.SERVING:
            self._took_over(run, event.digest if isinstance(event, Serving) else "")
        elif after is RunState.FAILED:
            self._order(self._kill_after(run, self.rules.settle_timeout))
            if before is RunState.SERVING:
                self._died(run, lasted)
        elif isinstance(event, Ended):
            self._ended(run, before, lasted, event)

    def _replace(self, run: Run, before: RunState) -> None:
        """Have another in place of one whose process takes no order; if neither does, it failed."""
        self._order(CancelTimer(timer=Timer.READY, run=run.number), Kill(run=run.number))
        if before is not RunState.STARTING or self.is_ending:
            return
        if run.is_replacement:
            run.code = NotReadyError.exit_code
            self._enter(run, RunState.FAILED)
            return
        source = 0 if run.source == run.number else run.source
        other = self._launch(run.purpose, source, run.version, run.cause)
        other.is_replacement = True
        other.requests, run.requests = run.requests, []

    def _enter(self, run: Run, state: RunState) -> None:
        run.state, run.since = state, self._now

    def _took_over(self, run: Run, digest: str) -> None:
        run.has_served, self._served_version = True, run.version
        good = GoodVersion(source=run.source, digest=digest)
        if not self.good or not _is_same(self.good[-1], good):
            is_proven = any(version.source == run.source for version in self.good)
            self._early_deaths.begin(is_proven=is_proven)
        self.good = _with(self.good, good)
        if run.purpose is not Purpose.RESTART:
            self._has_failed_version = False
        self._order(CancelTimer(timer=Timer.READY, run=run.number))
        self._order(CancelTimer(timer=Timer.RESTART))
        older = [other for other in self._in(*LIVES) if other.age < run.age]
        for other in [*older, *self._in(RunState.FAILED)]:
            self._order(Retire(run=other.number, reason="replaced", successor=run.number))
        self._order(Publish(run=run.number))
        for other in older:
            run.requests += other.requests
            self._end_run(other)
        self._tell_outcome(run.requests, ok=True)
        run.requests = []

    def _end_run(self, run: Run) -> None:
        """Let it drain; if it hangs, it answers nothing any more, and is killed."""
        if run.state is RunState.HUNG and not run.has_recovered:
            self._order(KillKernel(run=run.number))
        self._drain(run)

    def _drain(self, run: Run) -> None:
        if run.state in STARTS or run.state is RunState.READY:
            self._order(CancelTimer(timer=Timer.READY, run=run.number))
        self._enter(run, RunState.DRAINING)
        run.requests = []
        self._order(Terminate(run=run.number), self._kill_after(run, self.rules.drain_timeout))

    def _kill_after(self, run: Run, seconds: float) -> SetTimer:
        return SetTimer(timer=Timer.KILL, run=run.number, seconds=seconds)

    def _ended(self, run: Run, before: RunState, lasted: float, event: Ended) -> None:
        del self.runs[run.number]
        self._order(*(CancelTimer(timer=timer, run=run.number) for timer in _RUN_TIMERS))
        if run.has_served and (current := self.serving()) and not self.is_ending:
            # Its last save may have crossed the new run's first; this is the last word.
            self._order(Publish(run=current.number))
        if before is RunState.DRAINING:
            return
        if before is RunState.STANDBY:
            self._standby_is_due = True
            self._order(SetTimer(timer=Timer.STANDBY, seconds=self.rules.standby_delay))
            return
        code = event.code if run.code is None else run.code
        run.reason = run.reason or f"its process ended with code {code}"
        self._order(RecordFailure(run=run.number, code=code, reason=run.reason))
        self._tell_outcome(run.requests, run.reason)
        run.requests = []
        is_newest = run.purpose is Purpose.CHANGE and run.version == self._newest_version
        if is_newest and not run.has_served:
            self._has_failed_version = True
        if before is RunState.SERVING:
            self._died(run, lasted)
        elif not run.has_served and not self.is_ending:
            self._failed_to_start(run, code)

    def _died(self, run: Run, served: float) -> None:
        """Restart what had served, unless something else already serves or is about to."""
        if self.is_ending or self.serving():
            return
        self._restart(run.reason or "the kernel hung up", served)

    def _failed_to_start(self, run: Run, code: int) -> None:
        """Act on a run that ended before it ever served."""
        if self.serving() or (run.purpose is Purpose.CHANGE and self._served_version):
            return
        if not self._served_version and (code in NO_RETRY or not self.rules.retries):
            if self.candidate():
                return
            if self.rules.waits_for_edits:
                self.phase = Phase.WAITING
                self._order(WaitForEdit(reason=run.reason))
            else:
                self._begin_end(code, run.reason)
            return
        # What hangs may hold what its successor needs, such as memory.
        hung = [run for run in self._in(RunState.HUNG) if not run.has_recovered]
        self._order(*(KillKernel(run=each.number) for each in hung))
        self._restart(run.reason, 0.0)

    def _restart(self, reason: str, served: float) -> None:
        self.restarts.died(self._now, served)
        if self._served_version and self._early_deaths.died(served) and len(self.good) > 1:
            self._give_up_version(reason)
            return
        if self.restarts.is_looping and not self._served_version:
            said = f"the notebook did not come to serve {self.restarts}; the last time: {reason}"
            self._begin_end(CrashLoopError.exit_code, said)
            return
        delay = self.restarts.next_delay()
        if delay:
            self._order(SetTimer(timer=Timer.RESTART, seconds=delay))
        else:
            self._launch_again()

    def _give_up_version(self, reason: str) -> None:
        given_up, self._has_failed_version = self.good.pop(), True
        deaths = f"it died {self._early_deaths}"
        earlier = self.good[-1].source
        self._order(
            GiveUpVersion(run=given_up.source, earlier=earlier, deaths=deaths, reason=reason)
        )
        self._early_deaths.begin(is_proven=True)
        self._launch_again()

    def _launch_again(self) -> None:
        """Launch the last good version; before there is one, the notebook as it is now."""
        has_good = bool(self._served_version)
        purpose = Purpose.RESTART if has_good else Purpose.FIRST
        version = self._served_version or self._newest_version
        under_way = any(run.purpose is purpose for run in self._in(*STARTS, RunState.READY))
        if not self.serving() and not under_way:
            source = self.good[-1].source if has_good else 0
            self._launch(purpose, source, version, "restart after a death")

    def _launch(self, purpose: Purpose, source: int, version: int, cause: str) -> Run:
        run = self.standby() or self._spawn()
        run.purpose, run.source, run.version = purpose, source or run.number, version
        run.cause = cause
        self._enter(run, RunState.STARTING)
        if self.phase is Phase.WAITING:
            self.phase = Phase.UP
        self._order(
            Go(run=run.number, source=source, purpose=purpose, cause=cause),
            SetTimer(timer=Timer.READY, run=run.number, seconds=self.rules.ready_timeout),
        )
        return run

    def _spawn(self) -> Run:
        self._numbers += 1
        run = self.runs[self._numbers] = Run(number=self._numbers, since=self._now)
        self._order(Spawn(run=run.number))
        return run

    def _ensure_standby(self) -> None:
        if not self.rules.keeps_standby or self.is_leaving or self._standby_is_due:
            return
        is_starting = self.candidate() or any(
            not run.has_served for run in self._in(RunState.STANDBY, RunState.FAILED)
        )
        if self.serving() and not is_starting:
            self._spawn()

    def _fired(self, event: TimerFired) -> None:
        run = self.runs.get(event.run)
        if event.timer is Timer.RESTART and not self.is_ending:
            self._launch_again()
        elif event.timer is Timer.LAME_DUCK and self.phase is Phase.LAME_DUCK:
            self._begin_end(0, "")
        elif event.timer is Timer.STANDBY:
            self._standby_is_due = False
        elif event.timer is Timer.KILL and run and run.state is not RunState.ENDED:
            self._order(Kill(run=run.number))
        elif event.timer is Timer.READY and run and run.state in (*STARTS, RunState.READY):
            run.reason = f"not ready to serve within {self.rules.ready_timeout:g} s{event.at}"
            run.code = NotReadyError.exit_code
            self._enter(run, RunState.FAILED)
            self._order(Retire(run=run.number, reason=run.reason), Terminate(run=run.number))
            self._order(self._kill_after(run, self.rules.drain_timeout))

    # What is asked of the supervisor.

    def _requested(self, requested: Requested) -> None:
        if isinstance(requested, StopRequested):
            self._stop(requested)
        elif self.is_leaving:
            self._tell_outcome([requested.request], "the supervisor is stopping")
        elif isinstance(requested, RollbackRequested):
            self._roll_back(requested)
        else:
            self._change(requested, source=0)

    def _roll_back(self, requested: RollbackRequested) -> None:
        serving = self.serving()
        if not requested.source and serving and len(self.good) > 1:
            self._change(requested, source=self.good[-2].source)
        elif not requested.source:
            said = "there is no earlier good version to roll back to"
            self._tell_outcome([requested.request], said)
        elif serving and serving.source == requested.source and not self.candidate():
            self._tell_outcome([requested.request], "it serves already", ok=True)
        else:
            self._change(requested, source=requested.source)

    def _change(self, requested: Requested, source: int) -> None:
        replaced = [run for run in self._in(*STARTS) if run.purpose is not Purpose.RESTART]
        waiting = [request for run in replaced for request in run.requests]
        for run in replaced:
            self._order(Retire(run=run.number, reason="replaced by a newer version"))
            self._drain(run)
        self._newest_version += 1
        purpose = Purpose.CHANGE if self._served_version else Purpose.FIRST
        run = self._launch(purpose, source, self._newest_version, requested.cause)
        run.requests = [*waiting, requested.request]

    def _stop(self, requested: StopRequested) -> None:
        self._stop_requests.append(requested.request)
        if self.is_ending:
            self._order(*(Kill(run=run.number) for run in self.runs.values()))
        elif self.rules.lame_duck and self.phase is Phase.UP and self.serving():
            self.phase = Phase.LAME_DUCK
            self._order(SetTimer(timer=Timer.LAME_DUCK, seconds=self.rules.lame_duck))
        else:
            self._begin_end(0, "")

    def _begin_end(self, code: int, reason: str) -> None:
        self._ending, self.phase = (code, reason), Phase.STOPPING
        for timer in (Timer.RESTART, Timer.STANDBY, Timer.LAME_DUCK):
            self._order(CancelTimer(timer=timer))
        for run in self._in(RunState.STANDBY, *LIVES):
            self._tell_outcome(run.requests, "the supervisor is stopping")
            self._end_run(run)

    def _end(self) -> None:
        self.phase = Phase.OVER
        code, reason = self._ending
        self._tell_outcome(self._stop_requests, reason, ok=True)
        self._order(Exit(code=code, reason=reason))


_RUN_TIMERS = (Timer.READY, Timer.KILL)


def _is_same(before: GoodVersion, version: GoodVersion) -> bool:
    return before.source == version.source or bool(
        version.digest and before.digest == version.digest
    )


def _with(good: list[GoodVersion], version: GoodVersion) -> list[GoodVersion]:
    """Put the version that serves now at the end: new, the same again, or an earlier one.

    Of those before it as many are left as are kept.
    """
    sources = [earlier.source for earlier in good]
    if version.source in sources:
        return good[: sources.index(version.source) + 1]
    if good and _is_same(good[-1], version):
        return [*good[:-1], version]
    return [*good, version][-KEPT:]
