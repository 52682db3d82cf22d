"""Say what state a service is in, from what its supervisor says of it.

Whoever shows a service takes its state from here, and chooses words and colours only. The answer
may come from a supervisor of another release: what it lacks counts as nothing.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from runner.supervise.lifecycle import Phase


class State(enum.StrEnum):
    """Name the states of a service whose supervisor answers."""

    STARTING = "starting"
    SERVING = "serving"
    SERVING_OLDER = "serving older"
    SWAPPING = "swapping"
    RESTARTING = "restarting"
    DOWN = "down"
    WAITING = "waiting for an edit"
    LAME_DUCK = "lame duck"
    STOPPING = "stopping"


_OF_PHASES: dict[str, State] = {
    Phase.WAITING: State.WAITING,
    Phase.LAME_DUCK: State.LAME_DUCK,
    Phase.STOPPING: State.STOPPING,
    Phase.OVER: State.STOPPING,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """Say why the newest version does not serve.

    Attributes:
        reason: In words.
        run: That failed; empty for a save that could not be read, of which there is none.
        at: When; ISO, empty likewise.
        record: Of the run, if there is one.
        cell: That failed, if it is known.
    """

    reason: str
    run: str = ""
    at: str = ""
    record: Any = None
    cell: Any = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceState:
    """Be a state, and what goes with it.

    Attributes:
        state: Which.
        serving: The run that serves; None if none does.
        failure: Why the newest version does not serve; None if it does, or may yet.
    """

    state: State
    serving: dict[str, Any] | None
    failure: Failure | None


def state_of(status: dict[str, Any]) -> ServiceState:
    """Give the state of a service.

    Args:
        status: As its supervisor answers it.
    """
    serving = status.get("serving") or None
    failure = _failure(status, serving)
    state = _OF_PHASES.get(_text(status.get("phase"))) or _of_runs(status, failure)
    return ServiceState(state=state, serving=serving, failure=failure)


def is_past(failure: dict[str, Any], since: str) -> bool:
    """Tell whether something has begun to serve after a failure.

    Args:
        failure: What a supervisor says of it.
        since: When what serves began to; ISO, empty if nothing serves.
    """
    return _text(failure.get("at")) < since


def _failure(status: dict[str, Any], serving: dict[str, Any] | None) -> Failure | None:
    if fault := _text(status.get("save_fault")):  # of the newest save, so newer than any run
        return Failure(reason=fault)
    failed = status.get("failure")
    if not failed or is_past(failed, _text((serving or {}).get("since"))):
        return None
    reason, run, at = (_text(failed.get(name)) for name in ("reason", "run", "at"))
    record, cell = failed.get("record"), failed.get("cell")
    return Failure(reason=reason, run=run, at=at, record=record, cell=cell)


def _of_runs(status: dict[str, Any], failure: Failure | None) -> State:
    """Give the state of one that is up, by what it has for runs."""
    if status.get("serving"):
        if status.get("candidate"):
            return State.SWAPPING
        return State.SERVING_OLDER if failure else State.SERVING
    if status.get("candidate"):
        return State.STARTING
    if status.get("restarts_in") is not None:
        return State.RESTARTING
    has_begun = failure or status.get("good")
    return State.DOWN if has_begun else State.STARTING


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
