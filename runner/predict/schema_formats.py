"""Say in a JSON schema what msgspec leaves out: what a string has to be, and what a key.

msgspec describes a date with a time as any string, since it also reads one without a zone, which
RFC 3339 has not; a Decimal as a string, though it reads numbers; and keys that are integers as any.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from runner.predict.type_descriptions import is_union, without_none
from runner.predict.type_members import fields_of_type, hints_of_items, words_of_dict

_FORMATS = {datetime: "date-time", time: "time"}
_NUMBER = {"type": "number"}
_WHOLE = {"pattern": "^-?[0-9]+$"}


def add_formats(schema: dict[str, Any], hint: Any, parts: Mapping[str, Any]) -> None:
    """Complete a schema that msgspec has made of a type, and the parts that it refers to.

    Args:
        schema: Of the type.
        hint: The type.
        parts: The schemas of classes, by name.
    """
    _complete(schema, hint, parts, set())


def _complete(schema: dict[str, Any], hint: Any, parts: Mapping[str, Any], seen: set[str]) -> None:
    inner = without_none(hint)
    if "anyOf" in schema:
        members = typing.get_args(inner) if is_union(inner) else (inner,)
        for option in schema["anyOf"]:
            for member in members:
                _complete(option, member, parts, seen)
        return
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in parts and name not in seen:
            seen.add(name)
            _complete_fields(parts[name], inner, parts, seen)
        return
    kind = schema.get("type")
    if kind == "string" and "format" not in schema and inner in _FORMATS:
        schema["format"] = _FORMATS[inner]
    elif kind == "string" and inner is Decimal:
        text = dict(schema)
        schema.clear()
        schema["anyOf"] = [_NUMBER, text]
    elif kind == "array":
        _complete_items(schema, inner, parts, seen)
    elif kind == "object":
        _complete_values(schema, inner, parts, seen)
        _complete_fields(schema, inner, parts, seen)


def _complete_items(
    schema: dict[str, Any], hint: Any, parts: Mapping[str, Any], seen: set[str]
) -> None:
    places = schema.get("prefixItems") or [schema.get("items")]
    for place, each in zip(places, hints_of_items(places, hint), strict=False):
        if isinstance(place, dict):
            _complete(place, each, parts, seen)


def _complete_values(
    schema: dict[str, Any], hint: Any, parts: Mapping[str, Any], seen: set[str]
) -> None:
    if words := words_of_dict(hint):
        if words[0] is int:
            schema["propertyNames"] = _WHOLE
        if isinstance(schema.get("additionalProperties"), dict):
            _complete(schema["additionalProperties"], words[1], parts, seen)


def _complete_fields(
    schema: dict[str, Any], hint: Any, parts: Mapping[str, Any], seen: set[str]
) -> None:
    described = schema.get("properties", {})
    for field in fields_of_type(hint) or ():
        if field.name in described:
            _complete(described[field.name], field.hint, parts, seen)
