"""Say in words what state a service is in."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from runner.cockpit.run_summary import process_of
from runner.cockpit.services import Answer
from runner.record.run_status import OPEN, RunStatus
from runner.supervise import service_state


class Tone(enum.StrEnum):
    """Say how a state is to be taken; each has a colour."""

    CALM = ""
    GOOD = "good"
    BUSY = "busy"
    BAD = "bad"


class State(NamedTuple):
    """Be a state in words."""

    word: str
    tone: Tone


_ENDED: dict[str, State] = {
    RunStatus.STOPPED: State("stopped", Tone.CALM),
    RunStatus.COMPLETED: State("ended", Tone.CALM),
    RunStatus.FAILED: State("failed", Tone.BAD),
    RunStatus.KERNEL_DIED: State("kernel died", Tone.BAD),
    RunStatus.KILLED: State("killed", Tone.BAD),
}
_TONES = dict.fromkeys(service_state.State, Tone.BUSY) | {
    service_state.State.SERVING: Tone.GOOD,
    service_state.State.SERVING_OLDER: Tone.BAD,
    service_state.State.WAITING: Tone.BAD,
    service_state.State.DOWN: Tone.BAD,
}


def state_of(answer: Answer, facts: dict[str, Any]) -> State:
    """Give a service's state.

    Args:
        answer: To the question for its status.
        facts: Of its newest record, for one that has ended, or that runs elsewhere.
    """
    if not answer.is_running:
        return _recorded(facts)
    if answer.said is None:
        return State("does not answer", Tone.BAD)
    state = service_state.state_of(answer.said).state
    return State(state, _TONES[state])


def _recorded(facts: dict[str, Any]) -> State:
    """Give the state that a record says; one that nobody has closed may be of another host."""
    status = str(facts.get("status"))
    if status not in OPEN:
        return _ENDED.get(status, State("ended", Tone.CALM))
    if process_of(facts).is_gone:
        return _ENDED[RunStatus.KILLED]
    if status == RunStatus.DRAINING:
        return State(service_state.State.STOPPING, Tone.BUSY)
    state = service_state.State.SERVING if facts.get("ready") else service_state.State.STARTING
    return State(state, _TONES[state])
