"""What the command `runner manifest` takes, and what it refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.manifests import of_kind, printed, refused

from runner.access.key_file import line_of
from runner.cli import main
from runner.cli.serve_options import read_serve_options

KEY = "a-key-that-nobody-may-read"


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One below the working folder, with something printed in it."""
    cell = {
        "cell_type": "code",
        "id": "parameters",
        "metadata": {"tags": ["parameters"]},
        "source": "threshold: float = 0.5\ndb_password: str = ''",
        "execution_count": 7,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "seen before"}],
    }
    document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "serve.ipynb").write_text(json.dumps(document))
    monkeypatch.chdir(tmp_path)
    return "notebooks/serve.ipynb"


def container(*words: str) -> dict[str, Any]:
    spec = of_kind(printed(*words), "Deployment")["spec"]["template"]["spec"]
    found: dict[str, Any] = spec["containers"][0]
    return found


def test_options_behind_two_dashes_are_those_of_runner_serve(notebook: str) -> None:
    """The pod's command has them, and its probes and times fit them."""
    words = ["--", "--workers", "3", "--ready-timeout", "300", "--drain-timeout", "60"]
    spec = of_kind(printed(notebook, *words), "Deployment")["spec"]["template"]["spec"]
    serving = spec["containers"][0]
    assert serving["args"][-6:] == words[1:]
    assert serving["startupProbe"]["failureThreshold"] >= 300
    assert spec["terminationGracePeriodSeconds"] > 5 + 1 + 60


