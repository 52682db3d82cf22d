"""Refuse what options of ``runner manifest`` contradict, and secrets that would be printed."""

from __future__ import annotations

from typing import Any

from runner.errors import ConfigurationError
from runner.masking.names import is_secret
from runner.masking.values import without_passwords
from runner.notebook import document
from runner.notebook.document import Notebook


def check_kind(given: dict[str, Any]) -> None:
    """Refuse what belongs to another kind of object than is asked for.

    Raises:
        ConfigurationError: Something does.
    """
    if given["kserve"] and given["knative"]:
        raise ConfigurationError(
            "--kserve and --knative: one of them",
            hint="--kserve --kserve-mode Knative is KServe's on Knative",
        )
    if given["kserve"] and not given["storage_uri"]:
        raise ConfigurationError(
            "--kserve: --storage-uri says which folder has the notebook and its model",
            hint="as s3://bucket/iris, gs://bucket/iris or pvc://claim/iris",
        )
    if given["kserve"] and (given["api_keys"] or given["keys_secret"] or given["others"]):
        raise ConfigurationError(
            "--kserve: the folder brings all files, and the gateway in front asks for keys",
            hint="leave out --with, --api-keys and --keys-secret",
        )
    for name in () if given["kserve"] else ("storage_uri", "canary_uri", "serving_runtime"):
        if given[name]:
            raise ConfigurationError(f"--{name.replace('_', '-')}: it is for --kserve only")


def check_texts(notebook: str, given: dict[str, Any]) -> None:
    """Refuse passwords and signatures within addresses, wherever they would be printed.

    Raises:
        ConfigurationError: There is one.
    """
    named = (notebook, *(given[name] for name in ("storage_uri", "canary_uri", "prometheus")))
    values = (value for name in ("variables", "plain") for _, value in given[name])
    for text in (*named, *values, *given["serve_options"]):
        if (shown := without_passwords(text)) != text:
            raise ConfigurationError(
                f"{shown}: whoever may see what is printed would read the secret in it",
                hint="put it into a Secret, and give its name by --env-from-secret",
            )


def check_values(known: Notebook | None, values: dict[str, Any]) -> None:
    """Check parameters as the notebook declares them, and refuse secrets.

    Args:
        known: The notebook; None if only the pod can read it.
        values: The parameters.

    Raises:
        ConfigurationError: One is wrong, or a secret.
    """
    for name in values:
        if is_secret(name) or (known and name in known.secrets):
            raise ConfigurationError(
                f"-p {name}: whoever may see the Deployment would read it",
                hint="put it into a Secret, and let the notebook read the variable that"
                " --env-from-secret gives it",
            )
    if known and (fault := document.conflict(known)):
        raise ConfigurationError(f"{known.path}: {fault}")
    if known:
        known.check(values)


def variables(given: dict[str, Any]) -> dict[str, str]:
    """Give the variables of the pods' environment.

    Raises:
        ConfigurationError: One is a secret.
    """
    values = dict(given["variables"])
    for name in filter(is_secret, values):
        raise ConfigurationError(
            f"--env {name}: whoever may see the Deployment would read it",
            hint="put it into a Secret, and give its name by --env-from-secret",
        )
    return values
