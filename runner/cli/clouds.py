"""Take what platforms tell a container by variables of their own for variables of ours.

The rules of this file:

1. What somebody has told us himself comes first: an option, then its own variable, then these.
2. A variable with a common name, such as ``PORT``, counts only if it is what a platform would say.

Sources: Cloud Run's and Knative's container contracts, Heroku's ``PORT``, Vertex AI's requirements
for custom containers, KServe's custom predictors.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from runner import identity
from runner.config import variable
from runner.errors import ConfigurationError

_PORTS = ("AIP_HTTP_PORT", "PORT")
_SAME = {
    "AIP_HEALTH_ROUTE": "ready-path",  # it asks whether requests may be sent
    "AIP_PREDICT_ROUTE": "predict-path",
    "AIP_STORAGE_URI": "model-folder",
}
_NOTEBOOK = "serve.ipynb"


def adopt(environ: MutableMapping[str, str] = os.environ) -> None:
    """Set our variables by those of the platform that runs us, if there is one."""
    if environ.get(variable("port"), "").startswith("tcp://"):  # Kubernetes, of a Service `runner`
        del environ[variable("port")]
    if port := _port_of(environ):
        environ.setdefault(variable("port"), port)
    for theirs, ours in _SAME.items():
        if told := environ.get(theirs):
            environ.setdefault(variable(ours), told)
    # All instances of Cloud Run have this name.
    if "K_SERVICE" in environ and identity.replica(environ) == "localhost":
        revision = environ.get("K_REVISION", environ["K_SERVICE"])
        environ[variable("replica")] = f"{revision}-{secrets.token_hex(3)}"


def host_for(port: int, environ: Mapping[str, str] = os.environ) -> str:
    """Give the address to bind, if nobody has said it: who says the port sends from outside.

    Args:
        port: As a variable has told it, and no option.
        environ: The platform's.
    """
    return "0.0.0.0" if _port_of(environ) == str(port) else "127.0.0.1"  # noqa: S104


def refuse_grpc(environ: MutableMapping[str, str] = os.environ) -> None:
    """Refuse a protocol of KServe that nobody here speaks.

    Raises:
        ConfigurationError: It is one.
    """
    protocol = environ.get("PROTOCOL", "").lower()
    if protocol.startswith("grpc"):
        raise ConfigurationError(
            f"PROTOCOL={protocol}: predictions are asked for by HTTP",
            hint="PROTOCOL=v1 and v2 are both answered, at /v1/models and /v2/models",
        )


def found(notebook: Path, model_folder: str) -> tuple[Path, str]:
    """Take a folder, such as KServe's ``/mnt/models``, for the notebook that serves in it.

    What lies beside it is where its model is looked for, unless that was told.

    Args:
        notebook: As it was named.
        model_folder: Likewise; empty if it was not.
    """
    if not notebook.is_dir():
        return notebook, model_folder
    return notebook / _NOTEBOOK, model_folder or str(notebook)


def _port_of(environ: Mapping[str, str]) -> str:
    """Give the port that a platform says; empty if none does."""
    return next((environ[name] for name in _PORTS if _is_port(environ.get(name, ""))), "")


def _is_port(text: str) -> bool:
    return text.isdecimal() and text.isascii() and 0 < int(text) <= 65535
