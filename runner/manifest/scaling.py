"""Have the number of pods follow the load."""

from __future__ import annotations

from typing import Any

from runner.manifest.settings import Settings

CPU_PERCENT = 70  # of what a pod requests
_CALM = 300  # seconds without much load until pods are taken away


def cpu_scaler(settings: Settings, metadata: dict[str, Any]) -> dict[str, Any]:
    """Follow what pods take of the CPU that they request."""
    target = {"type": "Utilization", "averageUtilization": CPU_PERCENT}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": _deployment(settings),
            "minReplicas": settings.replicas,
            "maxReplicas": settings.most_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": _CALM}},
        },
    }


def in_flight_scaler(settings: Settings, metadata: dict[str, Any]) -> dict[str, Any]:
    """Follow the requests in flight, which Prometheus has of all pods, by KEDA."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": _deployment(settings),
            "minReplicaCount": settings.replicas,
            "maxReplicaCount": settings.most_replicas,
            "cooldownPeriod": _CALM,
            "triggers": [
                {
                    "type": "prometheus",
                    "metadata": {
                        "serverAddress": settings.prometheus,
                        "query": in_flight_query(settings, settings.name),
                        "threshold": str(settings.in_flight),
                    },
                }
            ],
        },
    }


def in_flight_query(settings: Settings, deployment: str) -> str:
    """Ask Prometheus for the requests in flight in all pods of a Deployment, and no others."""
    pods = f'pod=~"{deployment}-[a-z0-9]+-[a-z0-9]+"'
    where = f'namespace="{settings.namespace}",{pods}' if settings.namespace else pods
    return f"sum(runner_requests_in_flight{{{where}}})"


def _deployment(settings: Settings) -> dict[str, str]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": settings.name}
