"""The app of a notebook's annotated cells, asked without sockets."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from runner.cells import app as cellapp
from runner.cells import cell_endpoint
from runner.cells.app import CellApp
from runner.serving.claim import Claim

Make = Callable[..., CellApp]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """An app of cells by their annotations, in names of their own."""
    names: dict[str, Any] = {"json": json, "threading": threading}
    monkeypatch.setattr(cell_endpoint, "names_of_notebook", lambda: names)
    before = sys.stdout

    def app(cells: dict[str, str], **bounds: Any) -> CellApp:
        found = CellApp(**{"cell_timeout": 10, **bounds})
        for annotation, source in cells.items():
            *info, verb, path = annotation.split()
            found.add(verb, path, source, is_info=bool(info))
        return found

    yield app
    sys.stdout = before


def ask(app: CellApp, *requests: tuple[Any, ...], **options: Any) -> list[httpx.Response]:
    """Ask at the same time; each request is verb, path and what httpx takes besides."""

    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            waiting = [client.request(verb, path, **options) for verb, path in requests]
            return list(await asyncio.wait_for(asyncio.gather(*waiting), 20))

    return asyncio.run(all_of_them())


ECHO = "print(REQUEST, end='')"


def test_a_cell_answers(make: Make) -> None:
    """Path, arguments and headers arrive; the print goes back as text."""
    (reply,) = ask(make({"GET /hello/:name": ECHO}), ("GET", "/hello/a%2Fb?x=1&x=2"))
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["content-length"] == str(len(reply.content))
    found = reply.json()
    assert (found["path"], found["args"]) == ({"name": "a/b"}, {"x": ["1", "2"]})
    assert found["headers"]["Host"] == "x"


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_verb_may_have_a_body(verb: str, make: Make) -> None:
    """As far as the annotation names it."""
    (reply,) = ask(make({f"{verb} /a": ECHO}), (verb, "/a"), json={"a": "ü"})
    assert reply.json()["body"] == {"a": "ü"}


def test_head_is_get_without_a_body(make: Make) -> None:
    """The headers are those of GET."""
    get, head = ask(make({"GET /a": "print('x')"}), ("GET", "/a"), ("HEAD", "/a"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers


def test_response_info_decides(make: Make) -> None:
    """On status and headers; a 204 has neither body nor length."""
    cells = {
        "POST /a": "print('{}')",
        "ResponseInfo POST /a": "print(json.dumps({'status': 201, 'headers': {'ETag': '1'}}))",
        "DELETE /a": "print('x')",
        "ResponseInfo DELETE /a": "print('{\"status\": 204}')",
    }
    created, deleted = ask(make(cells), ("POST", "/a"), ("DELETE", "/a"))
    assert (created.status_code, created.headers["etag"], created.text) == (201, "1", "{}\n")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert "content-length" not in deleted.headers


def test_unknown_paths_and_verbs_are_told(make: Make) -> None:
    """404 in Kernel Gateway's words; 405 with Allow; OPTIONS likewise."""
    app = make({"GET /a": "1"})
    unknown, wrong, options, none = ask(
        app, ("GET", "/b"), ("POST", "/a"), ("OPTIONS", "/a"), ("OPTIONS", "/b")
    )
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "Not Found")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (options.status_code, options.headers["allow"]) == (200, "GET, HEAD, OPTIONS")
    assert none.status_code == 404


def test_a_response_info_alone_serves_nothing(make: Make) -> None:
    """It has no cell to follow."""
    (reply,) = ask(make({"ResponseInfo GET /a": "1"}), ("GET", "/a"))
    assert reply.status_code == 404


def test_the_api_describes_itself(make: Make) -> None:
    """Where Kernel Gateway does; the notebook itself is not given away."""
    app = make({"GET /a": "1"})
    app.title = "simple"
    spec, source = ask(app, ("GET", "/_api/spec/swagger.json"), ("GET", "/_api/source"))
    assert spec.json()["info"]["title"] == "simple"
    assert list(spec.json()["paths"]) == ["/a"]
    assert source.status_code == 404


