"""Gather what a service answers besides its endpoints' own paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runner.http.problems import CONTENT_TYPE
from runner.identity import Identity
from runner.predict import (
    mlflow_scoring,
    open_inference,
    openapi,
    pages,
    prometheus,
    protocols_openapi,
)
from runner.predict.counters import Counters
from runner.predict.endpoints import Endpoint
from runner.predict.problems import ProblemError
from runner.predict.protocol_calls import PredictMany
from runner.predict.requests import Answer, Route

RESERVED = frozenset(
    {"docs", "health", "invocations", "metrics", "openapi.json", "ping", "static"}
    | {"v1", "v2", "version"}
)
"""Names that no endpoint can have, since their paths are answered already."""


def routes(  # noqa: PLR0913 - what an app knows, handed on once
    endpoints: Sequence[Endpoint],
    predict_many: PredictMany,
    counters: Callable[[], Counters],
    identity: Identity,
    *,
    is_draining: Callable[[], bool],
    page: bytes | None = None,
) -> dict[tuple[str, str], Route]:
    """Give the routes of all pages and protocols.

    Args:
        endpoints: What predicts.
        predict_many: Predicts rows together.
        counters: Gives what all workers count; called at a scrape, not before.
        identity: What is running.
        is_draining: Tells whether this worker is about to end.
        page: The HTML of the author's own page; None for ours.
    """
    document = openapi.describe(endpoints, identity)
    return {
        **pages.routes(endpoints, identity, document, page),
        **open_inference.routes(endpoints, predict_many, identity, is_draining),
        **mlflow_scoring.routes(endpoints, predict_many),
        ("GET", "/metrics"): prometheus.route(counters, identity),
    }


def owners(endpoints: Sequence[Endpoint], identity: Identity) -> dict[str, str]:
    """Name the endpoint that each path of a protocol belongs to, for counting."""
    found: dict[str, str] = {}
    for endpoint in endpoints:
        paths = {endpoint.path, mlflow_scoring.invocations_path(endpoint)}
        paths |= set(protocols_openapi.paths_of(endpoint, identity))
        found |= dict.fromkeys(paths, endpoint.name)
    return found


def refusal(path: str, problem: ProblemError) -> Answer:
    """Say a problem in the words of the protocol that a path belongs to."""
    if path.startswith(("/v1/", "/v2/")) or path in ("/v1", "/v2"):
        return open_inference.refusal(problem)
    if path.endswith("/invocations"):
        return mlflow_scoring.mlflow_refusal(problem)
    return Answer(
        status=problem.status,
        body=problem.body(),
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )
