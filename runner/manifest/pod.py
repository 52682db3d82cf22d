"""Describe the pods: one container, what it may, what it can write, and how it is asked.

The rules of this file:

1. Whether a pod is started anew, or gets requests, is asked by HTTP: the port accepts connections
   long before the notebook is ready.
2. It is told to end, and goes on answering while its address is withdrawn; then it drains. It is
   killed only after the service itself would have ended what does not.
3. It is no root, has no rights, and writes to its volumes alone.
"""

from __future__ import annotations

import math
from typing import Any

from runner.manifest import notebook_files
from runner.manifest.settings import Resources, Settings

LEAST_GRACE = 30  # seconds; Kubernetes' own default
_MARGIN = 10  # seconds, for a busy node
_START = 10  # seconds that the process takes until the notebook's own time begins
_LIVENESS_PERIOD, _LEAST_LIVENESS_FAILURES = 10, 6
KEYS_FOLDER, KEYS_FILE = "/run/runner-keys", "keys"
_RECORDS = 256  # MiB, of runs
CONTAINER, RUNS, MODEL = "serve", "runs", "model"
ROLLOUT = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
"""How pods are replaced: each once the next one is ready."""


def start_seconds(settings: Settings) -> int:
    """Give how long a pod may take until it is ready."""
    return math.ceil(settings.served.ready_seconds) + _START


def grace_seconds(settings: Settings) -> int:
    """Give how long a pod may take to end."""
    needed = settings.lame_duck + settings.served.stop_seconds + _MARGIN
    return max(LEAST_GRACE, math.ceil(needed))


def pod_spec(settings: Settings) -> dict[str, Any]:
    """Describe the pods of a Deployment."""
    return {
        **account(settings),
        "terminationGracePeriodSeconds": grace_seconds(settings),
        "securityContext": pod_security(settings),
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": settings.labels},
            }
        ],
        "containers": [
            {
                **container(settings, CONTAINER),
                # Pods are taken from the balancers while they are told to end: let that come first.
                "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(settings.lame_duck)]}}},
            }
        ],
        "volumes": volumes(settings),
    }


def metadata(settings: Settings, name: str = "") -> dict[str, Any]:
    """Name an object."""
    where = {"namespace": settings.namespace} if settings.namespace else {}
    return {"name": name or settings.name, **where, "labels": settings.labels}


def account(settings: Settings) -> dict[str, Any]:
    """Say as whom the pods would speak to Kubernetes, which they do not, and ask for no more.

    It would tell them of each Service by variables: of one called `runner` by ``RUNNER_PORT``.
    """
    named = {"serviceAccountName": settings.service_account} if settings.service_account else {}
    return {**named, "automountServiceAccountToken": False, "enableServiceLinks": False}


def container(settings: Settings, name: str) -> dict[str, Any]:
    """Describe the container that serves."""
    served = settings.served
    return {
        "name": name,
        "image": settings.image,
        "args": arguments(settings),
        "workingDir": settings.working_folder,
        "env": environment(settings),
        **environment_from(settings),
        "ports": [{"name": "http", "containerPort": served.port, "protocol": "TCP"}],
        **probes(settings),
        "resources": resources(settings.resources),
        "securityContext": container_security(),
        "volumeMounts": mounts(settings),
    }


def arguments(settings: Settings) -> list[str]:
    """Give the command line of the container."""
    keys = ["--api-keys", f"{KEYS_FOLDER}/{KEYS_FILE}"] if settings.keys_secret else []
    opened = ["--open", "metrics"] if settings.keys_secret else []
    return [
        *("runner", "serve", literal(settings.source.path)),
        *("--host", "0.0.0.0", "--port", str(settings.served.port)),  # noqa: S104 - a pod's own
        *("--no-standby", "--log-format", "json"),
        *keys,
        *opened,
        *map(literal, settings.served.arguments),
    ]


def literal(text: str) -> str:
    """Write a word or a variable so that Kubernetes gives it as it is: it reads ``$(NAME)``."""
    return text.replace("$", "$$")


def environment(settings: Settings) -> list[dict[str, str]]:
    """Give the variables: what libraries write at home goes where it can be written."""
    values = {"HOME": "/tmp", **settings.variables}  # noqa: S108 - a volume of the pod's own
    return [{"name": name, "value": literal(value)} for name, value in values.items()]


def environment_from(settings: Settings) -> dict[str, Any]:
    """Name the Secrets whose entries are variables too."""
    secrets = [{"secretRef": {"name": name}} for name in settings.variables_from]
    return {"envFrom": secrets} if secrets else {}


