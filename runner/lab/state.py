"""Say what the badge of a notebook shows, from what its supervisor says."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path
from typing import Any

from runner.lab.places import below
from runner.supervise import service_state


class State(enum.StrEnum):
    """Name what a badge can say."""

    NOT_SERVED = "not served"
    STARTING = "starting"
    SERVING = "serving"
    SWAPPING = "swapping"
    FAILED = "failed"
    STOPPING = "stopping"
    SILENT = "silent"


_SHOWN = {
    service_state.State.STARTING: State.STARTING,
    service_state.State.SERVING: State.SERVING,
    service_state.State.SERVING_OLDER: State.FAILED,  # beside it stands what still serves
    service_state.State.SWAPPING: State.SWAPPING,
    service_state.State.RESTARTING: State.STARTING,
    service_state.State.DOWN: State.FAILED,
    service_state.State.WAITING: State.FAILED,
    service_state.State.LAME_DUCK: State.STOPPING,
    service_state.State.STOPPING: State.STOPPING,
}
_OF_A_RUN = ("run", "sha256", "since", "cause")
NOT_SERVED: dict[str, Any] = {"state": State.NOT_SERVED}
SILENT: dict[str, Any] = {"state": State.SILENT}


def state_of(status: dict[str, Any], root: Path) -> dict[str, Any]:
    """Reduce a supervisor's status to what is shown.

    Args:
        status: As it is answered on the control socket.
        root: Jupyter's, below which files can be opened in JupyterLab.
    """
    found = service_state.state_of(status)
    serving, failure = found.serving, found.failure and dataclasses.asdict(found.failure)
    records = Path(status["records"])
    if failure and failure["record"]:  # as the supervisor sees it, from another working folder
        failure["record"] = below(root, records / Path(failure["record"]).name)
    return {
        "state": _SHOWN[found.state],
        "url": status.get("url") or f"http://{status['address']}",
        "version": serving and {key: serving.get(key) for key in _OF_A_RUN},
        "traffic": status.get("traffic"),
        "failure": failure,
        "record": below(root, records / "out.ipynb"),
        "good": len(status["good"]),
    }
