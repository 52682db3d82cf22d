"""What a service offers to whoever has started it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from runner.config import PAGE_PATH
from runner.predict.app import PredictApp
from runner.serving.greeting import offers_of


@pytest.mark.parametrize(
    ("app", "offers"),
    [
        (PredictApp([]), {"page": "/", "docs": "/docs"}),
        (lambda environ, start: [b""], {"page": PAGE_PATH}),
        (SimpleNamespace(docs_url="/api/docs"), {"page": PAGE_PATH, "docs": "/api/docs"}),
        (SimpleNamespace(docs_url=None), {"page": PAGE_PATH}),
    ],
)
def test_what_there_is_to_look_at_is_told(app: Any, offers: dict[str, str]) -> None:
    """Of models and functions all; of one's own app our page, and what FastAPI says itself."""
    assert offers_of(app) == offers
