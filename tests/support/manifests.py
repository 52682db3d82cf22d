"""Print manifests by the command, and check them as a cluster would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from click.testing import CliRunner

from runner.cli import main

NEWEST = ("1.35", "1.36", "1.37")
NOTEBOOK = str(Path(__file__).parents[2] / "notebooks" / "serve.ipynb")

Object = dict[str, Any]


def printed(*words: str) -> list[Object]:
    """Give the objects that `runner manifest` prints."""
    asked = CliRunner().invoke(main.commands, ["manifest", *words])
    if asked.exception:
        raise asked.exception
    return list(yaml.safe_load_all(asked.stdout))


def refused(*words: str) -> str:
    """Give what `runner manifest` says of what it does not print."""
    asked = CliRunner().invoke(main.commands, ["manifest", *words])
    assert asked.exit_code, asked.stdout
    said = asked.exception if not isinstance(asked.exception, SystemExit) else asked.stderr
    return f"{said} {getattr(said, 'hint', '')}"


def of_kind(objects: list[Object], kind: str) -> Object:
    """Give the only object of a kind."""
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


def check(found: Object) -> None:
    """Check an object of Kubernetes' own by the schemas of the newest versions, strictly."""
    for version in NEWEST:
        kubernetes_validate.validate(found, version, strict=True)


def of_others() -> list[Object]:
    """Give objects of all kinds that are not Kubernetes' own, in all their variants."""
    kserve = ["--kserve", "--storage-uri", "s3://bucket/iris", "--canary-uri", "s3://bucket/next"]
    common = [NOTEBOOK, "--name", "iris", "--service-account", "iris", "--env", "A", "b"]
    common += ["--env-from-secret", "bucket", "--namespace", "models"]
    variants = [
        ["--autoscale", "in-flight", "--monitor", "podmonitor", "--", "--tls-cert", "x"],
        ["--knative"],
        ["--knative", "--keys-secret", "keys", "--model-claim", "iris"],
        *(
            [*kserve, *runtime, *mode]
            for runtime in ([], ["--serving-runtime"])
            for mode in (
                [],
                ["--kserve-mode", "Knative"],
                ["--autoscale", "in-flight", "-p", "port", "8080"],
                ["--autoscale", "none"],
            )
        ),
    ]
    found = [each for words in variants for each in printed(*common, *words)]
    return [each for each in found if "." in each["apiVersion"].removesuffix(".k8s.io/v1")]
