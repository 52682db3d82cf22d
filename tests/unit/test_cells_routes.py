"""Which annotated cell answers: literal paths first, then parameters; 404, 405, HEAD."""

from __future__ import annotations

import pytest

from runner.cells.routes import RouteMatch, RouteTable, swagger_document


def routes(*annotations: str) -> RouteTable[str]:
    found: RouteTable[str] = RouteTable()
    for annotation in annotations:
        verb, path = annotation.split()
        found.add(verb, path, annotation)
    return found


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/a/b/c", "/a/b/c"),
        ("/a/b/x", "/a/b/:id"),
        ("/a/x/y", "/a/:x/:y"),
        ("/a/x/c", "/a/:x/c"),
        ("/x/y/z", "/:x/:y/:z"),
        ("/x/b/z", "/:x/b/:z"),
    ],
)
def test_a_literal_goes_before_a_parameter(path: str, wanted: str, turned: bool) -> None:
    """From left to right, in whatever order the cells stand."""
    paths = ["/:x/:y/:z", "/:x/b/:z", "/a/:x/:y", "/a/:x/c", "/a/b/:id", "/a/b/c"]
    table = routes(*(f"GET {each}" for each in (reversed(paths) if turned else paths)))
    assert table.find("GET", path).target == f"GET {wanted}"


@pytest.mark.parametrize(
    ("asked", "name"),
    [("/hello/J%C3%BCrgen", "Jürgen"), ("/hello/a%2Fb", "a/b"), ("/hello/a+b%20c", "a+b c")],
)
def test_a_parameter_is_decoded_after_the_split(asked: str, name: str) -> None:
    """A slash that is written as %2F belongs to the value; a plus is a plus."""
    assert routes("GET /hello/:name").find("GET", asked).parameters == {"name": name}


@pytest.mark.parametrize("path", ["/", "/hello", "/hello/", "/hello/a/b", "/Hello/a"])
def test_another_path_is_unknown(path: str) -> None:
    """A parameter takes one segment, which is not empty."""
    assert routes("GET /hello/:name").find("GET", path) == RouteMatch()


def test_another_verb_is_told_which_there_are() -> None:
    """Of all routes that have the path, with what follows from them."""
    found = routes("GET /a/b", "POST /a/:x", "PUT /other").find("DELETE", "/a/b")
    assert found == RouteMatch(allowed=("GET", "HEAD", "OPTIONS", "POST"))
    assert routes("POST /a").find("GET", "/a").allowed == ("OPTIONS", "POST")


def test_a_verb_is_looked_for_on_every_route() -> None:
    """A literal path without the verb does not hide the parameter that has it."""
    assert routes("GET /a/b", "POST /a/:x").find("POST", "/a/b").target == "POST /a/:x"


def test_head_is_answered_by_get() -> None:
    """Unless it has cells of its own, wherever they are."""
    assert routes("GET /a").find("HEAD", "/a").target == "GET /a"
    assert routes("GET /a/b", "HEAD /a/:x").find("HEAD", "/a/b").target == "HEAD /a/:x"
    assert routes("POST /a").find("HEAD", "/a").target is None


@pytest.mark.parametrize("path", ["/a/:", "/:x/:x"])
def test_a_path_that_cannot_be_meant_is_refused(path: str) -> None:
    """When it is added, so that the cell fails that has it."""
    with pytest.raises(ValueError, match=path):
        routes(f"GET {path}")


def test_swagger_describes_the_api() -> None:
    """As Kernel Gateway does; parameters in braces, and described, as Swagger has them."""
    table = routes("GET /name", "POST /name", "PUT /name/:id")
    done = {"responses": {"200": {"description": "Success"}}}
    parameter = {"name": "id", "in": "path", "required": True, "type": "string"}
    assert swagger_document("simple_api", table.paths()) == {
        "swagger": "2.0",
        "info": {"version": "0.0.0", "title": "simple_api"},
        "paths": {
            "/name": {"get": done, "post": done},
            "/name/{id}": {"put": done, "parameters": [parameter]},
        },
    }
