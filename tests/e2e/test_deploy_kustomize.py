"""The files of `deploy/kustomize` say what `runner manifest` prints."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT, crd_schemas, manifests

KUBECTL = Path(sys.executable).with_name("kubectl")
PRINTED = [manifests.NOTEBOOK, "--name", "serve", "--image", "runner:v1"]
OVERLAYS = {
    "image": ["--notebook-from", "image", "--keys-secret", "serve-keys"],
    "configmap": [],
    "in-flight": ["--autoscale", "in-flight", "--monitor", "podmonitor"],
    "kserve": ["--kserve", "--storage-uri", "s3://bucket/serve", "--serving-runtime"],
}
Objects = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files, with the notebook laid beside the overlays that want it."""
    place = tmp_path_factory.mktemp("deploy") / "kustomize"
    shutil.copytree(ROOT / "deploy/kustomize", place)
    for overlay in ("configmap", "in-flight"):
        shutil.copy(manifests.NOTEBOOK, place / "overlays" / overlay)
    return place


def built(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [KUBECTL, "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def comparable(objects: list[dict[str, Any]]) -> Objects:
    """Give objects by their kind; a ConfigMap is called by what it has, in a way of each one's."""
    found = {each["kind"]: each for each in objects}
    assert len(found) == len(objects)
    if carried := found.get("ConfigMap"):
        name = carried["metadata"]["name"]
        carried["data"] = {key: json.loads(text) for key, text in carried["data"].items()}
        found = json.loads(json.dumps(found).replace(f'"{name}"', '"notebook"'))
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_says_what_is_printed(
    folder: Path, overlay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Object by object."""
    monkeypatch.chdir(ROOT)
    expected = comparable(manifests.printed(*PRINTED, *OVERLAYS[overlay]))
    assert comparable(built(folder / "overlays" / overlay)) == expected


def test_objects_are_valid(folder: Path) -> None:
    """By the published schemas, once kustomize has put them together."""
    for overlay in OVERLAYS:
        for each in built(folder / "overlays" / overlay):
            if crd_schemas.file_of(each).exists():
                crd_schemas.check(each)
            else:
                manifests.check(each)


def test_a_label_of_an_overlay_reaches_every_selector(folder: Path) -> None:
    """So two services of one base do not take each other's pods."""
    more = folder / "overlays" / "labelled"
    more.mkdir()
    pairs = {"app.kubernetes.io/instance": "second"}
    content = {
        "resources": ["../image"],
        "namePrefix": "second-",
        "labels": [{"pairs": pairs, "includeSelectors": True, "includeTemplates": True}],
    }
    (more / "kustomization.yaml").write_text(yaml.safe_dump(content))
    objects = comparable(built(more))
    deployment = objects["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [
        deployment["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert pairs.items() <= selector.items() <= labels.items()
    scaled = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"]
    assert scaled == objects["Deployment"]["metadata"]["name"]
