"""Be the command ``runner manifest``."""

from __future__ import annotations

from typing import Any

import click

from runner import __version__
from runner.cli.options import EPILOG, PATH
from runner.cli.serve_options import BesideServeOptions
from runner.manifest.choices import Autoscale, KServeMode, Monitor


@click.command(cls=BesideServeOptions, epilog=EPILOG)
@click.argument("notebook")
@click.argument("serve_options", nargs=-1, type=click.UNPROCESSED)
@click.option("--name", default="", help="Of all objects; else NOTEBOOK's, as `serve`.")
@click.option("--namespace", default="", help="Of all objects; else where they are applied.")
@click.option(
    "--image",
    default=f"runner:{__version__}",
    show_default=True,
    help="What the pods run; `runner image` prints a dockerfile for it.",
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
@click.option(
    "--measured",
    type=PATH,
    metavar="FILE",
    help="Request what `runner measure` has written there that it needs.",
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
@click.option("--knative", is_flag=True, help="Print a Service of Knative Serving.")
@click.option("--kserve", is_flag=True, help="Print an InferenceService of KServe.")
@click.option(
    "--storage-uri",
    default="",
    metavar="URI",
    help="With --kserve: of the folder with NOTEBOOK and its model, as s3://bucket/iris.",
)
@click.option(
    "--serving-runtime",
    is_flag=True,
    help="With --kserve: also print a ServingRuntime of model format `notebook`, which serves any"
    " folder that has a serve.ipynb by one image.",
)
@click.option(
    "--kserve-mode",
    type=click.Choice([each.value for each in KServeMode]),
    default=KServeMode.STANDARD.value,
    show_default=True,
    help="What KServe keeps the pods by.",
)
@click.option(
    "--canary-uri",
    default="",
    metavar="URI",
    help="With --kserve: of another folder, which gets a part of the requests.",
)
@click.option("--canary-percent", type=click.IntRange(0, 100), default=10, show_default=True)
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
    from runner.cli.manifest_settings import objects_of
    from runner.manifest.yaml_form import dumped

    objects = objects_of(notebook, given)
    click.echo(_head(), nl=False)
    click.echo(dumped(objects), nl=False)


def _head() -> str:
    """Say above it all by what it was printed."""
    return f"# Printed by `runner manifest` {__version__}; `kubectl apply -f FILE` takes it.\n"


def _numbers(text: str, parameter: click.Parameter) -> tuple[int | None, int | None]:
    """Read a user's and a group's number."""
    if not text:
        return None, None
    user, _, group = text.partition(":")
    if not (user.isdecimal() and int(user) and (group or "0").isdecimal()):
        said = f"{text} is none, such as 1000:100; root, 0, is refused"
        raise click.BadParameter(said, param=parameter)
    return int(user), int(group or user)
