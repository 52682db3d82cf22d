"""Describe a service to Knative Serving, which scales by requests in flight, to none if it may.

Knative refuses what it sees to by itself: the time that a pod has to end, `preStop`, and a security
context of the pod. So the container says as whom it runs.

Source: Knative Serving 1.23, pkg/apis/serving/fieldmask.go.
"""

from __future__ import annotations

from typing import Any

from runner.manifest import pod
from runner.manifest.kubernetes import carried, scrape_annotations
from runner.manifest.settings import Settings

_ANSWER_SECONDS = 300  # Knative's own bound for an answer


def objects(settings: Settings) -> list[dict[str, Any]]:
    """Describe the whole service; what it needs comes first."""
    return [*carried(settings), knative_service(settings)]


def knative_service(settings: Settings) -> dict[str, Any]:
    """Describe the service: each change of it is a new revision."""
    container = pod.container(settings, pod.CONTAINER)
    container |= pod.probes(settings, port=settings.served.port)
    container["ports"] = [{"containerPort": settings.served.port, "protocol": "TCP"}]
    container["securityContext"] = pod.whole_security(settings)
    annotations = {
        "autoscaling.knative.dev/min-scale": str(settings.replicas),
        "autoscaling.knative.dev/max-scale": str(settings.most_replicas),
        "autoscaling.knative.dev/target": str(settings.in_flight),
        **scrape_annotations(settings).get("annotations", {}),
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": pod.metadata(settings),
        "spec": {
            "template": {
                "metadata": {"labels": settings.labels, "annotations": annotations},
                "spec": {
                    **pod.account(settings),
                    "containerConcurrency": 0,
                    "timeoutSeconds": _ANSWER_SECONDS,
                    "containers": [container],
                    "volumes": pod.volumes(settings),
                },
            }
        },
    }
