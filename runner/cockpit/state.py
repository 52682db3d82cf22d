"""Say in words what state a service is in."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from runner.cockpit.services import Answer


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


_ENDED = {
    "stopped": State("stopped", Tone.CALM),
    "completed": State("ended", Tone.CALM),
    "failed": State("failed", Tone.BAD),
    "kernel-died": State("kernel died", Tone.BAD),
    "killed": State("killed", Tone.BAD),
}
_PHASES = {
    "stopping": State("stopping", Tone.BUSY),
    "over": State("stopping", Tone.BUSY),
    "lame duck": State("draining", Tone.BUSY),
}


def state_of(answer: Answer, facts: dict[str, Any]) -> State:
    """Give a service's state.

    Args:
        answer: To the question for its status.
        facts: Of its newest record, for one that has ended.
    """
    if not answer.is_running:
        return _ENDED.get(str(facts.get("status")), State("ended", Tone.CALM))
    if answer.said is None:
        return State("does not answer", Tone.BAD)
    return _PHASES.get(str(answer.said.get("phase"))) or _of_runs(answer.said)


def _of_runs(status: dict[str, Any]) -> State:
    """Give the state of one that is up, by what it has for runs."""
    if status.get("serving"):
        is_swapping = bool(status.get("candidate"))
        return State("swapping", Tone.BUSY) if is_swapping else State("serving", Tone.GOOD)
    if status.get("candidate"):
        return State("starting", Tone.BUSY)
    if status.get("restarts_in") is not None:
        return State("restarting", Tone.BUSY)
    return State("nothing serves", Tone.BAD)
