"""Make a body that an endpoint's schema allows, where its author gave no example."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from runner.model.artefacts import card_of
from runner.predict.endpoints import Endpoint
from runner.predict.problem_error import ProblemError

_DEEPEST = 16
# A schema of msgspec's does not say of each string what it is: if not the first, another may fit.
_TEXTS = ("a", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "12:00:00", "YQ==", "1")
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uuid4": "00000000-0000-4000-8000-000000000000",
    "uri": "http://localhost/",
    "email": "a@localhost.org",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "decimal": "1",
}


class NotMadeError(ValueError):
    """Tell that nothing can be made of a schema."""


def example_for(endpoint: Endpoint) -> Any:
    """Give a body that an endpoint's schema allows; None if none can be made, as of a file.

    Numbers are 1, and strings are "a", since fewer functions fail at these than at 0 or at nothing;
    the features of a model are in the middle of the ranges that its card has.
    """
    if endpoint.read_form is not None:
        return None
    schema = endpoint.schema.describe()
    for text in _TEXTS:
        try:
            made = _Maker(schema.get("$defs", {}), text).value(schema)
            if isinstance(made, dict):
                made = made | _middles(card_of(endpoint.model), made)
            endpoint.schema.convert(made)
        except (NotMadeError, ProblemError):
            continue
        return made
    return None


def _middles(card: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    ranges = card.get("feature_ranges", {})
    found = {}
    for name, value in made.items():
        try:
            low, high = map(float, ranges[name])
        except (KeyError, TypeError, ValueError):
            continue
        if type(value) in (int, float) and math.isfinite(low + high):
            found[name] = type(value)((low + high) / 2)
    return found


class _Maker:
    """Make values of schemas, and strings of one text where a schema does not say which."""

    def __init__(self, parts: Mapping[str, Any], text: str) -> None:
        self._parts, self._text = parts, text

    def value(self, schema: Any, depth: int = _DEEPEST) -> Any:
        """Make a value.

        Raises:
            NotMadeError: None can be made.
        """
        if not depth:
            raise NotMadeError("the schema has no end")
        if "$ref" in schema:
            return self.value(self._parts.get(schema["$ref"].rpartition("/")[2], {}), depth - 1)
        for word in ("examples", "enum"):
            if known := [each for each in schema.get(word, ()) if each is not None]:
                return known[0]
        for word in ("const", "default"):
            if word in schema:
                return schema[word]
        if options := schema.get("anyOf", schema.get("oneOf")):
            chosen = next((each for each in options if each.get("type") != "null"), options[0])
            return self.value(chosen, depth - 1)
        return self._of_type(schema, depth - 1)

    def _of_type(self, schema: Any, depth: int) -> Any:
        kind = schema.get("type", "number")
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "string":
            return self._string(schema)
        if kind in ("number", "integer"):
            return _number(schema)
        return {"boolean": True}.get(kind) if isinstance(kind, str) else None

    def _object(self, schema: Any, depth: int) -> dict[str, Any]:
        fields = schema.get("properties", {})
        found = {name: self.value(fields[name], depth) for name in schema.get("required", ())}
        others = schema.get("additionalProperties") or {}
        for number in range(min(schema.get("minProperties", 0), 1_000) - len(found)):
            found[str(number)] = self.value(others if isinstance(others, dict) else {}, depth)
        return found

    def _array(self, schema: Any, depth: int) -> list[Any]:
        if "prefixItems" in schema:
            return [self.value(each, depth) for each in schema["prefixItems"]]
        count = schema.get("minItems", min(1, schema.get("maxItems", 1)))
        return [self.value(schema.get("items") or {}, depth) for _ in range(min(count, 10_000))]

    def _string(self, schema: Any) -> str:
        # Of dates with a time some are read with a zone only, and some without: see the texts.
        is_moment = schema.get("format") == "date-time" and self._text.startswith("2026")
        text = self._text if is_moment else _FORMATS.get(schema.get("format", ""), self._text)
        return text * max(1, schema.get("minLength", 1) if text == "a" else 1)


def _number(schema: Any) -> Any:
    step = schema.get("multipleOf")
    found = step or 1
    low = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf))
    high = schema.get("maximum", schema.get("exclusiveMaximum", math.inf))
    if found <= low:
        found = low if "minimum" in schema else low + (step or 1)
    if found >= high:
        is_between = math.isfinite(low) and schema.get("type") != "integer"
        found = (low + high) / 2 if is_between else high if "maximum" in schema else high - 1
    return found
