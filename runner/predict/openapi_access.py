"""Say in OpenAPI that a key is needed, and where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.access.gate import Gate

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_REFUSED: dict[str, Any] = {
    "401": {
        "description": "No key that is known was given, or more than one.",
        "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
        "content": _PROBLEM,
    },
    "429": {
        "description": "The key asks more often than it may; try again after Retry-After seconds.",
        "headers": {"Retry-After": {"schema": {"type": "string"}}},
        "content": _PROBLEM,
    },
}


def with_keys(document: Mapping[str, Any], gate: Gate) -> Mapping[str, Any]:
    """Add what keys are asked for to a description of the service; nothing if none are."""
    if gate.keys is None:
        return document
    components = document["components"] | {"securitySchemes": _SCHEMES}
    security: list[dict[str, list[str]]] = [{name: []} for name in _SCHEMES]  # any one of them
    paths = {
        path: {method: _secured(method, path, each, gate) for method, each in methods.items()}
        for path, methods in document["paths"].items()
    }
    return {**document, "paths": paths, "components": components, "security": security}


def _secured(method: str, path: str, operation: Any, gate: Gate) -> Any:
    if not isinstance(operation, dict) or "responses" not in operation:
        return operation
    if gate.is_open(method.upper(), path):
        return operation | {"security": []}
    return operation | {"responses": operation["responses"] | _REFUSED}
