"""Turn the options of ``runner manifest`` into what is described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from runner.access.key_file import read_keys
from runner.cli.manifest_checks import check_kind, check_texts, check_values, variables
from runner.cli.options import values_of
from runner.cli.serve import drain_seconds, ready_seconds
from runner.cli.serve_options import read_serve_options
from runner.errors import ConfigurationError
from runner.manifest import knative, kserve, kubernetes, needs, notebook_files
from runner.manifest.choices import Autoscale, KServeMode, Monitor
from runner.manifest.settings import (
    KServeSettings,
    Resources,
    Served,
    Settings,
    Source,
    name_of,
)
from runner.measure import measurement
from runner.notebook import document, models
from runner.notebook.document import Notebook
from runner.storage import urls

_OF_THE_POD = ("host", "out", "api_keys")
_PORT_OF_PLATFORMS = 8080  # which Knative and KServe take unless told otherwise


def objects_of(notebook: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe the service as the options say.

    Raises:
        ConfigurationError: Something of it cannot be.
    """
    check_kind(given)
    check_texts(notebook, given)
    settings = _settings(notebook, given)
    if given["kserve"]:
        return kserve.objects(settings, _kserve(given))
    return knative.objects(settings) if given["knative"] else kubernetes.objects(settings)


def _kserve(given: dict[str, Any]) -> KServeSettings:
    return KServeSettings(
        uri=given["storage_uri"],
        mode=KServeMode(given["kserve_mode"]),
        has_runtime=given["serving_runtime"],
        canary_uri=given["canary_uri"],
        canary_percent=given["canary_percent"],
    )


def _settings(notebook: str, given: dict[str, Any]) -> Settings:
    user, group = given["user"]
    name = given["name"] or name_of(notebook)
    keys = _keys(given)
    served = _served(notebook, given)
    return Settings(
        name=name,
        namespace=given["namespace"],
        image=given["image"],
        source=_source(notebook, given),
        served=served,
        resources=_resources(given, served),
        replicas=given["replicas"],
        most_replicas=given["max_replicas"],
        autoscale=Autoscale(given["autoscale"]),
        in_flight=given["in_flight"],
        prometheus=given["prometheus"],
        monitor=Monitor(given["monitor"]),
        keys=keys,
        keys_secret=given["keys_secret"] or (f"{name}-keys" if keys is not None else ""),
        variables=variables(given),
        variables_from=given["variables_from"],
        allowed_from=given["allowed_from"],
        user=user,
        group=group,
        service_account=given["service_account"],
        working_folder=given["workdir"],
        model_claim=given["model_claim"],
    )


def _source(notebook: str, given: dict[str, Any]) -> Source:
    """Say how the notebook comes into the pod."""
    if urls.is_url(notebook):
        if given["others"]:
            raise ConfigurationError("--with: nothing can be brought beside an address")
        return Source(path=notebook)
    if given["kserve"]:
        return Source(path=Path(notebook).name)
    path = notebook_files.below_here(Path(notebook))
    if given["notebook_from"] == "image":
        if given["others"]:
            raise ConfigurationError("--with FILE: the image has the notebook, and what is beside")
        return Source(path=path)
    files = notebook_files.collected(Path(notebook), given["others"])
    if notebook_files.size_of(files) > notebook_files.MOST_BYTES_APPLIED:
        _remark("the ConfigMap is larger than 256 KB: `kubectl apply --server-side` takes it")
    return Source(path=path, files=files)


def _served(notebook: str, given: dict[str, Any]) -> Served:
    """Read the options for `runner serve`, by its own rules."""
    words = [*_parameter_words(given), *given["serve_options"]]
    known = None if urls.is_url(notebook) else document.read(Path(notebook))
    with read_serve_options(words) as context:
        told = context.params
        _check(told, context)
        check_values(known, values_of(told))
        return Served(
            arguments=tuple(words),
            port=_port(told["port"], given, context),
            ready_seconds=ready_seconds(told),
            stop_seconds=told["lame_duck"] + drain_seconds(told),
            hang_seconds=told["hang_timeout"],
            health_path=told["health_path"],
            ready_path=told["ready_path"],
            speaks_tls=bool(told["tls_cert"]),
            reloads=told["reload"],
            request_bytes=told["record_bytes"] if told["record_requests"] else 0,
            keeps_copies=known is None or _loads_by_address(known, told),
        )


def _loads_by_address(known: Notebook, told: dict[str, Any]) -> bool:
    """Tell whether a model of it is copied from a storage."""
    found = models.loaded_models(known, values_of(told))
    return any(map(urls.is_url, [told["model_folder"], *found]))


def _port(told: int, given: dict[str, Any], context: click.Context) -> int:
    """Give the port that was asked for, or else the one of whoever keeps the pods."""
    is_given = context.get_parameter_source("port") is ParameterSource.COMMANDLINE
    if not told:
        raise ConfigurationError("--port 0 behind `--`: nobody would know which port it is")
    of_platform = given["kserve"] or given["knative"]
    return _PORT_OF_PLATFORMS if of_platform and not is_given else told


def _parameter_words(given: dict[str, Any]) -> list[str]:
    return [word for name, value in given["plain"] for word in ("-p", name, value)]


def _check(told: dict[str, Any], context: click.Context) -> None:
    """Refuse what cannot be in a pod.

    Raises:
        ConfigurationError: Something cannot.
    """
    for name in _OF_THE_POD:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            shown = name.replace("_", "-")
            raise ConfigurationError(f"--{shown} behind `--`: it is the pod's, and set for it")
    if told["files"]:
        raise ConfigurationError("-f FILE behind `--`: the pod has no such file; -p sets each")
    if not (told["health_path"] and told["ready_path"]):
        raise ConfigurationError("without --health-path and --ready-path no probe can ask")
    if told["tls_client_ca"]:
        raise ConfigurationError("--tls-client-ca: Kubernetes' probes have no certificate to show")


def _resources(given: dict[str, Any], served: Served) -> Resources:
    """Take what was given, then what was measured, then a guess, which is told."""
    names = ("cpu", "memory", "cpu_limit", "memory_limit")
    own = {name: given[name] for name in names if given[name]}
    found = Resources()
    if given["measured"]:
        measured = measurement.read(given["measured"])
        found = needs.resources_of(measured, reloads=served.reloads)
        if tuple(measured.options) != served.arguments:
            _remark(f"it was measured with other options: {' '.join(measured.options) or 'none'}")
    elif not {"cpu", "memory"} <= own.keys():
        _remark(
            "what the pods need is a guess: `runner measure NOTEBOOK --out FILE` measures it, and"
            " --measured FILE takes that; or give --cpu and --memory"
        )
    return found.requesting(**own)


def _remark(said: str) -> None:
    click.echo(f"runner: {said}", err=True)


def _keys(given: dict[str, Any]) -> bytes | None:
    """Read the file of hashes, and make sure that it is one.

    Raises:
        ConfigurationError: It is none.
    """
    if given["api_keys"] is None:
        return None
    if given["keys_secret"]:
        raise ConfigurationError("--api-keys and --keys-secret: one of them says which keys")
    read_keys(given["api_keys"])
    content: bytes = given["api_keys"].read_bytes()
    return content
