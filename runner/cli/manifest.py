"""Be the command ``runner manifest``."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from runner import __version__
from runner.cli.options import EPILOG, PATH, rehearsal_of, values_of
from runner.cli.serve import serve
from runner.errors import ConfigurationError
from runner.manifest.settings import Autoscale, Monitor

_OF_THE_POD = ("host", "out", "api_keys")
_KILLS_AFTER = 5.0  # seconds that `runner serve` waits longer than for grace and drain


@click.command(epilog=EPILOG)
@click.argument("notebook")
@click.argument("serve_options", nargs=-1, type=click.UNPROCESSED)
@click.option("--name", default="", help="Of all objects; else NOTEBOOK's, as `serve`.")
@click.option("--namespace", default="", help="Of all objects; else where they are applied.")
@click.option(
    "--image",
    default=f"runner:{__version__}",
    show_default=True,
    help="What the pods run; `docker build --target slim -t IMAGE .` makes one.",
)
@click.option(
    "--notebook-from",
    type=click.Choice(("configmap", "image")),
    default="configmap",
    show_default=True,
    help="What brings the notebook: a ConfigMap that is printed too, or the image. An address as"
    " NOTEBOOK, such as s3://bucket/serve.ipynb, is read by the pod.",
)
@click.option(
    "--with",
    "others",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Let the ConfigMap also bring FILE, such as a module beside NOTEBOOK; repeatable.",
)
@click.option(
    "--workdir",
    default="/home/jovyan",
    show_default=True,
    help="Folder of the image that stands for this one.",
)
@click.option("--model-claim", default="", help="PersistentVolumeClaim with the folder `model`.")
@click.option(
    "-p",
    "--parameters",
    "plain",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter, as `runner serve -p` does; repeatable.",
)
@click.option("--replicas", type=click.IntRange(1, 1000), default=2, show_default=True)
@click.option("--max-replicas", type=click.IntRange(1, 10_000), default=10, show_default=True)
@click.option(
    "--autoscale",
    type=click.Choice([each.value for each in Autoscale]),
    default=Autoscale.CPU.value,
    show_default=True,
    help="Have the number of pods follow their CPU, the requests in flight (needs KEDA and"
    " Prometheus), or nothing.",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Requests in flight in one pod, above which there are more pods.",
)
@click.option(
    "--prometheus",
    default="http://prometheus-operated.monitoring.svc:9090",
    show_default=True,
    metavar="URL",
    help="Where KEDA asks for them.",
)
@click.option(
    "--monitor",
    type=click.Choice([each.value for each in Monitor]),
    default=Monitor.ANNOTATIONS.value,
    show_default=True,
    help="How Prometheus finds the pods; podmonitor needs its operator.",
)
@click.option("--cpu", default="", metavar="CPU", help="To request, as 500m or 2.")
@click.option("--memory", default="", metavar="MEMORY", help="To request, as 512Mi.")
@click.option("--cpu-limit", default="", metavar="CPU", help="None unless given: it slows answers.")
@click.option("--memory-limit", default="", metavar="MEMORY", help="Beyond it a pod is killed.")
@click.option(
    "--api-keys",
    type=PATH,
    metavar="FILE",
    help="Print a Secret with this file of hashes, as `runner key` makes it, and ask for keys.",
)
@click.option(
    "--keys-secret",
    default="",
    metavar="NAME",
    help="Ask for keys, by the entry `keys` of this Secret, which is there.",
)
@click.option(
    "--env",
    "variables",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Set a variable of the pods' environment; repeatable.",
)
@click.option(
    "--env-from-secret",
    "variables_from",
    multiple=True,
    metavar="NAME",
    help="Take variables from the Secret NAME, as for a bucket or a database; repeatable.",
)
@click.option(
    "--allow-from",
    "allowed_from",
    multiple=True,
    metavar="NAMESPACE",
    help="Let only pods of this namespace ask; repeatable. Else any client may.",
)
@click.option(
    "--user",
    default="1000:100",
    show_default=True,
    metavar="UID:GID",
    callback=lambda _, parameter, text: _numbers(text, parameter),
    help="As whom the pods run; '' leaves it to the platform, as OpenShift wants.",
)
@click.option("--service-account", default="", metavar="NAME", help="Of the pods.")
def manifest(notebook: str, **given: Any) -> None:
    """Print what makes a Kubernetes cluster serve NOTEBOOK, as YAML; nothing is applied.

    \b
    runner manifest notebooks/serve.ipynb --name iris --image registry/iris:1 > iris.yaml
    kubectl apply -f iris.yaml
    runner manifest notebooks/serve.ipynb --name iris -p threshold 0.4 -- --workers 2

    What stands behind `--` are options of `runner serve`; the pods' probes and the time that they
    have to end fit them. A notebook that is saved, printed and applied again replaces the pods
    one after another without a lost request; one that never gets ready changes nothing.

    A Deployment, a Service, an autoscaler, a PodDisruptionBudget and a NetworkPolicy are printed,
    with a ConfigMap or a Secret if there is one. The pods are no root, have no rights, and write
    to volumes of their own only.
    """  # noqa: D301 - click wants the character, not the words for it
    from runner.manifest import kubernetes
    from runner.manifest.yaml_form import dumped

    settings = _settings(notebook, given)
    click.echo(_head(), nl=False)
    click.echo(dumped(kubernetes.objects(settings)), nl=False)


def _head() -> str:
    """Say above it all by what it was printed."""
    return f"# Printed by `runner manifest` {__version__}; `kubectl apply -f FILE` takes it.\n"


def _settings(notebook: str, given: dict[str, Any]) -> Any:
    from runner.manifest.settings import Settings, name_of

    user, group = given["user"]
    name = given["name"] or name_of(notebook)
    keys = _keys(given)
    return Settings(
        name=name,
        namespace=given["namespace"],
        image=given["image"],
        source=_source(notebook, given),
        served=_served(notebook, given),
        resources=_resources(given),
        replicas=given["replicas"],
        most_replicas=given["max_replicas"],
        autoscale=Autoscale(given["autoscale"]),
        in_flight=given["in_flight"],
        prometheus=given["prometheus"],
        monitor=Monitor(given["monitor"]),
        keys=keys,
        keys_secret=given["keys_secret"] or (f"{name}-keys" if keys is not None else ""),
        variables=dict(given["variables"]),
        variables_from=given["variables_from"],
        allowed_from=given["allowed_from"],
        user=user,
        group=group,
        service_account=given["service_account"],
        working_folder=given["workdir"],
        model_claim=given["model_claim"],
    )


def _numbers(text: str, parameter: click.Parameter) -> tuple[int | None, int | None]:
    """Read a user's and a group's number."""
    if not text:
        return None, None
    user, _, group = text.partition(":")
    if not (user.isdecimal() and int(user) and (group or "0").isdecimal()):
        said = f"{text} is none, such as 1000:100; root, 0, is refused"
        raise click.BadParameter(said, param=parameter)
    return int(user), int(group or user)


def _is_address(notebook: str) -> bool:
    return "://" in notebook


def _source(notebook: str, given: dict[str, Any]) -> Any:
    from runner.manifest import notebook_files
    from runner.manifest.settings import Source

    if _is_address(notebook):
        if given["others"]:
            raise ConfigurationError("--with: nothing can be brought beside an address")
        return Source(path=notebook)
    path = notebook_files.below_here(Path(notebook))
    if given["notebook_from"] == "image":
        if given["others"]:
            raise ConfigurationError("--with FILE: the image has the notebook, and what is beside")
        return Source(path=path)
    return Source(path=path, files=notebook_files.collected(Path(notebook), given["others"]))


def _served(notebook: str, given: dict[str, Any]) -> Any:
    """Read the options for `runner serve`, by its own rules."""
    from runner.manifest.settings import Served

    words = [*_parameter_words(given), *given["serve_options"]]
    with _parser().make_context("runner serve", ["notebook.ipynb", *words]) as context:
        told = context.params
        _check(notebook, told, context)
        rehearsal = rehearsal_of(told)
        ends_within = max(told["grace"], told["linger"] + told["drain_timeout"])
        return Served(
            arguments=tuple(words),
            port=told["port"],
            ready_seconds=told["ready_timeout"] + (rehearsal.seconds if rehearsal else 0.0),
            stop_seconds=ends_within + _KILLS_AFTER,
            hang_seconds=told["hang_timeout"],
            health_path=told["health_path"],
            ready_path=told["ready_path"],
            speaks_tls=bool(told["tls_cert"]),
            reloads=told["reload"],
        )


def _parameter_words(given: dict[str, Any]) -> list[str]:
    return [word for name, value in given["plain"] for word in ("-p", name, value)]


def _parser() -> click.Command:
    """Give `runner serve` without variables: those of this shell are not the pod's."""
    command = copy.copy(serve)
    command.params = [copy.copy(each) for each in serve.params]
    for each in command.params:
        each.envvar = None
    return command