def test_variables_of_this_shell_are_not_the_pods(
    notebook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who prints a manifest may have set them for something else."""
    expected = printed(notebook)
    monkeypatch.setenv("RUNNER_PORT", "9999")
    monkeypatch.setenv("RUNNER_READY_TIMEOUT", "1")
    assert printed(notebook) == expected


@pytest.mark.parametrize(
    "words",
    [
        ["s3://key:hunter2@bucket/serve.ipynb"],
        ["--kserve", "--storage-uri", "https://bob:hunter2@example.org/iris"],
        ["--env", "DATABASE_URL", "postgresql://bob:hunter2@db/iris"],
        ["-p", "model_path", "https://bob:hunter2@example.org/model.joblib"],
        ["--", "--runs", "s3://key:hunter2@bucket/runs"],
    ],
)
def test_a_secret_within_an_address_is_refused(notebook: str, words: list[str]) -> None:
    """Whatever has it; and it is not shown."""
    path = Path(notebook)
    path.write_text(path.read_text().replace("threshold: float = 0.5", "model_path: str = 'm'"))
    said = refused(*([] if "://" in words[0] else [notebook]), *words)
    assert "--env-from-secret" in said
    assert "hunter2" not in said


def test_a_port_that_nobody_knows_is_refused(notebook: str) -> None:
    """A cluster would refuse it too."""
    assert "--port 0" in refused(notebook, "--", "--port", "0")


def test_no_pod_requests_more_than_it_may_have(notebook: str) -> None:
    """A cluster would refuse it; who says what memory is needed has not to say twice as much."""
    resources = container(notebook, "--cpu", "2", "--memory", "2Gi")["resources"]
    assert resources == {
        "requests": {"cpu": "2", "memory": "2Gi"},
        "limits": {"memory": "4Gi"},
    }
    given = container(notebook, "--memory", "700Mi", "--memory-limit", "1G")["resources"]
    assert given["limits"] == {"memory": "1G"}
    assert "--memory-limit 300Mi" in refused(notebook, "--memory-limit", "300Mi")
    assert "--cpu-limit 500m" in refused(notebook, "--cpu", "0.501", "--cpu-limit", "500m")
    for text in ("much", "100ki", "1K"):
        assert "no quantity" in refused(notebook, "--memory", text)


def bound_of_runs(*words: str) -> str | None:
    volumes = of_kind(printed(*words), "Deployment")["spec"]["template"]["spec"]["volumes"]
    (found,) = (each["emptyDir"] for each in volumes if each["name"] == "runs")
    return found.get("sizeLimit") if found else None


def test_a_pod_may_write_what_its_service_does(notebook: str) -> None:
    """A volume fuller than its bound has the pod evicted: recorded requests, copies of models."""
    records = bound_of_runs(notebook)
    assert records == "256Mi"
    assert bound_of_runs(notebook, "--", "--record-requests", "0.1") == "512Mi"
    assert bound_of_runs(notebook, "--", "--record-bytes", "1048577") == records
    words = ["--record-requests", "1", "--record-bytes", "1048577"]
    assert bound_of_runs(notebook, "--", *words) == "258Mi"
    path = Path(notebook)
    source = "model_path: str = 'model.joblib'"
    path.write_text(path.read_text().replace("threshold: float = 0.5", source))
    assert bound_of_runs(notebook) == records
    assert bound_of_runs(notebook, "-p", "model_path", "s3://bucket/model.joblib") is None
    assert bound_of_runs(notebook, "--", "--model-folder", "s3://bucket") is None
    assert bound_of_runs("s3://bucket/serve.ipynb") is None


def test_the_notebook_is_carried_without_its_outputs(notebook: str) -> None:
    """And where it stands below the working folder, it stands below the image's."""
    objects = printed(notebook)
    carried = of_kind(objects, "ConfigMap")
    assert "seen before" not in carried["data"]["serve.ipynb"]
    assert json.loads(carried["data"]["serve.ipynb"])["cells"][0]["execution_count"] is None
    spec = of_kind(objects, "Deployment")["spec"]["template"]["spec"]
    (mount,) = (m for m in spec["containers"][0]["volumeMounts"] if m["name"] == "notebook")
    assert mount["mountPath"] == "/home/jovyan/notebooks/serve.ipynb"
    (volume,) = (v for v in spec["volumes"] if v["name"] == "notebook")
    assert volume["configMap"]["name"] == carried["metadata"]["name"]


def test_a_saved_notebook_gets_another_configmap(notebook: str) -> None:
    """So pods are replaced; printed outputs alone replace none."""
    before = of_kind(printed(notebook), "ConfigMap")["metadata"]["name"]
    path = Path(notebook)
    path.write_text(path.read_text().replace("seen before", "seen now"))
    assert of_kind(printed(notebook), "ConfigMap")["metadata"]["name"] == before
    path.write_text(path.read_text().replace("0.5", "0.6"))
    assert of_kind(printed(notebook), "ConfigMap")["metadata"]["name"] != before


def test_modules_beside_the_notebook_come_along(notebook: str) -> None:
    """Text as it is, other bytes too, and two of one name."""
    Path("notebooks/rules.py").write_text("x = 1\n")
    Path("rules.py").write_bytes(b"\xff\x00")
    words = [notebook, "--with", "notebooks/rules.py", "--with", "rules.py"]
    objects = printed(*words)
    carried = of_kind(objects, "ConfigMap")
    assert carried["data"]["rules.py"] == "x = 1\n"
    assert len(carried["binaryData"]) == 1
    mounts = {m["mountPath"]: m.get("subPath") for m in container(*words)["volumeMounts"]}
    assert mounts["/home/jovyan/notebooks/rules.py"] == "rules.py"
    assert mounts["/home/jovyan/rules.py"] in carried["binaryData"]


def test_a_notebook_too_large_for_a_configmap_is_refused(notebook: str) -> None:
    """With the two other ways; its outputs do not count."""
    path = Path(notebook)
    document = json.loads(path.read_text())
    document["cells"][0]["outputs"][0]["text"] = "x" * 2_000_000
    path.write_text(json.dumps(document))
    assert printed(notebook)
    document["cells"][0]["source"] += "\n#" + "x" * 1_048_576
    path.write_text(json.dumps(document))
    said = refused(notebook)
    assert "1,048,576 bytes" in said
    assert "--notebook-from image" in said
    assert printed(notebook, "--notebook-from", "image")


def test_an_address_is_read_by_the_pod(notebook: str) -> None:
    """Nothing is carried."""
    objects = printed("s3://bucket/deep/My_model.ipynb")
    assert [each for each in objects if each["kind"] == "ConfigMap"] == []
    assert of_kind(objects, "Deployment")["metadata"]["name"] == "my-model"
    assert "s3://bucket/deep/My_model.ipynb" in container("s3://bucket/deep/My_model.ipynb")["args"]


def test_no_key_is_printed_but_the_hashes_that_were_given(notebook: str) -> None:
    """A Secret that is there is named only."""
    file = Path("keys")
    file.write_text(line_of("alice", KEY, "") + "\n")
    file.chmod(0o600)
    objects = printed(notebook, "--api-keys", "keys")
    secret = of_kind(objects, "Secret")
    assert secret["stringData"]["keys"] == file.read_text()
    assert KEY not in str(objects)
    named = printed(notebook, "--keys-secret", secret["metadata"]["name"])
    assert [each for each in named if each["kind"] == "Secret"] == []
    pods = [of_kind(each, "Deployment")["spec"]["template"] for each in (objects, named)]
    assert pods[0]["spec"]["volumes"][-1]["secret"]["defaultMode"] == 0o440
    assert pods[0]["spec"] | {"volumes": 0} == pods[1]["spec"] | {"volumes": 0}


def test_a_secret_variable_is_refused(notebook: str) -> None:
    """As a parameter is: it would stand in the Deployment; where a secret lies may."""
    assert "--env-from-secret" in refused(notebook, "--env", "RUNNER_API_KEY", "hunter2")
    assert "hunter2" not in refused(notebook, "--env", "HF_TOKEN", "hunter2")
    assert printed(notebook, "--env", "TOKEN_FILE", "/run/secrets/token")


@pytest.mark.parametrize("name", ["db_password", "pin"])
def test_a_secret_parameter_is_refused(notebook: str, name: str) -> None:
    """By its name, or by its comment: whoever may see a Deployment would read it."""
    path = Path(notebook)
    path.write_text(path.read_text().replace("0.5", "0.5\\npin: str = ''  # secret: of the card"))
    assert "--env-from-secret" in refused(notebook, "-p", name, "hunter2")


def test_a_configmap_that_an_apply_cannot_keep_is_told(notebook: str) -> None:
    """It keeps what it has applied in an annotation, which is smaller than a ConfigMap may be."""
    Path("table.csv").write_text("x" * 262_144)
    asked = CliRunner().invoke(main.commands, ["manifest", notebook, "--with", "table.csv"])
    assert "--server-side" in asked.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-p", "treshold", "1"], "did you mean 'threshold'"),
        (["-p", "threshold", "low"], "threshold"),
        (["--name", "Iris"], "small letters"),
        (["--cpu", "two"], "500m or 2"),
        (["--user", "0"], "root"),
        (["--replicas", "5", "--max-replicas", "2"], "is less than"),
        (["--", "--api-keys", "x"], "--api-keys"),
        (["--workers", "2"], "behind `--`"),
        (["--no-reload"], "behind `--`"),
        (["--replcas", "2"], "--replicas"),
        (["--", "--host", "::1"], "it is the pod's"),
        (["--", "-f", "values.yaml"], "-p sets each"),
        (["--", "--ready-path", ""], "no probe"),
        (["--", "--health-path", "live"], "live must begin with /"),
        (["--", "--wrokers", "2"], "--wrokers"),
        (["--", "--tls-client-ca", "x"], "no certificate to show"),
    ],
)
def test_what_cannot_work_is_refused(notebook: str, words: list[str], said: str) -> None:
    """By a sentence that names it."""
    assert said in refused(notebook, *words)


