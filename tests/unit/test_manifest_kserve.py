"""What a service is to KServe, and to Knative."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from support import crd_schemas
from support.manifests import NOTEBOOK, of_kind, of_others, printed, refused

from runner.cli.serve_options import read_serve_options

KSERVE = [NOTEBOOK, "--name", "iris", "--kserve", "--storage-uri", "s3://bucket/iris"]


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(crd_schemas.FOLDER.parents[1])


def service(*words: str) -> dict[str, Any]:
    return of_kind(printed(*KSERVE, *words), "InferenceService")


def test_objects_of_others_are_valid() -> None:
    """By the schemas that KServe, Knative, KEDA and the Prometheus operator publish."""
    kinds = set()
    for each in of_others():
        crd_schemas.check(each)
        kinds.add(each["kind"])
    expected = {path.name.partition(".")[0] for path in crd_schemas.FOLDER.glob("*.json")}
    assert kinds == expected


def test_the_schemas_know_a_misspelt_field() -> None:
    """Deep in a pod as well."""
    found = service()
    found["spec"]["predictor"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(jsonschema.ValidationError, match="readinesProbe"):
        crd_schemas.check(found)


def test_the_container_is_one_that_kserve_knows() -> None:
    """By its name, its port, where its files are, and when it is ready."""
    (container,) = service()["spec"]["predictor"]["containers"]
    assert container["name"] == "kserve-container"
    assert container["ports"] == [{"containerPort": 8080, "protocol": "TCP"}]
    assert {"name": "STORAGE_URI", "value": "s3://bucket/iris"} in container["env"]
    assert {"name": "PROTOCOL", "value": "v2"} in container["env"]
    assert container["workingDir"] == "/mnt/models"
    assert container["readinessProbe"]["httpGet"] == {"path": "/v2/health/ready", "port": 8080}


def test_metrics_are_where_kserve_looks() -> None:
    """In the annotations that its agent reads."""
    annotations = service()["metadata"]["annotations"]
    assert annotations["prometheus.kserve.io/port"] == "8080"
    assert annotations["prometheus.kserve.io/path"] == "/metrics"


def test_one_runtime_serves_any_folder() -> None:
    """What is a service's own stands in the service alone: its parameters, its folder, its name."""
    words = ["--serving-runtime", "-p", "model_path", "model/other.joblib"]
    objects = printed(*KSERVE, *words)
    runtime, found = of_kind(objects, "ServingRuntime"), of_kind(objects, "InferenceService")
    assert "iris" not in str(runtime)
    assert "model/other.joblib" not in str(runtime)
    assert "{{.Name}}" in runtime["spec"]["containers"][0]["args"]
    model = found["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    formats = [each["name"] for each in runtime["spec"]["supportedModelFormats"]]
    assert [model["modelFormat"]["name"]] == formats
    assert model["args"] == ["-p", "model_path", "model/other.joblib"]
    assert model["storageUri"] == "s3://bucket/iris"


def test_another_service_leaves_the_runtime_as_it_is() -> None:
    """Each is printed with it: else the last would give its secrets and times to all."""
    plain = of_kind(printed(*KSERVE, "--serving-runtime"), "ServingRuntime")
    words = ["--serving-runtime", "--env", "A", "b", "--env-from-secret", "bucket"]
    words += ["--memory", "4Gi", "--", "--ready-timeout", "600", "--record-requests", "1"]
    objects = printed(*KSERVE, *words)
    assert of_kind(objects, "ServingRuntime") == plain
    found = of_kind(objects, "InferenceService")
    crd_schemas.check(found)
    predictor = found["spec"]["predictor"]
    model = predictor["model"]
    assert {"name": "A", "value": "b"} in model["env"]
    assert model["envFrom"] == [{"secretRef": {"name": "bucket"}}]
    assert model["resources"]["requests"]["memory"] == "4Gi"
    assert model["startupProbe"]["failureThreshold"] >= 600
    assert predictor["volumes"] == [{"name": "runs", "emptyDir": {"sizeLimit": "512Mi"}}]


def test_a_canary_is_sent_a_part_of_the_requests() -> None:
    """By KServe's means in each mode: a list beside the predictor, or the next revision's share."""
    words = ["--canary-uri", "s3://bucket/next", "--canary-percent", "5"]
    spec = service(*words)["spec"]
    (canary,) = spec["canary"]
    assert canary["trafficPercent"] == 5
    assert canary["predictor"]["name"] != spec["predictor"].get("name")
    assert "s3://bucket/next" in str(canary)
    assert "s3://bucket/next" not in str(spec["predictor"])
    refused_there = {"maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"}
    assert refused_there.isdisjoint(canary["predictor"])
    spec = service(*words, "--kserve-mode", "Knative")["spec"]
    assert "canary" not in spec
    assert spec["predictor"]["canaryTrafficPercent"] == 5
    assert "s3://bucket/next" in str(spec["predictor"])


def test_a_canary_ends_and_is_scaled_as_what_it_takes_over_from() -> None:
    """It has as long to drain, and on Knative its pods follow what Knative's proxy counts."""
    canary = ["--canary-uri", "s3://bucket/next"]
    longer = ["--", "--drain-timeout", "90"]
    spec = service(*canary, *longer)["spec"]
    for name in ("terminationGracePeriodSeconds", "deploymentStrategy"):
        assert spec["canary"][0]["predictor"][name] == spec["predictor"][name]
    for words in ([], ["--autoscale", "in-flight"], ["--autoscale", "none"]):
        mode = ["--kserve-mode", "Knative", *words]
        alone, with_canary = (service(*mode, *more)["spec"]["predictor"] for more in ([], canary))
        assert with_canary["scaleMetric"] == alone["scaleMetric"] == "concurrency"
        assert "autoScaling" not in with_canary


@pytest.mark.parametrize("words", [["--knative"], [*KSERVE[3:], "--kserve-mode", "Knative"]])
def test_knative_is_told_nothing_that_it_refuses(words: list[str]) -> None:
    """Its own field mask: pkg/apis/serving/fieldmask.go."""
    (found,) = (each for each in printed(*KSERVE[:3], *words) if each["kind"] != "ConfigMap")
    pod = found["spec"].get("predictor") or found["spec"]["template"]["spec"]
    of_pod = {"securityContext", "terminationGracePeriodSeconds", "topologySpreadConstraints"}
    assert of_pod.isdisjoint(pod)
    (container,) = pod["containers"]
    assert "lifecycle" not in container
    assert container["securityContext"]["runAsNonRoot"] is True
    assert container["ports"] == [{"containerPort": 8080, "protocol": "TCP"}]


def test_keys_can_be_read_where_a_volume_gets_no_group() -> None:
    """Knative takes no `fsGroup`: files of a Secret stay root's, and its group's, who may read."""
    words = ["--knative", "--keys-secret", "keys"]
    template = of_kind(printed(*KSERVE[:3], *words), "Service")["spec"]["template"]["spec"]
    (volume,) = (each for each in template["volumes"] if each["name"] == "keys")
    assert volume["secret"]["defaultMode"] == 0o440
    security = template["containers"][0]["securityContext"]
    assert security["runAsGroup"] == 0
    assert security["runAsUser"] == 1000
    template = of_kind(printed(*KSERVE[:3], "--knative"), "Service")["spec"]["template"]["spec"]
    assert template["containers"][0]["securityContext"]["runAsGroup"] == 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kserve"], "--storage-uri"),
        (["--kserve", "--knative"], "one of them"),
        (["--storage-uri", "s3://b/x"], "for --kserve only"),
        ([*KSERVE[3:], "--keys-secret", "keys"], "the gateway"),
    ],
)
def test_what_does_not_go_together_is_refused(words: list[str], said: str) -> None:
    """With what would."""
    assert said in refused(NOTEBOOK, *words)


def test_every_printed_command_is_one_that_runner_serve_takes() -> None:
    """By its own parser."""
    variants = [[], ["--keys-secret", "keys"], ["--knative"], KSERVE[3:]]
    for words in variants:
        for each in printed(*KSERVE[:3], *words):
            for container in containers_of(each):
                assert container["args"][:2] == ["runner", "serve"]
                read_serve_options(container["args"][3:])


def containers_of(found: Any) -> list[dict[str, Any]]:
    """Find all containers in an object."""
    if isinstance(found, list):
        return [one for each in found for one in containers_of(each)]
    if not isinstance(found, dict):
        return []
    inner = [one for each in found.values() for one in containers_of(each)]
    return [each for each in found.get("containers", []) if "args" in each] or inner
