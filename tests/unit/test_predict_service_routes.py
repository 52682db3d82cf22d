"""The surface is one table of routes, in which nothing of ours hides an endpoint."""

from __future__ import annotations

import json
import re

import pytest
from support import ROOT
from support.service_surface import IDENTITY, Surface, price, species

from runner.predict import service_routes
from runner.predict.endpoint_factory import checked_name
from runner.predict.problem_error import InvalidField, ProblemError

PAGE = (ROOT / "docs/reference/http.md").read_text()
PROBLEM = ProblemError(
    503, "wait", [InvalidField(field="/a", detail="no")], [(b"retry-after", b"1")]
)


def test_no_endpoint_can_take_a_path_of_ours() -> None:
    """The first part of every path that is answered already is reserved."""
    paths = {path for _, path in Surface(species()).routes}
    assert {path.split("/")[1] for path in paths} == {"", *service_routes.RESERVED}


def test_every_path_is_documented() -> None:
    """The table of `docs/reference/http.md` has each path with its method, and no other."""
    table = re.search(r"^\| path \| answers \|\n.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert table
    listed = set(re.findall(r"`(GET|POST) (/[^` ]*)`", table[0]))
    served = {
        (method, path.replace("/species", "/NAME"))
        for method, path in Surface(species()).routes
        if "/static/" not in path and "/versions/" not in path
    }
    assert listed == served


@pytest.mark.parametrize("name", sorted(service_routes.RESERVED))
def test_a_reserved_name_is_refused(name: str) -> None:
    """An endpoint of such a name would not be reached, and its author is told so."""
    with pytest.raises(ValueError, match="choose another name"):
        checked_name(name)


def test_each_path_counts_for_its_endpoint() -> None:
    """Predictions count for their endpoint by whatever protocol; pages for none."""
    owners = service_routes.endpoint_names_by_path([species(), price()], IDENTITY)
    routes = Surface(species(), price()).routes
    for method, path in routes:
        if method == "POST":
            assert owners[path] == ("price" if "price" in path else "species"), path
    assert {"/docs", "/metrics", "/v2/health/live"}.isdisjoint(owners)


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("/v2/models/a/infer", b"application/json", {"error": "wait; /a: no"}),
        ("/v1/models/a:predict", b"application/json", {"error": "wait; /a: no"}),
        (
            "/a/invocations",
            b"application/json",
            {"error_code": "INTERNAL_ERROR", "message": "wait; /a: no"},
        ),
        ("/v20", b"application/problem+json", json.loads(PROBLEM.body())),
        ("/a", b"application/problem+json", json.loads(PROBLEM.body())),
    ],
)
def test_a_problem_is_said_in_the_words_of_its_protocol(
    path: str, kind: bytes, said: object
) -> None:
    """Status and headers stay; the body is what the protocol's clients read."""
    answer = service_routes.problem_response(path, PROBLEM)
    assert (answer.status, answer.headers) == (503, ((b"retry-after", b"1"),))
    assert (answer.content_type, json.loads(answer.body)) == (kind, said)