def test_a_notebook_elsewhere_is_refused(notebook: str, tmp_path_factory: Any) -> None:
    """Its path in the pod would be anybody's guess."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "serve.ipynb").write_text(Path(notebook).read_text())
    assert "start in the project's folder" in refused(str(folder / "serve.ipynb"))


def test_options_of_serve_that_are_only_read_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not where this process looks for records."""
    monkeypatch.delenv("RUNNER_RUNS", raising=False)
    read_serve_options(["--runs", "/elsewhere"])
    assert "RUNNER_RUNS" not in os.environ


def test_each_file_has_a_key_of_its_own(notebook: str) -> None:
    """Also one that is called as another would be by a number, and one that begins with dots."""
    paths = ["3-x.py", "a/x.py", "b/x.py", "c/..data"]
    for path in map(Path, paths):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# {path}")
    objects = printed(notebook, *(word for path in paths for word in ("--with", path)))
    serving = of_kind(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    places = {each["mountPath"]: each.get("subPath") for each in serving["volumeMounts"]}
    data = of_kind(objects, "ConfigMap")["data"]
    assert [data[places[f"/home/jovyan/{path}"]] for path in paths] == [f"# {p}" for p in paths]
    assert not any(key.startswith("..") for key in data)


def test_kubernetes_expands_no_value(notebook: str) -> None:
    """It reads `$(NAME)` in words and variables, and makes `$$` one `$`: `$` is escaped so."""
    path = Path(notebook)
    path.write_text(path.read_text().replace("threshold: float = 0.5", "price: str = ''"))
    asked = ["-p", "price", "$(HOME)", "--env", "COST", "5$$", "--", "--runs", "runs/$x"]
    serving = container(notebook, *asked)
    assert serving["args"][-5:] == ["-p", "price", "$$(HOME)", "--runs", "runs/$$x"]
    assert {"name": "COST", "value": "5$$$$"} in serving["env"]
    objects = printed(notebook, *asked[:6], "--kserve", "--storage-uri", "s3://b/f")
    predictor = of_kind(objects, "InferenceService")["spec"]["predictor"]
    assert predictor["containers"][0]["args"][-1] == "$$(HOME)"
    assert {"name": "COST", "value": "5$$$$"} in predictor["containers"][0]["env"]