def _check(notebook: str, told: dict[str, Any], context: click.Context) -> None:
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
    _check_values(notebook, values_of(told))


def _check_values(notebook: str, values: dict[str, Any]) -> None:
    from runner.masking.names import is_secret
    from runner.notebook import document

    for name in values:
        if is_secret(name):
            raise ConfigurationError(
                f"-p {name}: whoever may see the Deployment would read it",
                hint="put it into a Secret, and let the notebook read the variable that"
                " --env-from-secret gives it",
            )
    if not _is_address(notebook):
        document.read(Path(notebook)).check(values)


def _resources(given: dict[str, Any]) -> Any:
    import dataclasses

    from runner.manifest.settings import Resources

    names = ("cpu", "memory", "cpu_limit", "memory_limit")
    return dataclasses.replace(Resources(), **{name: given[name] for name in names if given[name]})


def _keys(given: dict[str, Any]) -> bytes | None:
    """Read the file of hashes, and make sure that it is one.

    Raises:
        ConfigurationError: It is none.
    """
    from runner.access.key_file import read_keys

    if given["api_keys"] is None:
        return None
    if given["keys_secret"]:
        raise ConfigurationError("--api-keys and --keys-secret: one of them says which keys")
    read_keys(given["api_keys"])
    content: bytes = given["api_keys"].read_bytes()
    return content
