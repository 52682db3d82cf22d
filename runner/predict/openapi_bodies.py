"""Describe in OpenAPI what the body of a prediction may be: JSON, a form with files, many rows.

Sources: RFC 7578; OpenAPI 3.1, 4.8.14 (media types, among them forms with files).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.predict.endpoints import Endpoint
from runner.predict.media_types import MediaType

TRAINING_RANGE = "x-training-range"
"""In a feature's schema: the least and the greatest value of what the model has learnt from."""

_FILE = {"type": "string", "format": "binary"}
_ABOUT = ("title", "description")  # other words of a schema, such as maxLength, are of the base64


def body_schema(endpoint: Endpoint) -> Mapping[str, Any]:
    """Describe a body of JSON, with the ranges of what the model has learnt from."""
    schema = endpoint.schema.describe()
    if not endpoint.ranges or "properties" not in schema:
        return schema
    properties = {
        name: {**each, TRAINING_RANGE: list(endpoint.ranges[name])}
        if name in endpoint.ranges
        else each
        for name, each in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def form_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Describe a form, whose files are bytes, by what describes the same as JSON."""
    if "properties" not in schema:
        return schema
    properties = {name: _form_field(each) for name, each in schema["properties"].items()}
    return {**schema, "properties": properties}


def is_file(schema: Mapping[str, Any]) -> bool:
    """Tell a field that is a file, one that may be absent, or a list of files."""
    options = [schema, *schema.get("anyOf", ())]
    options += [each["items"] for each in options if isinstance(each.get("items"), Mapping)]
    return any(_is_binary(each) for each in options)


def contents_of_body(
    endpoint: Endpoint, body: Any, form: Any | None, *, has_tables: bool
) -> dict[str, Any]:
    """Say of which types a body may be; what is best for one item stands first.

    Args:
        endpoint: What predicts.
        body: The schema of JSON.
        form: That of a form; None if it takes none.
        has_tables: Whether there is a library for them.
    """
    example = {} if endpoint.example is None else {"example": endpoint.example}
    found: dict[str, Any] = {}
    if endpoint.takes_json:
        found[MediaType.JSON] = {"schema": body, **example}
    if form is not None:
        found[MediaType.FORM] = {"schema": form}
    if endpoint.takes_json:
        found |= {MediaType.LINES: {}, MediaType.CSV: {"schema": {"type": "string"}}}
        found |= {MediaType.ARROW: {}, MediaType.PARQUET: {}} if has_tables else {}
    return found


def _is_binary(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "binary" or schema.get("contentEncoding") == "base64"


def _form_field(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    if _is_binary(schema):
        return _FILE | {key: schema[key] for key in _ABOUT if key in schema}
    found = dict(schema)
    if "anyOf" in schema:
        found["anyOf"] = [_form_field(each) for each in schema["anyOf"]]
    if "items" in schema:
        found["items"] = _form_field(schema["items"])
    return found
