"""Hold the states of a run, the table of what follows what, and what is known of each run.

A run starts as a standby or at once; it says hello when its cells have run (bound), ready
when its example was answered, serving when its workers accept. It drains when another takes
over. It hangs when its kernel answers no more: when another has taken over it is killed, or it
drains if its kernel answers after all. One that hangs before it has begun, for its process takes
no order, drains at once, and is killed; if it had taken the place of such a one, it has failed. It
has failed when its kernel hung up or it was too late; it has ended when its process has. An event
that has no row for a run's state changes nothing.
"""

from __future__ import annotations

import dataclasses
import enum

from runner.liveness.readiness import Readiness
from runner.supervise.events import (
    Ended,
    Failed,
    Hello,
    Hung,
    LinkClosed,
    Purpose,
    Ready,
    Recovered,
    RunEvent,
    Serving,
)


class RunState(enum.StrEnum):
    """Name the states of a run, in the order in which they come."""

    STANDBY = "standby"
    STARTING = "starting"
    BOUND = "bound"
    READY = "ready"
    SERVING = "serving"
    HUNG = "hung"
    DRAINING = "draining"
    FAILED = "failed"
    ENDED = "ended"


S = RunState
TRANSITIONS: dict[tuple[RunState, type[RunEvent]], RunState] = {
    (S.STANDBY, Hung): S.DRAINING,
    (S.STANDBY, Ended): S.ENDED,
    (S.STARTING, Hello): S.BOUND,
    (S.STARTING, Hung): S.DRAINING,
    (S.STARTING, Failed): S.FAILED,
    (S.STARTING, Ended): S.ENDED,
    (S.BOUND, Ready): S.READY,
    (S.BOUND, Failed): S.FAILED,
    (S.BOUND, LinkClosed): S.FAILED,
    (S.BOUND, Ended): S.ENDED,
    (S.READY, Serving): S.SERVING,
    (S.READY, Failed): S.FAILED,
    (S.READY, LinkClosed): S.FAILED,
    (S.READY, Ended): S.ENDED,
    (S.SERVING, Failed): S.FAILED,
    (S.SERVING, LinkClosed): S.FAILED,
    (S.SERVING, Ended): S.ENDED,
    (S.SERVING, Hung): S.HUNG,
    (S.HUNG, Recovered): S.HUNG,
    (S.HUNG, Failed): S.FAILED,
    (S.HUNG, LinkClosed): S.FAILED,
    (S.HUNG, Ended): S.ENDED,
    (S.DRAINING, Ended): S.ENDED,
    (S.FAILED, Ended): S.ENDED,
}
STARTS = (S.STARTING, S.BOUND)
LIVES = (*STARTS, S.READY, S.SERVING, S.HUNG)


@dataclasses.dataclass(kw_only=True)
class Run:
    """Hold what is known of one run.

    Attributes:
        version: Which version of the notebook it executes; grows with every change.
        source: The run whose kept notebook it executes; its own number for the current one.
        cause: Why it was launched, in words.
        since: When its state began.
        reason: Why it failed, as far as is known.
        code: The exit code that its failure means, if not its process's own.
        has_served: Whether it ever did.
        has_recovered: Whether it answers again, after it hung.
        is_replacement: Whether it was launched for one that took no order.
        requests: Who waits for it to serve.
        shows: What its workers tell who asks whether they are ready.
    """

    number: int
    state: RunState = S.STANDBY
    purpose: Purpose = Purpose.FIRST
    version: int = 0
    source: int = 0
    cause: str = ""
    since: float = 0.0
    reason: str = ""
    code: int | None = None
    has_served: bool = False
    has_recovered: bool = False
    is_replacement: bool = False
    requests: list[int] = dataclasses.field(default_factory=list)
    shows: Readiness = Readiness.READY

    @property
    def age(self) -> tuple[int, int]:
        """Order runs that serve: the newer version, then the later run, is the greater."""
        return self.version, self.number


KEPT = 10
"""How many of the versions that served are kept."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoodVersion:
    """Name a version that has served.

    Attributes:
        source: The run whose kept notebook it is.
        digest: Of that notebook.
    """

    source: int
    digest: str
