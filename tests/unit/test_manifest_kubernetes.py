"""What a service is by Kubernetes' own objects."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support.manifests import check, of_kind

from runner.manifest import kubernetes, pod
from runner.manifest.choices import Autoscale, Monitor
from runner.manifest.settings import Served, Settings, Source
from runner.predict import prometheus

OF_OTHERS = {"ScaledObject", "PodMonitor"}  # they are checked by their own schemas


def settings(**changed: Any) -> Settings:
    source = Source(path="notebooks/serve.ipynb", files={"notebooks/serve.ipynb": b"{}\n"})
    return Settings(**{"name": "iris", "image": "iris:1", "source": source} | changed)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"namespace": "models", "autoscale": Autoscale.NONE, "monitor": Monitor.NONE},
        {"autoscale": Autoscale.IN_FLIGHT, "monitor": Monitor.PODMONITOR},
        {"keys": b"alice:00\n", "keys_secret": "iris-keys", "variables_from": ("bucket",)},
        {"allowed_from": ("web", "batch"), "model_claim": "iris-model", "service_account": "iris"},
        {"user": None, "group": None, "served": Served(speaks_tls=True, port=8443)},
    ],
)
def test_objects_are_valid(changed: dict[str, Any]) -> None:
    """By the published schemas of the newest three versions, in which no field is unknown."""
    for each in kubernetes.objects(settings(**changed)):
        if each["kind"] not in OF_OTHERS:
            check(each)


def test_every_selector_matches_the_pods() -> None:
    """One that is missing or wrong passes each check of a schema, and matches nothing."""
    objects = kubernetes.objects(settings(monitor=Monitor.PODMONITOR))
    template = of_kind(objects, "Deployment")["spec"]["template"]
    selectors = [
        of_kind(objects, "Deployment")["spec"]["selector"]["matchLabels"],
        of_kind(objects, "Service")["spec"]["selector"],
        of_kind(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind(objects, "PodMonitor")["spec"]["selector"]["matchLabels"],
        of_kind(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        template["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector
        assert selector.items() <= template["metadata"]["labels"].items()


def test_every_name_leads_to_something() -> None:
    """Ports, volumes, the scaled Deployment: by names that are there."""
    objects = kubernetes.objects(
        settings(keys=b"alice:00\n", keys_secret="iris-keys", monitor=Monitor.PODMONITOR)
    )
    spec = of_kind(objects, "Deployment")["spec"]["template"]["spec"]
    serving = spec["containers"][0]
    ports = {each["name"] for each in serving["ports"]}
    probes = [serving[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")]
    named = [probe["httpGet"]["port"] for probe in probes]
    named += [of_kind(objects, "Service")["spec"]["ports"][0]["targetPort"]]
    named += [of_kind(objects, "PodMonitor")["spec"]["podMetricsEndpoints"][0]["port"]]
    named += [of_kind(objects, "NetworkPolicy")["spec"]["ingress"][0]["ports"][0]["port"]]
    assert set(named) == ports
    mounted = {each["name"] for each in serving["volumeMounts"]}
    assert mounted == {each["name"] for each in spec["volumes"]}
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    volumes = {each["name"]: each for each in spec["volumes"]}
    assert ("ConfigMap", volumes["notebook"]["configMap"]["name"]) in names
    assert ("Secret", volumes["keys"]["secret"]["secretName"]) in names
    scaled = of_kind(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) in names


def test_the_number_of_pods_is_set_by_one() -> None:
    """By the autoscaler; a number in the Deployment would be set anew at each apply."""
    for autoscale in Autoscale:
        objects = kubernetes.objects(settings(autoscale=autoscale))
        is_fixed = "replicas" in of_kind(objects, "Deployment")["spec"]
        assert is_fixed == (autoscale is Autoscale.NONE)


def test_a_pod_is_killed_only_after_it_would_have_ended() -> None:
    """It answers until its address is withdrawn, drains, and has some time over."""
    for served in (Served(), Served(stop_seconds=90.0)):
        described = pod.pod_spec(settings(served=served))
        command = described["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        assert command == ["sleep", "5"]
        assert described["terminationGracePeriodSeconds"] > 5 + served.stop_seconds


def test_a_pod_is_started_anew_only_after_the_notebook_had_its_time() -> None:
    """And a rollout counts as stuck only after that."""
    served = Served(ready_seconds=600.0, hang_seconds=120.0)
    spec = of_kind(kubernetes.objects(settings(served=served)), "Deployment")["spec"]
    startup = spec["template"]["spec"]["containers"][0]["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] > 600
    assert spec["progressDeadlineSeconds"] > startup["periodSeconds"] * startup["failureThreshold"]
    liveness = spec["template"]["spec"]["containers"][0]["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] > 120


def test_a_pod_has_no_rights() -> None:
    """No root, no capability, no other files, no account, and the usual filter of calls."""
    described = pod.pod_spec(settings())
    assert described["automountServiceAccountToken"] is False
    assert described["securityContext"]["runAsNonRoot"] is True
    assert described["securityContext"]["runAsUser"] > 0
    assert described["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert described["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_a_rollout_takes_no_pod_before_the_next_is_ready() -> None:
    """One more than wanted for a while, never one less."""
    spec = of_kind(kubernetes.objects(settings()), "Deployment")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_the_metric_that_scales_is_one_of_ours() -> None:
    """By its name in `/metrics`."""
    objects = kubernetes.objects(settings(autoscale=Autoscale.IN_FLIGHT, namespace="models"))
    query = of_kind(objects, "ScaledObject")["spec"]["triggers"][0]["metadata"]["query"]
    (metric,) = re.findall(r"sum\((\w+){", query)
    assert f'"{metric}"' in Path(prometheus.__file__).read_text()
    assert 'namespace="models"' in query
    (pods,) = re.findall('pod=~"(.*)"', query)
    assert re.fullmatch(pods, "iris-7d4b9c6f5-x2x9z")
    assert not re.fullmatch(pods, "iris-wsgi-7d4b9c6f5-x2x9z")
