"""What OpenAPI says of keys."""

from __future__ import annotations

from typing import Any

from support.prediction_apps import app_of, send

from runner.access.gate import Gate
from runner.access.keys import Keys
from runner.access.settings import Opened


def double(x: float) -> float:
    return 2 * x


def described(gate: Gate | None) -> Any:
    app = app_of(double)
    if gate is not None:
        app.gate = gate
    return send(app, None, method="GET", path="/openapi.json").json()


def test_without_keys_nothing_is_said_of_them() -> None:
    """As it was."""
    document = described(None)
    assert "security" not in document
    assert "securitySchemes" not in document["components"]
    assert "401" not in str(document)


def test_with_keys_each_operation_says_whether_it_needs_one() -> None:
    """Either header; what is open needs none, and is not refused."""
    paths = {"/metrics": Opened.METRICS, "/ping": Opened.HEALTH}
    document = described(Gate(Keys(), paths, frozenset()))
    assert document["security"] == [{"bearer": []}, {"apiKey": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["components"]["securitySchemes"]["apiKey"]["name"] == "x-api-key"
    paths = document["paths"]
    assert {"401", "429"} <= set(paths["/"]["post"]["responses"])
    assert "security" not in paths["/"]["post"]
    assert {"401", "429"} <= set(paths["/metrics"]["get"]["responses"])
    assert paths["/ping"]["get"]["security"] == []
    assert "401" not in paths["/ping"]["get"]["responses"]
