"""Name what the lifecycle hears (events) and what it orders (commands).

A run is known by a number here: the supervisor gives it its name when it goes.
"""

from __future__ import annotations

import dataclasses
import enum

from runner.liveness.readiness import Readiness


class Timer(enum.StrEnum):
    """Name what a timer is for; there is one of each kind per run, and one for no run."""

    READY = "ready"
    KILL = "kill"
    RESTART = "restart"
    STANDBY = "standby"
    LAME_DUCK = "lame duck"


class Purpose(enum.StrEnum):
    """Say why a run was launched."""

    FIRST = "first start"
    RESTART = "restart"
    CHANGE = "change"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Tell the lifecycle that something happened."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NotebookRead(Event):
    """A save was read, or stays one that cannot be: half of a file, an unresolved merge.

    Attributes:
        fault: What keeps it from being read; empty once one was.
    """

    fault: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunEvent(Event):
    """Tell it of one run.

    Attributes:
        run: The run's number.
    """

    run: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hello(RunEvent):
    """All cells before the serving one have run; the kernel asks for its sockets."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ready(RunEvent):
    """The app was started, and its example answered."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failed(RunEvent):
    """The kernel itself says that it cannot serve, and why."""

    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Serving(RunEvent):
    """The workers accept connections.

    Attributes:
        digest: Of the notebook that it executes.
    """

    digest: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hung(RunEvent):
    """The kernel has not answered for as long as it may.

    Attributes:
        reason: That, in words.
    """

    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recovered(RunEvent):
    """A kernel that was thought to hang answers again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinkClosed(RunEvent):
    """The kernel hung up: it died, or stopped serving."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended(RunEvent):
    """The run's process ended.

    Attributes:
        code: Its exit code; negative is the signal that killed it.
        reason: Why, in words, as its record says.
    """

    code: int
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Requested(Event):
    """Somebody or something asked for a deed.

    Attributes:
        request: Who waits for the outcome; 0 for nobody.
        cause: Why, in words.
    """

    request: int = 0
    cause: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Started(Requested):
    """The supervisor is set up and wants a first run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changed(Requested):
    """A file that is watched has a new content."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReloadRequested(Requested):
    """Run the current notebook anew, changed or not."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RollbackRequested(Requested):
    """Run the version before the one that serves, or any that is kept.

    Attributes:
        source: The run whose kept notebook it is; 0 for the version before.
    """

    source: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class StopRequested(Requested):
    """Drain everything and end, after a while as a lame duck if that is wanted.

    The second time: do not wait, or kill and end.
    """


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimerFired(Event):
    """A timer that was set has run down; at what the run is, if that is known."""

    timer: Timer
    run: int = 0
    at: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """Order the supervisor to do something."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunCommand(Command):
    """Order something of one run.

    Attributes:
        run: The run's number.
    """

    run: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spawn(RunCommand):
    """Start the process of a run; it is a standby until it goes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Go(RunCommand):
    """Let it execute a notebook.

    Attributes:
        source: The run whose kept notebook it executes; 0 for the notebook as it is now.
        purpose: Why.
        cause: Why, in words.
    """

    source: int
    purpose: Purpose
    cause: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bind(RunCommand):
    """Hand it the listening sockets."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accept(RunCommand):
    """Let its workers accept connections."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShowReadiness(RunCommand):
    """Have its workers tell who asks whether they are ready."""

    readiness: Readiness


@dataclasses.dataclass(frozen=True, kw_only=True)
class Publish(RunCommand):
    """Let out.ipynb show its record."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retire(RunCommand):
    """Take out.ipynb from it.

    Attributes:
        reason: Goes into its record.
        successor: The run that takes its place; 0 for none.
    """

    reason: str
    successor: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Terminate(RunCommand):
    """Ask it to drain and end."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kill(RunCommand):
    """End it at once, with all that it started."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class KillKernel(RunCommand):
    """End its kernel at once; its process then closes the record."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetTimer(Command):
    """Set a timer, in place of an earlier one of the same kind and run."""

    timer: Timer
    seconds: float
    run: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class CancelTimer(Command):
    """Forget a timer."""

    timer: Timer
    run: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordFailure(RunCommand):
    """Keep for the log and the status that a run failed."""

    code: int
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class GiveUpVersion(RunCommand):
    """Say that a version is restarted no more, and the one before it instead.

    Attributes:
        run: The run whose kept notebook it is.
        earlier: The run whose kept notebook the one before is.
        deaths: How often it died, and in what time.
        reason: Why it did the last time.
    """

    earlier: int
    deaths: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class WaitForEdit(Command):
    """Nothing serves, and only an edit can mend that: say so."""

    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome(Command):
    """Tell who asked how it came out."""

    request: int
    ok: bool
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exit(Command):
    """End the supervisor; no process of a run is left."""

    code: int
    reason: str = ""
