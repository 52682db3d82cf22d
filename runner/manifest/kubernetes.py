"""Describe a service by Kubernetes' own objects."""

from __future__ import annotations

from typing import Any

from runner.manifest import notebook_files, pod
from runner.manifest.choices import Autoscale, Monitor
from runner.manifest.scaling import cpu_scaler, in_flight_scaler
from runner.manifest.settings import Settings

Object = dict[str, Any]
_START_MARGIN = 60  # seconds: for pulling the image, before a rollout counts as stuck


def objects(settings: Settings) -> list[Object]:
    """Describe the whole service; what others need comes first."""
    scalers = {Autoscale.CPU: cpu_scaler, Autoscale.IN_FLIGHT: in_flight_scaler}
    scaler = scalers.get(settings.autoscale)
    monitors = [pod_monitor(settings)] if settings.monitor is Monitor.PODMONITOR else []
    return [
        *carried(settings),
        deployment(settings),
        service(settings),
        *([scaler(settings, pod.metadata(settings))] if scaler else []),
        disruption_budget(settings),
        *monitors,
        network_policy(settings),
    ]


def carried(settings: Settings) -> list[Object]:
    """Describe what pods read: the notebook and the keys' hashes, unless others bring them."""
    found: list[Object] = []
    if files := settings.source.files:
        name = notebook_files.name_of(settings.name, files)
        found.append(notebook_files.config_map(pod.metadata(settings, name), files))
    if settings.keys is not None:
        found.append(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": pod.metadata(settings, settings.keys_secret),
                "type": "Opaque",
                "stringData": {pod.KEYS_FILE: settings.keys.decode()},
            }
        )
    return found


def deployment(settings: Settings) -> Object:
    """Keep the pods, and replace them one after another, each once the next one is ready."""
    # A number here would be set anew at each `kubectl apply`, whatever the load.
    fixed = {} if settings.autoscale is not Autoscale.NONE else {"replicas": settings.replicas}
    annotations = scrape_annotations(settings)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": pod.metadata(settings),
        "spec": {
            **fixed,
            "progressDeadlineSeconds": pod.start_seconds(settings) + _START_MARGIN,
            "revisionHistoryLimit": 10,
            "strategy": pod.ROLLOUT,
            "selector": {"matchLabels": settings.labels},
            "template": {
                "metadata": {"labels": settings.labels, **annotations},
                "spec": pod.pod_spec(settings),
            },
        },
    }


def scrape_annotations(settings: Settings) -> Object:
    """Say to a Prometheus that goes by annotations where the metrics are."""
    if settings.monitor is not Monitor.ANNOTATIONS:
        return {}
    scheme = {"prometheus.io/scheme": "https"} if settings.served.speaks_tls else {}
    return {
        "annotations": {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(settings.served.port),
            "prometheus.io/path": "/metrics",
            **scheme,
        }
    }


def service(settings: Settings) -> Object:
    """Give the pods one address."""
    number, kind = (443, "https") if settings.served.speaks_tls else (80, "http")
    port = {"name": "http", "port": number, "targetPort": "http", "appProtocol": kind}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": pod.metadata(settings),
        "spec": {
            "type": "ClusterIP",
            "selector": settings.labels,
            "ports": [{**port, "protocol": "TCP"}],
        },
    }


def disruption_budget(settings: Settings) -> Object:
    """Let nodes be emptied of one pod at a time; without a selector it would mean none."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": pod.metadata(settings),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": settings.labels}},
    }


def pod_monitor(settings: Settings) -> Object:
    """Have the Prometheus operator's Prometheus ask each pod."""
    scheme = {"scheme": "HTTPS"} if settings.served.speaks_tls else {}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": pod.metadata(settings),
        "spec": {
            "selector": {"matchLabels": settings.labels},
            "podMetricsEndpoints": [{"port": "http", "path": "/metrics", **scheme}],
        },
    }


def network_policy(settings: Settings) -> Object:
    """Let in what asks the service's port, and nothing else."""
    rule: Object = {"ports": [{"port": "http", "protocol": "TCP"}]}
    if settings.allowed_from:
        names: Object = {"key": "kubernetes.io/metadata.name", "operator": "In"}
        names["values"] = list(settings.allowed_from)
        rule = {"from": [{"namespaceSelector": {"matchExpressions": [names]}}], **rule}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": pod.metadata(settings),
        "spec": {
            "podSelector": {"matchLabels": settings.labels},
            "policyTypes": ["Ingress"],
            "ingress": [rule],
        },
    }
