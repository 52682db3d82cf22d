"""Describe a service to KServe: by a container of its own, or by a runtime that serves any folder.

The rules of this file:

1. KServe's storage initializer brings a folder to ``/mnt/models``: the notebook, and its model
   beside it or where the notebook looks for it. That is the working folder; it is read-only, so
   records go elsewhere.
2. What is printed works in both of KServe's modes, so nothing is said of the pod that Knative
   refuses; what only one mode takes is printed for that one.
3. In mode Standard KServe's readiness is a TCP probe unless told otherwise, which is true long
   before a notebook is ready.

Source: KServe 0.20, pkg/apis/serving.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from runner.errors import ConfigurationError
from runner.manifest import pod
from runner.manifest.choices import Autoscale, KServeMode, Monitor
from runner.manifest.scaling import CPU_PERCENT, in_flight_query
from runner.manifest.settings import KServeSettings, Resources, Served, Settings

Object = dict[str, Any]
CONTAINER = "kserve-container"
FOLDER = "/mnt/models"
FORMAT = RUNTIME = "notebook"
NOTEBOOK = "serve.ipynb"
_RUNS = "/runs"
_NAME = "{{.Name}}"  # which KServe replaces by the InferenceService's, in a runtime only
READY_PATH = "/v2/health/ready"


def objects(settings: Settings, kserve: KServeSettings) -> list[Object]:
    """Describe the service, and the runtime if it is one's own.

    Raises:
        ConfigurationError: The runtime would look for another notebook.
    """
    if not kserve.has_runtime:
        return [inference_service(settings, kserve)]
    if settings.source.path != NOTEBOOK:
        raise ConfigurationError(
            f"{settings.source.path}: one runtime serves any folder, by the {NOTEBOOK} in it",
            hint=f"call it {NOTEBOOK}, or leave out --serving-runtime",
        )
    return [serving_runtime(settings, kserve), inference_service(settings, kserve)]


def inference_service(settings: Settings, kserve: KServeSettings) -> Object:
    """Describe the service, and a canary beside it if there is one."""
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            **pod.metadata(settings),
            "annotations": {
                "serving.kserve.io/deploymentMode": kserve.mode.value,
                **_scaler_class(settings, kserve),
                **_metrics(settings),
            },
        },
        "spec": {"predictor": _predictor(settings, kserve), **_canary(settings, kserve)},
    }


def serving_runtime(settings: Settings, kserve: KServeSettings) -> Object:
    """Describe what serves any folder with a notebook in it, by one image."""
    settings = _of_all(settings)
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": pod.metadata(settings),
        "spec": {
            "annotations": _metrics(settings),
            "supportedModelFormats": [{"name": FORMAT, "version": "1", "autoSelect": True}],
            "protocolVersions": ["v1", "v2"],
            "containers": [_container(settings, kserve, _NAME, ())],
            "volumes": _volumes(settings),
        },
    }


def _of_all(settings: Settings) -> Settings:
    """Leave of a service what the runtime says for all that it serves; the rest is its own."""
    return dataclasses.replace(
        settings,
        name=RUNTIME,
        served=Served(port=settings.served.port),
        resources=Resources(),
        variables={},
        variables_from=(),
    )


def _predictor(settings: Settings, kserve: KServeSettings) -> Object:
    in_knative = kserve.mode is KServeMode.KNATIVE
    if in_knative and kserve.canary_uri:
        # Knative keeps the revision of before, which gets the rest.
        share: Object = {"canaryTrafficPercent": kserve.canary_percent}
        served = _served_from(settings, kserve, kserve.canary_uri)
        return {**share, **served, **_concurrency(settings)}
    return {
        **_served_from(settings, kserve, kserve.uri),
        **(_concurrency(settings) if in_knative else _scaled(settings) | _replaced(settings)),
    }


def _replaced(settings: Settings) -> Object:
    """Say how pods are replaced, in mode Standard, without a lost request."""
    return {
        "terminationGracePeriodSeconds": pod.grace_seconds(settings),
        "deploymentStrategy": pod.ROLLOUT,
    }


def _canary(settings: Settings, kserve: KServeSettings) -> Object:
    """Send a part of the requests to another folder, in mode Standard; since KServe 0.20."""
    if not kserve.canary_uri or kserve.mode is KServeMode.KNATIVE:
        return {}
    served = _served_from(settings, kserve, kserve.canary_uri)
    predictor = {"name": "canary", **served, **_replaced(settings)}
    if kserve.has_runtime:  # its schema asks for a name here, and here alone
        predictor["model"] = {"name": CONTAINER, **predictor["model"]}
    return {"canary": [{"predictor": predictor, "trafficPercent": kserve.canary_percent}]}


def _served_from(settings: Settings, kserve: KServeSettings, uri: str) -> Object:
    """Say what serves a folder: the runtime, or a container of its own."""
    account = pod.account(settings)
    if kserve.has_runtime:
        model: Object = {
            "modelFormat": {"name": FORMAT},
            "runtime": RUNTIME,
            "protocolVersion": "v2",
            "storageUri": uri,
            "resources": pod.resources(settings.resources),
        }
        own = {
            "args": [*map(pod.literal, settings.served.arguments)],
            "env": pod.environment(settings),
            **pod.environment_from(settings),
            **_unlike(_probes(settings), _probes(_of_all(settings))),
        }
        volumes = [each for each in _volumes(settings) if each not in _volumes(_of_all(settings))]
        return {
            **account,
            "model": {**model, **{k: v for k, v in own.items() if v}},
            **({"volumes": volumes} if volumes else {}),
        }
    container = _container(settings, kserve, settings.name, settings.served.arguments)
    brought = [{"name": "STORAGE_URI", "value": uri}, {"name": "PROTOCOL", "value": "v2"}]
    container["env"] = [*brought, *container["env"]]
    return {**account, "containers": [container], "volumes": _volumes(settings)}


def _container(
    settings: Settings, kserve: KServeSettings, name: str, more: tuple[str, ...]
) -> Object:
    served = settings.served
    # Knative's proxy sees to it that no request comes any more before the container is told to end.
    lame_duck = 0 if kserve.mode is KServeMode.KNATIVE else settings.lame_duck
    ducks = ["--lame-duck", str(lame_duck)] if lame_duck else []
    return {
        "name": CONTAINER,
        "image": settings.image,
        "args": [
            *("runner", "serve", pod.literal(settings.source.path)),
            *("--runs", _RUNS, "--model-folder", FOLDER),
            *("--name", name, "--host", "0.0.0.0", "--port", str(served.port)),  # noqa: S104
            *("--no-standby", "--log-format", "json", *ducks, *map(pod.literal, more)),
        ],
        "workingDir": FOLDER,
        "env": pod.environment(settings),
        **pod.environment_from(settings),
        "ports": [{"containerPort": served.port, "protocol": "TCP"}],
        **_probes(settings),
        "resources": pod.resources(settings.resources),
        "securityContext": pod.whole_security(settings),
        "volumeMounts": [
            {"name": "runs", "mountPath": _RUNS},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        ],
    }


def _probes(settings: Settings) -> Object:
    return pod.probes(settings, port=settings.served.port, ready_path=READY_PATH)


def _unlike(own: Object, of_all: Object) -> Object:
    """Give what is said otherwise: KServe lays it over what the runtime says."""
    return {name: value for name, value in own.items() if value != of_all[name]}


def _volumes(settings: Settings) -> list[Object]:
    return [each for each in pod.volumes(settings) if each["name"] in ("runs", "tmp")]


def _metrics(settings: Settings) -> dict[str, str]:
    if settings.monitor is Monitor.NONE:
        return {}
    return {
        "prometheus.kserve.io/port": str(settings.served.port),
        "prometheus.kserve.io/path": "/metrics",
    }


def _scaler_class(settings: Settings, kserve: KServeSettings) -> dict[str, str]:
    """Say what changes the number of pods in mode Standard; in the other Knative does."""
    if kserve.mode is KServeMode.KNATIVE:
        return {}
    names = {Autoscale.CPU: "hpa", Autoscale.IN_FLIGHT: "keda", Autoscale.NONE: "none"}
    return {"serving.kserve.io/autoscalerClass": names[settings.autoscale]}


def _scaled(settings: Settings) -> Object:
    bounds: Object = {"minReplicas": settings.replicas}
    if settings.autoscale is Autoscale.NONE:
        return bounds
    bounds["maxReplicas"] = settings.most_replicas
    if settings.autoscale is Autoscale.CPU:
        return {**bounds, "scaleMetric": "cpu", "scaleTarget": CPU_PERCENT}
    metric = {
        "backend": "prometheus",
        "serverAddress": settings.prometheus,
        "query": in_flight_query(settings, f"{settings.name}-predictor"),
    }
    target = {"type": "Value", "value": str(settings.in_flight)}
    external = {"type": "External", "external": {"metric": metric, "target": target}}
    return {**bounds, "autoScaling": {"metrics": [external]}}


def _concurrency(settings: Settings) -> Object:
    """Have Knative follow the requests in flight, which its proxy counts."""
    return {
        "minReplicas": settings.replicas,
        "maxReplicas": settings.most_replicas,
        "scaleMetric": "concurrency",
        "scaleTarget": settings.in_flight,
    }
