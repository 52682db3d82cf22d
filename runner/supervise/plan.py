"""Say what a supervisor serves, and what of it each notebook version gets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runner.access.settings import AccessSettings
from runner.config import REQUEST_LOG_FOLDER, EngineConfig, variable
from runner.errors import ConfigurationError
from runner.files import found_above
from runner.notebook import document as notebook
from runner.notebook import models
from runner.notebook.annotations import check_language
from runner.notebook.document import Notebook
from runner.record import requests
from runner.rehearsal.handover import Rules
from runner.storage import urls
from runner.supervise import lifecycle
from runner.tls.certificate import TlsFiles


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
        access: Who may ask.
        secrets: Names of parameters to mask besides those that are known.
        rehearsal: What a new version is asked before it takes over; None if it is not.
        recorded: Where the recorded requests are; None for the service's own folder.
        is_trial: Serve once, beside ``out`` and not in the notebook's own folder, and stop then.
        tls: By what clients speak TLS; None: by what the notebook asks for, if it does.
        reload_jitter: Seconds within which a change is taken up, at a moment left to chance.
        model_folder: Where its parameter ``model_path`` is looked for, unless given; empty: where
            the notebook says.
        greet: Told where it serves, and what there is to look at, when it does for the first time;
            in a thread.
        follow: Has a model followed that is named by URL, whose copy has a path, and gives the
            file by which its changes are seen.
    """

    path: Path
    out: Path
    values: dict[str, Any]
    config: EngineConfig
    log_output: bool
    host: str
    port: int
    workers: int
    rules: lifecycle.Rules
    environ: Mapping[str, str]
    access: AccessSettings = dataclasses.field(default_factory=AccessSettings)
    secrets: frozenset[str] = frozenset()
    rehearsal: Rules | None = None
    recorded: Path | None = None
    is_trial: bool = False
    tls: TlsFiles | None = None
    reload_jitter: float = 0.0
    model_folder: str = ""
    greet: Callable[[str, dict[str, Any]], None] | None = None
    follow: Callable[[str, Path], Path] | None = None

    def recording_below(self, folder: Path | None) -> Plan:
        """Have requests recorded, if they are, in a service's folder; without one they are not."""
        log = str(requests.folder_of(folder).resolve()) if folder else ""
        return dataclasses.replace(
            self, environ={**self.environ, variable(REQUEST_LOG_FOLDER): log}
        )


def models_of(plan: Plan) -> list[Path]:
    """Find the files of the models that the notebook loads, as it is now.

    Raises:
        ConfigurationError: It cannot be read.
    """
    document = notebook.read(plan.path)
    found = models.loaded_models(document, _model_of(plan, document) | plan.values)
    return [path for named in found if (path := _watched(plan, named))]


def _watched(plan: Plan, named: str) -> Path | None:
    """Say by which file it is seen that a model has changed; None if nobody looks."""
    url = urls.as_url(named)
    if not url:
        return found_above(Path(named)) or Path(named)
    try:
        place = urls.local_copy(urls.check(url))
    except ConfigurationError:
        return None
    return plan.follow(url, place) if plan.follow else None


def values_for(plan: Plan, path: Path) -> dict[str, Any]:
    """Check a notebook, and give the parameters for it, with host and port if it declares them.

    They are as they were given: the engine gives them their types. What
    serves in it is seen when it runs.

    Raises:
        ConfigurationError: A parameter is wrong, the file is no notebook, or its language is not
            one that can be served so.
    """
    document = notebook.read(path, plan.secrets)
    check_language(document)
    document.check_secrets(plan.values)
    offered = {"host": plan.host, "port": plan.port}
    if not document.is_python:
        _check_other_language(plan, document)
        return (offered if document.has_parameters_cell else {}) | plan.values
    declared = document.parameters()
    values = {name: value for name, value in offered.items() if name in declared}
    values |= _model_of(plan, document) | plan.values
    document.check(values)
    return values


def _model_of(plan: Plan, document: Notebook) -> dict[str, Any]:
    """Give the model that a platform has put into its folder, by the name that the notebook has."""
    declared = document.parameters().get("model_path")
    if not plan.model_folder or declared is None or not isinstance(declared.default, str):
        return {}
    folder, named = plan.model_folder.rstrip("/"), declared.default
    if "://" in folder:
        return {"model_path": f"{folder}/{named.rpartition('/')[2]}"}
    places = (Path(folder, named), Path(folder, Path(named).name))
    found = next((str(place) for place in places if place.exists()), None)
    return {"model_path": found} if found else {}


def shares_sockets(path: Path) -> bool:
    """Tell whether a notebook's kernel can take sockets: Python's, and no other."""
    return notebook.read(path).is_python


def how_far(plan: Plan, language: str) -> str:
    """Say what is done for a notebook in another language than Python, and what is not."""
    return (
        f"its cells are {language}, so what they start has to listen on"
        f" {plan.host}:{plan.port} by itself (the parameters `host` and `port` say so to a notebook"
        " with a cell tagged `parameters`). It is recorded, watched, restarted and stopped;"
        " workers, limits, health paths and a change without a gap need Python"
    )


def _check_other_language(plan: Plan, document: Notebook) -> None:
    if plan.workers > 1:
        raise ConfigurationError(
            f"{plan.path}: its cells are {document.language}, which one process serves",
            hint="leave out --workers",
        )
    if plan.access.asks_for_keys:
        raise ConfigurationError(
            f"{plan.path}: its cells are {document.language}, which listens by itself, so nobody"
            " can ask for API keys there",
            hint="a proxy in front of it can",
        )
    if not plan.port:
        raise ConfigurationError(
            f"{plan.path}: its cells are {document.language}, and have to know their port",
            hint="--port says which",
        )
