"""Gather what a service answers besides its endpoints' own paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from runner.access.gate import Gate
from runner.access.settings import Opened
from runner.http.problems import CONTENT_TYPE
from runner.identity import Identity
from runner.liveness.readiness import Readiness
from runner.predict import (
    mlflow_scoring,
    open_inference,
    openapi,
    openapi_protocols,
    pages,
    prometheus,
)
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import Response, Route
from runner.predict.problem_error import ProblemError
from runner.predict.row_calls import RowCalls
from runner.traffic.counters import Counters

RESERVED = frozenset(
    {"docs", "health", "invocations", "metrics", "openapi.json", "ping", "static"}
    | {"v1", "v2", "version"}
)
"""Names that no endpoint can have, since their paths are answered already."""

_PAGES = frozenset({"/", "/docs", "/openapi.json"})
_HEALTH = frozenset({"/ping", "/v2/health/live", "/v2/health/ready"})


def routes(  # noqa: PLR0913 - what an app knows, handed on once
    endpoints: Sequence[Endpoint],
    calls: RowCalls,
    counters: Callable[[], Counters],
    identity: Identity,
    *,
    gate: Callable[[], Gate],
    is_draining: Callable[[], bool],
    readiness: Callable[[], Readiness],
    page: bytes | None = None,
) -> dict[tuple[str, str], Route]:
    """Give the routes of all pages and protocols.

    Args:
        endpoints: What predicts.
        calls: Predicts rows together.
        counters: Gives what all workers count; called at a scrape, not before.
        identity: What is running.
        gate: Gives what lets requests in.
        is_draining: Tells whether this worker is about to end.
        readiness: Gives what else there is to tell who asks whether it is ready.
        page: The HTML of the author's own page; None for ours.
    """
    document = openapi.describe(endpoints, identity)

    def leaves() -> bool:
        return is_draining() or Readiness.LAME_DUCK in readiness()

    return {
        **pages.routes(endpoints, identity, document, page, gate),
        **open_inference.routes(endpoints, calls, identity, leaves),
        **mlflow_scoring.routes(endpoints, calls, leaves),
        ("GET", "/metrics"): prometheus.metrics_route(counters, identity, gate, readiness),
    }


def paths_to_open(routes: Iterable[tuple[str, str]]) -> dict[str, Opened]:
    """Say what may be asked without a key, if that is wanted; health always.

    Args:
        routes: Methods and paths.
    """
    asked = {path for method, path in routes if method == "GET"}
    assets = {path for path in asked if path.startswith("/static/")}
    return {
        **dict.fromkeys(asked & _PAGES, Opened.DOCS),
        **dict.fromkeys(assets, Opened.ASSETS),
        **dict.fromkeys(asked & _HEALTH, Opened.HEALTH),
        "/metrics": Opened.METRICS,
    }


def endpoint_names_by_path(endpoints: Sequence[Endpoint], identity: Identity) -> dict[str, str]:
    """Name the endpoint that each path of a protocol belongs to, for counting."""
    found: dict[str, str] = {}
    for endpoint in endpoints:
        paths = {endpoint.path, mlflow_scoring.invocations_path(endpoint)}
        paths |= set(openapi_protocols.paths_of(endpoint, identity))
        found |= dict.fromkeys(paths, endpoint.name)
    return found


def problem_response(path: str, problem: ProblemError) -> Response:
    """Say a problem in the words of the protocol that a path belongs to."""
    if path.startswith(("/v1/", "/v2/")) or path in ("/v1", "/v2"):
        return open_inference.problem_response(problem)
    if path.endswith("/invocations"):
        return mlflow_scoring.problem_response(problem)
    return Response(
        status=problem.status,
        body=problem.body(),
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )
