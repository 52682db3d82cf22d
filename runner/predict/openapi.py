"""Describe a service in OpenAPI 3.1, from what its endpoints say of themselves.

Every path is written out with its model's name, so that what is described can be called as
it stands. What the server answers before the app is asked (408, 413, 431, 503) is described too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from runner import __version__
from runner.identity import Identity
from runner.predict import openapi_bodies, openapi_protocols
from runner.predict.endpoints import Endpoint
from runner.predict.media_types import EVENTS, MediaType
from runner.predict.streams import FRAMED

_SERVED = f"Served from a notebook by runner {__version__}."
_NO_SCHEMAS = {"examples", "example", "const", "default", "enum"}
_PROBLEMS = {
    "400": "The body is not JSON.",
    "406": "The answer cannot be given in the form that Accept asks for.",
    "408": "The request did not arrive in time.",
    "413": "The body, or the number of rows, is too large.",
    "415": "The body is of another type.",
    "422": "The body is JSON of the wrong shape; each fault names its field.",
    "431": "The headers are too large.",
    "500": "Predicting failed; the log has the error.",
    "503": "Too much waits already; try again after Retry-After seconds.",
    "504": "The deadline of the request passed before it was predicted.",
}

RUN_ID = {
    "description": "The run that answered; only under the runner's supervisor.",
    "schema": {"type": "string"},
}
_TIMING = {
    "description": "Milliseconds in the queue and in the call of the model.",
    "schema": {"type": "string"},
    "example": "queue;dur=0.021, predict;dur=0.140",
}
_RETRY = {"description": "Seconds to wait.", "schema": {"type": "string"}}

COMPONENTS: dict[str, Any] = {
    "Problem": {
        "title": "Problem",
        "description": "What is wrong with a request (RFC 9457).",
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
        },
        "required": ["type", "title", "status", "detail"],
    },
    "Fault": {
        "title": "Fault",
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": "A JSON pointer (RFC 6901)."},
            "detail": {"type": "string", "description": "What was expected, and what was there."},
        },
        "required": ["field", "detail"],
    },
}


def describe(endpoints: Sequence[Endpoint], identity: Identity) -> dict[str, Any]:
    """Write the document."""
    components = dict(COMPONENTS) | openapi_protocols.COMPONENTS
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        described = openapi_bodies.body_schema(endpoint)
        body = as_component(described, endpoint.name, "request", components)
        answer = as_component(endpoint.answer or {}, endpoint.name, "answer", components)
        form: dict[str, str] | None = None
        if endpoint.read_form is not None:
            described = openapi_bodies.form_schema(endpoint.schema.describe())
            form = as_component(described, endpoint.name, "form", components)
        paths[endpoint.path] = {"post": _predict_operation(endpoint, body, form, answer)}
        paths |= openapi_protocols.paths_of(endpoint, identity)
    for path, operation in _service_paths().items():
        paths[path] = operation | paths.get(path, {})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title_of(endpoints, identity),
            "version": (identity.notebook_sha256 or "0")[:12],
            "description": f"{identity.notebook_introduction}\n\n{_SERVED}".strip(),
        },
        "paths": paths | openapi_protocols.common_paths(),
        "components": {"schemas": components},
        "tags": [
            {"name": "predict", "description": "The endpoints of the notebook."},
            *openapi_protocols.TAGS,
            {"name": "service", "description": "What the service says of itself."},
        ],
    }


def title_of(endpoints: Sequence[Endpoint], identity: Identity) -> str:
    """Call a service by its notebook's first heading, else by its endpoints."""
    named = (endpoint.title or endpoint.name for endpoint in endpoints)
    return identity.notebook_title or ", ".join(named)


def as_component(
    schema: Mapping[str, Any], name: str, role: str, components: dict[str, Any]
) -> dict[str, str]:
    """Put a schema and its ``$defs`` among the components, and give the reference to it.

    A reference within a document starts at its root, where a schema's own ``$defs`` are not.
    """
    prefix = f"{_component_name(name)}.{role}"
    rest = {key: value for key, value in schema.items() if key != "$defs"}
    for key, value in schema.get("$defs", {}).items():
        components[f"{prefix}.{_component_name(key)}"] = _with_moved_references(value, prefix)
    components[prefix] = _with_moved_references(rest, prefix)
    return {"$ref": f"#/components/schemas/{prefix}"}


def problem_responses(statuses: Iterable[str]) -> dict[str, Any]:
    """Describe the answers to what is refused."""
    return {status: _problem_response(status) for status in statuses}


def _predict_operation(
    endpoint: Endpoint, body: Any, form: Any | None, answer: Any
) -> dict[str, Any]:
    has_tables = find_spec("pyarrow") is not None
    return {
        "operationId": f"predict_{_component_name(endpoint.name)}",
        "tags": ["predict"],
        "summary": endpoint.title or endpoint.name,
        "description": endpoint.description,
        "requestBody": {
            "required": True,
            "content": openapi_bodies.contents_of_body(endpoint, body, form, has_tables=has_tables),
        },
        "responses": {"200": _prediction_response(endpoint, answer, has_tables=has_tables)}
        | problem_responses(_PROBLEMS),
    }


def _prediction_response(endpoint: Endpoint, answer: Any, *, has_tables: bool) -> dict[str, Any]:
    """Describe a prediction: an answer, or those to many rows."""
    is_stream = endpoint.media_types == FRAMED
    one = {"type": "array", "items": answer} if is_stream else answer
    many = {"type": "array", "items": one}
    schema = {"anyOf": [one, many]} if has_tables else one
    described: dict[str, Any] = {
        MediaType.JSON: {"schema": schema},
        EVENTS: {"schema": {"type": "string", "description": "Events, whose data are items."}},
    }
    # What nobody can tell before may be of any type.
    kinds = endpoint.media_types or (MediaType.JSON, "*/*")
    return {
        "description": "A stream of items." if is_stream else "The answer, or one for each row.",
        "headers": {"x-run-id": RUN_ID, "server-timing": _TIMING},
        "content": {kind: described.get(kind, {}) for kind in kinds}
        | {MediaType.LINES: {}}
        | ({MediaType.ARROW: {}} if has_tables else {}),
    }


def _problem_response(status: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = {"Retry-After": _RETRY} if status == "503" else {}
    return {"description": _PROBLEMS[status], "content": content} | (
        {"headers": headers} if headers else {}
    )


def _with_moved_references(value: Any, prefix: str) -> Any:
    """Let the references of a schema point to where its definitions are now."""
    if isinstance(value, list):
        return [_with_moved_references(each, prefix) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, inner in value.items():
        if key == "$ref" and isinstance(inner, str):
            found[key] = _moved_reference(inner, prefix)
        elif key == "mapping" and _is_mapping_of_references(value):
            found[key] = {name: _moved_reference(each, prefix) for name, each in inner.items()}
        elif key in _NO_SCHEMAS and not _is_schema_map(value):
            found[key] = inner
        else:
            found[key] = _with_moved_references(inner, prefix)
    return found


def _is_mapping_of_references(discriminator: Mapping[str, Any]) -> bool:
    """Tell what says by a property's value which schema holds (OpenAPI 3.1, 4.8.25)."""
    return isinstance(discriminator.get("propertyName"), str)


def _moved_reference(reference: str, prefix: str) -> str:
    return f"#/components/schemas/{prefix}.{_component_name(reference.rpartition('/')[2])}"


def _is_schema_map(value: Mapping[str, Any]) -> bool:
    """Tell fields by name, where any name is possible, from the keywords of a schema."""
    return bool(value) and all(isinstance(inner, dict) for inner in value.values())


def _component_name(name: str) -> str:
    """Write a name with what the name of a component may hold."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _service_paths() -> dict[str, Any]:
    """Describe the pages of the service itself."""
    return {
        "/": {
            "get": _page_operation(
                "page", "A page with a form, or a description", "text/html", "application/json"
            )
        },
        "/docs": {"get": _page_operation("docs", "This document as a page", "text/html")},
        "/openapi.json": {"get": _page_operation("openapi", "This document", "application/json")},
        "/metrics": {
            "get": _page_operation(
                "metrics", "Counts and times, of all workers", "text/plain",
                "application/openmetrics-text",
            )
        },
    }  # fmt: skip


def _page_operation(name: str, summary: str, *kinds: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "tags": ["service"],
        "summary": summary,
        "responses": {
            "200": {
                "description": summary,
                "headers": {"x-run-id": RUN_ID},
                "content": {kind: {} for kind in kinds},
            }
        }
        | problem_responses(["408", "431", "503"]),
    }
