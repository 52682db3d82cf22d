"""Hold what a service is to be on Kubernetes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from runner.errors import ConfigurationError
from runner.manifest.choices import Autoscale, KServeMode, Monitor

_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_CPU = re.compile(r"[0-9]+m|[0-9]+(?:\.[0-9]{1,3})?")
_MEMORY = re.compile(r"[0-9]+(?:[kMGT]|[KMGT]i)?")
_UNITS = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_UNITS |= {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """Say what `runner serve` is told in a pod, and which of its times the pod has to fit.

    Attributes:
        arguments: Its options.
        port: On which it listens.
        ready_seconds: That a run has until it serves.
        stop_seconds: Within which it has ended after SIGTERM.
        hang_seconds: After which it replaces a worker that stands still; 0: it does not.
        health_path: That answers while the process lives.
        ready_path: That answers while it is ready.
        speaks_tls: Whether probes have to.
        reloads: Whether a new version stands beside the old one for a while.
        request_bytes: That recorded requests may have.
        keeps_copies: Whether the folder of records also has copies of what is named by URL.
    """

    arguments: tuple[str, ...] = ()
    port: int = 8000
    ready_seconds: float = 120.0
    stop_seconds: float = 12.0
    hang_seconds: float = 30.0
    health_path: str = "/healthz"
    ready_path: str = "/readyz"
    speaks_tls: bool = False
    reloads: bool = False
    request_bytes: int = 0
    keeps_copies: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Say how the notebook comes into the pod.

    Attributes:
        path: As `runner serve` is told: below the working folder, or an address.
        files: What a ConfigMap brings there, by path; none: the image or the storage has it.
    """

    path: str
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resources:
    """Say what a pod needs, as Kubernetes writes it; empty: no bound."""

    cpu: str = "250m"
    memory: str = "320Mi"
    cpu_limit: str = ""
    memory_limit: str = "640Mi"

    def __post_init__(self) -> None:
        """Refuse what Kubernetes would."""
        for value, form, example in (
            (self.cpu, _CPU, "500m or 2"),
            (self.cpu_limit, _CPU, "500m or 2"),
            (self.memory, _MEMORY, "512Mi or 2Gi"),
            (self.memory_limit, _MEMORY, "512Mi or 2Gi"),
        ):
            if value and not form.fullmatch(value):
                raise ConfigurationError(f"{value!r:.40} is no quantity, such as {example}")
        for what, requested, most in (
            ("cpu", self.cpu, self.cpu_limit),
            ("memory", self.memory, self.memory_limit),
        ):
            if most and _amount(requested) > _amount(most):
                raise ConfigurationError(
                    f"--{what} {requested} is requested, more than --{what}-limit {most} allows"
                )

    def requesting(self, **own: str) -> Resources:
        """Take other quantities; twice the memory that is requested may be taken, unless given."""
        if "memory" in own and "memory_limit" not in own and _MEMORY.fullmatch(own["memory"]):
            number = own["memory"].rstrip("kiKMGT")
            own["memory_limit"] = f"{2 * int(number)}{own['memory'].removeprefix(number)}"
        return dataclasses.replace(self, **own)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Say what a service is to be.

    Attributes:
        name: Of all its objects.
        namespace: Of all its objects; empty: where they are applied.
        image: That the pods run.
        source: How the notebook comes into it.
        served: What runs in it.
        resources: What a pod needs.
        replicas: How many pods at least.
        most_replicas: How many at most, if their number follows the load.
        autoscale: By what it does.
        in_flight: Requests in flight in one pod, on average, above which there are more pods.
        prometheus: Where KEDA asks for them.
        monitor: How Prometheus finds the pods.
        keys: The file of the hashes of API keys; None: no Secret is printed.
        keys_secret: The Secret that has it; empty: no key is asked for.
        variables: Of the pods' environment.
        variables_from: Secrets whose entries are such variables.
        allowed_from: Namespaces that may ask; none: whoever reaches the port.
        user: Number of the pods' user; None: as the platform chooses.
        group: Likewise of its group.
        service_account: Of the pods; empty: the namespace's own.
        working_folder: Of the image.
        model_claim: PersistentVolumeClaim with the folder `model`; empty: there is none.
        lame_duck: Seconds that a pod still answers after it was told to end.
    """

    name: str
    namespace: str = ""
    image: str
    source: Source
    served: Served = dataclasses.field(default_factory=Served)
    resources: Resources = dataclasses.field(default_factory=Resources)
    replicas: int = 2
    most_replicas: int = 10
    autoscale: Autoscale = Autoscale.CPU
    in_flight: int = 8
    prometheus: str = "http://prometheus-operated.monitoring.svc:9090"
    monitor: Monitor = Monitor.ANNOTATIONS
    keys: bytes | None = None
    keys_secret: str = ""
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    variables_from: tuple[str, ...] = ()
    allowed_from: tuple[str, ...] = ()
    user: int | None = 1000
    group: int | None = 100
    service_account: str = ""
    working_folder: str = "/home/jovyan"
    model_claim: str = ""
    lame_duck: int = 5

    def __post_init__(self) -> None:
        """Refuse names that Kubernetes would, and numbers that contradict each other."""
        for what, name in (("--name", self.name), ("--namespace", self.namespace)):
            if name and not _NAME.fullmatch(name):
                raise ConfigurationError(
                    f"{what} {name!r:.80}: not a name of Kubernetes: small letters, digits and `-`,"
                    " a letter first, 63 characters at most"
                )
        if self.most_replicas < self.replicas and self.autoscale is not Autoscale.NONE:
            raise ConfigurationError(
                f"--max-replicas {self.most_replicas} is less than --replicas {self.replicas}"
            )

    @property
    def labels(self) -> dict[str, str]:
        """Those of the pods, by which all others find them."""
        return {"app.kubernetes.io/name": self.name}


@dataclasses.dataclass(frozen=True, kw_only=True)
class KServeSettings:
    """Say what only KServe has.

    Attributes:
        uri: Of the folder with the notebook and its model.
        mode: What it keeps the pods by.
        has_runtime: Whether one runtime serves all such folders.
        canary_uri: Of another folder, which gets a part of the requests; empty: there is none.
        canary_percent: Which part.
    """

    uri: str
    mode: KServeMode = KServeMode.STANDARD
    has_runtime: bool = False
    canary_uri: str = ""
    canary_percent: int = 10


def _amount(quantity: str) -> float:
    number = quantity.rstrip("kmiKMGT")
    return float(number) * _UNITS[quantity.removeprefix(number)]


def name_of(path: str) -> str:
    """Make a name of a notebook's path: ``notebooks/My model.ipynb`` gives ``my-model``.

    Raises:
        ConfigurationError: Nothing is left of it.
    """
    stem = path.rstrip("/").rpartition("/")[2].removesuffix(".ipynb").lower()
    name = re.sub("[^a-z0-9]+", "-", stem).strip("-0123456789")[:50].rstrip("-")
    if not name:
        raise ConfigurationError(f"{path}: no name can be made of it", hint="--name NAME gives one")
    return name
