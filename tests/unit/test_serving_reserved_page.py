"""An app that has nothing at the reserved path gets a page there; one that has keeps it."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx
import pytest

from runner.access.gate import Gate
from runner.config import PAGE_PATH
from runner.http.example_request import Example
from runner.serving import reserved_page

EXAMPLE = Example(body=b'{"text": "<b>it\'s</b>", "n": 2}', path="/predict")
BROWSER = {"accept": "text/html"}


def answering(status: int, text: str = "the app's own") -> Any:
    """Make an ASGI app that answers everything alike."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        head = {"type": "http.response.start", "status": status, "headers": []}
        await send(head)
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
        await send({"type": "http.response.body"})

    return app


def asked(
    app: Any, path: str = PAGE_PATH, method: str = "GET", headers: Any = BROWSER, **more: Any
) -> httpx.Response:
    """What an app and the page beside it answer."""

    async def answer() -> httpx.Response:
        beside = reserved_page.beside(app, [EXAMPLE], Gate())
        transport = httpx.ASGITransport(app=beside, **more)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(answer())


def test_an_app_without_the_path_gets_the_page() -> None:
    """With a form for its example, and one for any other request; all else is its own."""
    first = asked(answering(404))
    assert (first.status_code, first.headers["location"]) == (307, "_runner/")
    page = asked(answering(404), f"{PAGE_PATH}/")
    assert page.status_code == 200
    assert "the app's own" not in page.text
    assert 'data-href="../predict"' in page.text
    assert 'id="request-path"' in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "<b>" not in page.text


@pytest.mark.parametrize("status", [200, 204, 302, 401, 403, 405, 500])
def test_a_route_of_the_apps_own_is_never_hidden(status: int) -> None:
    """Whatever it answers there: only that it knows no such path is taken for that."""
    assert asked(answering(status, "")).status_code == status


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        (PAGE_PATH, "GET", {"accept": "*/*"}),
        (PAGE_PATH, "POST", BROWSER),
        (f"{PAGE_PATH}/none", "GET", BROWSER),
        (f"{PAGE_PATH}/static/page.js", "GET", BROWSER),
        (f"{PAGE_PATH}/files-0/page.js", "GET", BROWSER),
        (f"{PAGE_PATH}x", "GET", BROWSER),
    ],
)
def test_what_is_no_page_of_ours_is_the_apps(path: str, method: str, headers: Any) -> None:
    """A program is told what the app tells it."""
    found = asked(answering(404), path, method, headers)
    assert (found.status_code, found.text) == (404, "the app's own")


def test_what_the_page_loads_is_there() -> None:
    """Below its own address, whatever prefix a proxy has before that."""
    page = asked(answering(404), f"/m{PAGE_PATH}/", root_path="/m").text
    assert "<base" not in page
    assert "curl -X POST http://test/m/predict" in page
    names = re.findall(r'(?:src|href)="(files-.*?)"', page)
    assert len(names) == 3
    for name in names:
        assert asked(answering(404), f"{PAGE_PATH}/{name}").status_code == 200
    described = asked(answering(404), f"{PAGE_PATH}/openapi.json").json()
    content = described["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert content["application/json"]["example"] == json.loads(EXAMPLE.body)


def test_what_the_page_loads_needs_no_key() -> None:
    """A browser gives none for a script; so the app is not asked for it, whatever it would say."""
    opened = reserved_page.paths_to_open()
    assert len(opened) > 10
    for path in opened:
        assert asked(answering(200), path, headers={}).text != "the app's own"


def test_a_head_has_no_body() -> None:
    """As any."""
    assert asked(answering(404), method="HEAD").content == b""
