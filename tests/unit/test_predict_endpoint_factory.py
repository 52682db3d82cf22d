"""Endpoints of one target, or of several by name."""

from __future__ import annotations

from typing import Any

import pytest
from support.prediction_apps import app_of, post

from runner import endpoint
from runner.predict.endpoint_factory import endpoints_of
from runner.predict.targets import EndpointOptions


def double(n: int) -> int:
    return 2 * n


def test_several_targets_have_paths_and_options_of_their_own() -> None:
    """By their names."""
    app = app_of({"double": double, "shown": endpoint(double, answer="val")})
    assert post(app, {"n": 2}, path="/double").json() == 4
    assert post(app, {"n": 2}, path="/shown").json() == {"val": 4}
    nowhere = post(app, {"n": 2}, path="/nowhere")
    assert nowhere.status_code == 404
    assert nowhere.json()["detail"].endswith("there is POST /double, POST /shown")


def test_one_target_is_at_the_root() -> None:
    """And may be named, for metrics."""
    (only,) = endpoints_of(endpoint(double, answer="val"), "twice", EndpointOptions())
    assert (only.name, only.path) == ("twice", "/")


@pytest.mark.parametrize(
    ("targets", "options", "error", "said"),
    [
        ({}, {}, TypeError, "nothing to serve"),
        ({"a b": double}, {}, ValueError, "cannot be a path"),
        ({"docs": double}, {}, ValueError, "a path of the runner's own"),
        ({"a": double}, {"answer": "x"}, TypeError, "each has options of its own"),
        ({"a": 3}, {}, TypeError, "3 is neither a model"),
        (lambda a: a, {}, TypeError, "no type hint"),
    ],
)
def test_what_cannot_be_is_told_at_once(
    targets: Any, options: Any, error: type[Exception], said: str
) -> None:
    """With the mend."""
    with pytest.raises(error, match=said):
        app_of(targets, **options)
