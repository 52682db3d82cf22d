"""Tell a model or a function from an app, and make its endpoints."""

from __future__ import annotations

from typing import Any

from runner.prediction.endpoints import Endpoint
from runner.prediction.models import model_endpoint


def endpoints_of(target: Any, *, example: Any, answer: str) -> list[Endpoint]:
    """Make the endpoints of what ``serve`` was given.

    Raises:
        TypeError: It cannot be served.
    """
    return [model_endpoint(target, name="predict", path="/", example=example, key=answer)]
