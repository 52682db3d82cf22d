"""Check objects of KServe, Knative, KEDA and the Prometheus operator by their published schemas.

    python tests/support/crd_schemas.py CRD.yaml SOURCE …   writes tests/schemas/KIND.json anew

What is kept there is reduced to the fields that `runner manifest` prints; of all others it has the
names, so that one that is misspelt is found as a cluster would find it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema
import yaml

FOLDER = Path(__file__).parents[1] / "schemas"
LICENCE = "Apache-2.0"
_KEPT = ("type", "enum", "pattern", "minimum", "maximum", "required", "anyOf", "minItems", "format")


def check(found: dict[str, Any]) -> None:
    """Check an object by the schema of its kind, strictly."""
    schema = json.loads(file_of(found).read_text())["schema"]
    jsonschema.Draft202012Validator(schema).validate(found)


def file_of(found: dict[str, Any]) -> Path:
    """Name the schema's file of an object."""
    group = found["apiVersion"].partition("/")[0]
    return FOLDER / f"{found['kind']}.{group}.json"


def reduced(schema: dict[str, Any], samples: list[Any]) -> dict[str, Any]:
    """Keep of a schema what concerns some objects, and forbid fields that it does not name."""
    kept = {name: schema[name] for name in _KEPT if name in schema}
    if "properties" in schema:
        objects = [each for each in samples if isinstance(each, dict)]
        kept["properties"] = {
            name: reduced(inner, [each[name] for each in objects if name in each])
            if any(name in each for each in objects)
            else True
            for name, inner in schema["properties"].items()
        }
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            kept["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = reduced(schema["additionalProperties"], [])
    if "items" in schema:
        lists = [each for each in samples if isinstance(each, list)]
        kept["items"] = reduced(schema["items"], [one for each in lists for one in each])
    return kept


def write(crd: dict[str, Any], source: str, samples: Iterable[dict[str, Any]]) -> None:
    """Write the reduced schema of the version that we print."""
    group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
    ours = [
        each for each in samples if each["kind"] == kind and each["apiVersion"].startswith(group)
    ]
    versions = {each["apiVersion"].partition("/")[2] for each in ours}
    (version,) = (each for each in crd["spec"]["versions"] if each["name"] in versions)
    schema = reduced(version["schema"]["openAPIV3Schema"], ours)
    content = {"source": source, "licence": LICENCE, "schema": schema}
    FOLDER.mkdir(exist_ok=True)
    file_of(ours[0]).write_text(json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    from support.manifests import of_others

    for file, source in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        write(yaml.safe_load(Path(file).read_text()), source, of_others())