def test_cells_run_one_at_a_time(make: Make) -> None:
    """However many clients ask: a cell's variables are safe from another request's."""
    source = "n = json.loads(REQUEST)['path']['n']\nfor _ in range(2000): pass\nprint(n, end='')"
    app = make({"GET /:n": source})
    replies = ask(app, *(("GET", f"/{n}") for n in range(100)))
    assert [reply.text for reply in replies] == [str(n) for n in range(100)]


def test_a_hung_cell_is_504_and_hangs_nobody(make: Make) -> None:
    """It is ended; the next request is answered, by the same worker."""
    app = make({"GET /loop": "while True: pass", "GET /a": "print('a')"}, cell_timeout=0.5)
    late, behind = ask(app, ("GET", "/loop"), ("GET", "/a"))
    assert (late.status_code, behind.text) == (504, "a\n")
    assert not app.is_spent


def test_a_cell_that_cannot_be_ended_asks_for_a_new_worker(make: Make) -> None:
    """Whoever waits behind it is told to come again."""
    release = threading.Event()
    app = make({"GET /hang": "release.wait(20)", "GET /a": "1"}, cell_timeout=0.1, grace=0.1)
    cell_endpoint.names_of_notebook()["release"] = release
    try:
        late, behind = ask(app, ("GET", "/hang"), ("GET", "/a"))
        assert (late.status_code, behind.status_code) == (504, 503)
        assert behind.headers["retry-after"] == "1"
        assert app.is_spent
        assert app.needs_process
    finally:
        release.set()


def test_endless_output_is_500(make: Make) -> None:
    """Nothing grows without bound."""
    app = make({"GET /a": "while True: print('x' * 100)"}, max_printed=10_000)
    (reply,) = ask(app, ("GET", "/a"))
    assert reply.status_code == 500


def test_websockets_are_refused_and_the_lifespan_is_kept(make: Make) -> None:
    """Neither reaches a cell."""
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "any"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    app = make({})
    asyncio.run(app({"type": "websocket"}, receive, send))
    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert sent == ["websocket.close", "lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_client_that_goes_runs_nothing(make: Make) -> None:
    """Half a body is no request."""
    app = make({"POST /a": "ran = True"})
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/a",
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    asyncio.run(app(scope, receive, lambda message: pytest.fail(f"sent {message}")))
    assert "ran" not in cell_endpoint.names_of_notebook()


def test_registered_cells_say_so_and_are_served(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the record shows of a cell that serves."""
    served: list[Any] = []
    monkeypatch.setattr("runner.serving.serve.serve", served.append)
    monkeypatch.setenv("RUNNER_CELL_TIMEOUT", "7")
    cellapp._app.cache_clear()
    monkeypatch.setattr(cellapp, "claim", Claim())
    cellapp.begin("simple")
    cellapp.register("GET", "/a", "print('a')")
    cellapp.register("GET", "/a", "1", is_info=True)
    cellapp.claim.serve_cells()
    cellapp._app.cache_clear()
    assert capsys.readouterr().out == "serves GET /a\nsets status and headers of GET /a\n"
    (app,) = served
    assert app.title == "simple"
    assert app.served() == ["GET /a"]


def test_a_cell_that_is_no_python_answers_500_and_the_others_as_ever(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As under Kernel Gateway, whose own example has one."""
    monkeypatch.setattr("runner.serving.serve.serve", lambda app: None)
    monkeypatch.setattr(cellapp, "claim", Claim())
    cellapp._app.cache_clear()
    cellapp.register("GET", "/error", "# GET /error\n% not python %")
    cellapp.register("GET", "/a", "print('a')")
    cellapp.register("GET", "/a", "print(", is_info=True)
    cellapp.register("GET", "/b", "print('b')")
    app = cellapp._app()
    cellapp._app.cache_clear()
    said = capsys.readouterr().out
    assert "it is no Python, so GET /error answers 500" in said
    asked = [("GET", "/error"), ("GET", "/a"), ("GET", "/b")]
    assert [each.status_code for each in ask(app, *asked)] == [500, 500, 200]


def test_a_refused_body_says_what_is_read(make: Make) -> None:
    """By its status and its headers; the cell is not run."""
    app = make({"POST /a": ECHO})
    headers = {"content-encoding": "br"}
    (reply,) = ask(app, ("POST", "/a"), content=b"x", headers=headers)
    assert (reply.status_code, reply.headers["accept-encoding"][:5]) == (415, "gzip,")
