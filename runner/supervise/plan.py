"""Say what a supervisor serves, and what of it each notebook version gets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.config import EngineConfig
from runner.errors import ConfigurationError, NotebookError
from runner.notebook import document as notebook
from runner.notebook.annotations import check_language, is_annotated
from runner.notebook.signs import ONE_PROCESS, signs_of
from runner.supervise.lifecycle import Rules

_WAYS = (
    "runner's `serve`, a server or a socket library that it knows, the name `app`, or annotated"
    " cells (`# GET /path`)"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Say what to serve, and how.

    Attributes:
        path: The notebook.
        out: Where the record of what serves is shown.
        values: The parameters given.
        config: The engine's waits and intervals.
        log_output: Also log what the cells print.
        host: Address to bind.
        port: TCP port to bind.
        workers: Listening sockets, one for each worker.
        rules: How the lifecycle behaves.
        environ: Variables for the runs besides ours.
        is_trial: Serve once, beside ``out`` and not in the notebook's own folder, and stop then.
    """

    path: Path
    out: Path
    values: dict[str, Any]
    config: EngineConfig
    log_output: bool
    host: str
    port: int
    workers: int
    rules: Rules
    environ: Mapping[str, str]
    is_trial: bool = False


def model_of(plan: Plan) -> Path | None:
    """Find the file that the parameter ``model_path`` names."""
    path = plan.values.get("model_path") or notebook.read(plan.path).default("model_path")
    return Path(path) if isinstance(path, str) and path else None


def values_for(plan: Plan, path: Path) -> dict[str, Any]:
    """Check a notebook, and give the parameters for it, with host and port if it declares them.

    Raises:
        ConfigurationError: A parameter is wrong, or the file is no notebook.
        NotebookError: Nothing in it serves.
    """
    document = notebook.read(path)
    signs = signs_of(document, plan.path.parent)
    if not (signs.can_share_sockets or is_annotated(document, signs)):
        raise NotebookError(f"no cell uses {_WAYS}, so nothing in it would serve")
    if signs.is_one_process and plan.workers > 1 and not is_annotated(document, signs):
        raise ConfigurationError(f"{plan.path}: {ONE_PROCESS}")
    declared = document.parameters()
    offered = {"host": plan.host, "port": plan.port}
    values = {name: value for name, value in offered.items() if name in declared}
    checked: dict[str, Any] = document.check(values | plan.values)
    return checked


def is_supervised(path: Path, *, wants_supervisor: bool) -> bool:
    """Decide whether a notebook can be served by the supervisor.

    Args:
        path: The notebook.
        wants_supervisor: Whether something was asked for that only the supervisor can do.

    Raises:
        ConfigurationError: That was asked for, but the notebook does not let it; or its
            annotated cells are not Python.
    """
    try:
        document = notebook.read(path)
        signs = signs_of(document, path.parent)
    except ConfigurationError:
        return False  # whoever runs it says what is wrong
    is_able = signs.can_share_sockets or is_annotated(document, signs)
    check_language(document)
    if wants_supervisor and not is_able:
        raise ConfigurationError(
            f"{path}: --workers and --reload need a notebook that uses {_WAYS}",
            hint="let its last cell be: from runner import serve; serve(app)",
        )
    return is_able
