"""Say what the badge of a notebook shows, from what its supervisor says."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

from runner.lab.places import below
from runner.supervise.lifecycle import Phase
from runner.supervise.status import newest_failure


class State(enum.StrEnum):
    """Name what a badge can say."""

    NOT_SERVED = "not served"
    STARTING = "starting"
    SERVING = "serving"
    SWAPPING = "swapping"
    FAILED = "failed"
    STOPPING = "stopping"
    SILENT = "silent"


_OF_A_RUN = ("run", "sha256", "since", "cause")
NOT_SERVED: dict[str, Any] = {"state": State.NOT_SERVED}
SILENT: dict[str, Any] = {"state": State.SILENT}


def state_of(status: dict[str, Any], root: Path) -> dict[str, Any]:
    """Reduce a supervisor's status to what is shown.

    Args:
        status: As it is answered on the control socket.
        root: Jupyter's, below which files can be opened in JupyterLab.
    """
    serving, failure = status["serving"], failure_of(status)
    records = Path(status["records"])
    if failure and failure["record"]:  # as the supervisor sees it, from another working folder
        failure["record"] = below(root, records / Path(failure["record"]).name)
    return {
        "state": _state(status, has_failed=failure is not None),
        "url": status.get("url") or f"http://{status['address']}",
        "version": serving and {key: serving.get(key) for key in _OF_A_RUN},
        "traffic": status.get("traffic"),
        "failure": failure,
        "record": below(root, records / "out.ipynb"),
        "good": len(status["good"]),
    }


def failure_of(status: dict[str, Any]) -> dict[str, Any] | None:
    """Give why the newest version does not serve; None if it does, or may yet."""
    if fault := status["save_fault"]:
        return {"reason": fault, "at": "", "record": None, "cell": None}
    failed = newest_failure(status)
    return failed and {key: failed.get(key) for key in ("reason", "at", "record", "cell")}


def _state(status: dict[str, Any], *, has_failed: bool) -> State:
    if status["phase"] in (Phase.STOPPING, Phase.LAME_DUCK, Phase.OVER):
        return State.STOPPING
    if status["candidate"]:
        return State.SWAPPING if status["serving"] else State.STARTING
    if has_failed:
        return State.FAILED
    return State.SERVING if status["serving"] else State.STARTING