def probes(
    settings: Settings, *, port: int | str = "http", ready_path: str = ""
) -> dict[str, dict[str, Any]]:
    """Ask whether a pod has started, is ready, and lives.

    Args:
        settings: What the service is to be.
        port: Which is asked.
        ready_path: Which is asked once it has started; empty: the service's own.
    """
    served = settings.served
    start = {"period": 1, "most": start_seconds(settings)}
    live = {"period": _LIVENESS_PERIOD, "most": _liveness_failures(settings)}
    ready_path = ready_path or served.ready_path
    return {
        "startupProbe": _probe(settings, served.ready_path, port, **start),
        "readinessProbe": _probe(settings, ready_path, port, period=2, most=2),
        "livenessProbe": _probe(settings, served.health_path, port, **live),
    }


def _probe(
    settings: Settings, path: str, port: int | str, *, period: int, most: int
) -> dict[str, Any]:
    """Ask a path every so many seconds, and act when it has failed so many times."""
    scheme = {"scheme": "HTTPS"} if settings.served.speaks_tls else {}
    return {
        "httpGet": {"path": path, "port": port, **scheme},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": most,
    }


def _liveness_failures(settings: Settings) -> int:
    """Let the supervisor mend what hangs, by its own time, before the pod is started anew."""
    seconds = 2 * settings.served.hang_seconds
    return max(_LEAST_LIVENESS_FAILURES, math.ceil(seconds / _LIVENESS_PERIOD))


def resources(needed: Resources) -> dict[str, Any]:
    """Write what a pod needs."""
    limits = {"cpu": needed.cpu_limit, "memory": needed.memory_limit}
    return {
        "requests": {"cpu": needed.cpu, "memory": needed.memory},
        "limits": {name: value for name, value in limits.items() if value},
    }


def pod_security(settings: Settings) -> dict[str, Any]:
    """Say as whom all of a pod runs."""
    numbers = {
        "runAsUser": settings.user,
        "runAsGroup": settings.group,
        "fsGroup": settings.group,
    }
    return {
        "runAsNonRoot": True,
        **{name: value for name, value in numbers.items() if value is not None},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def whole_security(settings: Settings) -> dict[str, Any]:
    """Say both of the container, where nothing can be said of the pod."""
    of_pod = pod_security(settings)
    if of_pod.pop("fsGroup", None) is not None and settings.keys_secret:
        # Whose a Secret's files stay without `fsGroup`; no right of root's.
        of_pod["runAsGroup"] = 0
    return {**of_pod, **container_security()}


def container_security() -> dict[str, Any]:
    """Say what the container may not."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def mounts(settings: Settings) -> list[dict[str, Any]]:
    """Say where the volumes are in the container."""
    here = settings.working_folder.rstrip("/")
    found: list[dict[str, Any]] = [
        {"name": "runs", "mountPath": f"{here}/{RUNS}"},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
    ]
    for path, key in notebook_files.keys_of(settings.source.files).items():
        place = {"mountPath": f"{here}/{path}", "subPath": key}
        found.append({"name": "notebook", **place, "readOnly": True})
    if settings.model_claim:
        found.append({"name": "model", "mountPath": f"{here}/{MODEL}", "readOnly": True})
    if settings.keys_secret:
        found.append({"name": "keys", "mountPath": KEYS_FOLDER, "readOnly": True})
    return found


def _bound_of_runs(settings: Settings) -> dict[str, str]:
    """Bound what a pod records by what it may: beyond the bound it is evicted.

    Copies of models are as large as these are, which nobody knows here.
    """
    if settings.served.keeps_copies:
        return {}
    requests = math.ceil(settings.served.request_bytes / 2**20)
    return {"sizeLimit": f"{_RECORDS + requests}Mi"}


def volumes(settings: Settings) -> list[dict[str, Any]]:
    """Name the volumes of a pod."""
    found: list[dict[str, Any]] = [
        {"name": RUNS, "emptyDir": _bound_of_runs(settings)},
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
    ]
    if settings.source.files:
        name = notebook_files.name_of(settings.name, settings.source.files)
        found.append({"name": "notebook", "configMap": {"name": name}})
    if settings.model_claim:
        claim = {"claimName": settings.model_claim, "readOnly": True}
        found.append({"name": "model", "persistentVolumeClaim": claim})
    if settings.keys_secret:
        # The group may read it: that is the pod's, by `fsGroup`; others may not, or it is refused.
        secret = {"secretName": settings.keys_secret, "defaultMode": 0o440}
        found.append({"name": "keys", "secret": secret})
    return found
