"""What state a service is in, wherever it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.cockpit import state as cockpit
from runner.cockpit.services import Answer
from runner.lab import state as lab
from runner.supervise.service_state import State, state_of
from runner.supervise.status import STATE_STYLES

EARLY, LATE = "2026-11-30T10:00:00.000+00:00", "2026-11-30T10:00:01.000+00:00"
RUN = {"run": "r-1", "since": EARLY}
SERVES = {"serving": RUN, "good": ["r-1"]}
FAILURE = {"run": "r-2", "at": LATE, "reason": "cell 2 failed", "record": None}
LATER = {"failure": FAILURE}

SHOWN = {
    State.STARTING: ("busy", "starting"),
    State.SERVING: ("good", "serving"),
    State.SERVING_OLDER: ("bad", "failed"),
    State.SWAPPING: ("busy", "swapping"),
    State.RESTARTING: ("busy", "starting"),
    State.DOWN: ("bad", "failed"),
    State.WAITING: ("bad", "failed"),
    State.LAME_DUCK: ("busy", "stopping"),
    State.STOPPING: ("busy", "stopping"),
}
"""The cockpit's tone and the badge's word."""
COLOURS = {"good": "green", "busy": "yellow", "bad": "red"}


def status(**facts: Any) -> dict[str, Any]:
    about = {"phase": "up", "serving": None, "candidate": None, "failure": None, "save_fault": ""}
    return {**about, "restarts_in": None, "good": [], **facts}


@pytest.mark.parametrize(
    ("facts", "state", "failed"),
    [
        ({}, State.STARTING, ""),
        ({"candidate": RUN}, State.STARTING, ""),
        (SERVES, State.SERVING, ""),
        (
            SERVES | {"failure": FAILURE | {"at": EARLY}, "serving": RUN | {"since": LATE}},
            "serving",
            "",
        ),
        (SERVES | LATER, State.SERVING_OLDER, "cell 2 failed"),
        (SERVES | {"save_fault": "marks"}, State.SERVING_OLDER, "marks"),
        (SERVES | LATER | {"save_fault": "marks"}, State.SERVING_OLDER, "marks"),
        (SERVES | {"candidate": RUN}, State.SWAPPING, ""),
        (SERVES | LATER | {"candidate": RUN}, State.SWAPPING, "cell 2 failed"),
        (LATER | {"restarts_in": 1.5}, State.RESTARTING, "cell 2 failed"),
        (LATER, State.DOWN, "cell 2 failed"),
        ({"good": ["r-1"]}, State.DOWN, ""),
        (LATER | {"phase": "waiting for an edit"}, State.WAITING, "cell 2 failed"),
        (SERVES | {"phase": "lame duck", "candidate": RUN}, State.LAME_DUCK, ""),
        ({"phase": "stopping"}, State.STOPPING, ""),
        ({"phase": "over"}, State.STOPPING, ""),
    ],
)
def test_terminal_cockpit_and_jupyterlab_agree(
    facts: dict[str, Any], state: State, failed: str
) -> None:
    """A failure counts until something begins to serve after it; a save that is unreadable more."""
    said = status(**facts)
    found = state_of(said)
    assert (found.state, found.failure.reason if found.failure else "") == (state, failed)
    tone, word = SHOWN[state]
    assert STATE_STYLES[state] == COLOURS[tone]
    assert cockpit.state_of(Answer(said=said), {}) == (state, tone)
    about = {"records": "/nowhere", "address": "127.0.0.1:8000"}
    badge = lab.state_of(said | about, Path("/nowhere"))
    assert badge["state"] == word
    assert (badge["failure"] or {"reason": ""})["reason"] == failed


def test_an_answer_of_another_release_may_lack_anything() -> None:
    """Which runs on while the package is renewed."""
    assert state_of({}).state == State.STARTING
    assert state_of({"phase": [], "serving": {"run": "r"}}).state == State.SERVING
