"""List the packages of this Python as an SBOM, in CycloneDX's JSON."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name

from runner import __version__


def sbom() -> str:
    """List what is installed beside this package: name, version, licence, and what needs what.

    Only Python's packages are known here; those of the system are in its own list.
    """
    found = {
        canonicalize_name(each.metadata["Name"]): each
        for each in importlib.metadata.distributions()
        if each.metadata["Name"]
    }
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "python",
                "name": "python",
                "version": platform.python_version(),
            },
            "tools": {
                "components": [
                    {"type": "application", "name": "notebook-runner", "version": __version__}
                ]
            },
        },
        "components": [_component(name, found[name]) for name in sorted(found)],
    }
    return json.dumps(document, indent=1)


def _component(name: str, found: importlib.metadata.Distribution) -> dict[str, Any]:
    url = f"pkg:pypi/{name}@{quote(found.version)}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": url,
        "name": name,
        "version": found.version,
        "purl": url,
    }
    if "License-Expression" in found.metadata:
        component["licenses"] = [{"expression": found.metadata["License-Expression"]}]
    return component
