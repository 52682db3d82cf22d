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
