"""Give browsers a page to try the endpoints on, and their documentation, from our own files.

What a notebook says of itself is not trusted: the pages' HTML holds only its titles, paths
and examples, escaped; the rest is read from openapi.json by scripts that set text, never
HTML. The policy forbids scripts in the page and anything of another host, so all of it works
without a network. No Swagger UI: the bundle that pip has is of 2022 and weighs 8 MB. An
author's own page is trusted with scripts that stand in it, but with no other host either.
"""

from __future__ import annotations

import functools
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from runner.access.accept import wants_html
from runner.access.gate import Gate
from runner.files import found_above
from runner.identity import Identity
from runner.predict import command_line, openapi_access
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import JSON, Request, Response, Route
from runner.predict.openapi import title_of
from runner.predict.page_parts import (
    HTML,
    OWN_PAGE_HEADERS,
    PAGE_HEADERS,
    assets,
    below,
    cacheable_response,
    filled_template,
    footer,
    form_page,
    host_of,
)

_LINKS = {"docs": "/docs", "openapi": "/openapi.json", "metrics": "/metrics"}
_WORDS = {"docs": "API documentation", "openapi.json": "OpenAPI", "metrics": "Metrics"}
_MOST_ROOTS = 8


def routes(
    endpoints: Sequence[Endpoint],
    identity: Identity,
    document: Mapping[str, Any],
    own: bytes | None,
    gate: Callable[[], Gate],
) -> dict[tuple[str, str], Route]:
    """Give the routes of the pages and of what they load.

    Args:
        endpoints: What predicts.
        identity: What is running.
        document: The service in OpenAPI.
        own: The HTML of a page of the author's own instead of ours; None for ours.
        gate: Gives what lets requests in.
    """

    @functools.lru_cache(_MOST_ROOTS)
    def encoded(gate: Gate, root: str) -> bytes:
        servers = {"servers": [{"url": root}]} if root else {}
        return msgspec.json.encode({**openapi_access.with_keys(document, gate), **servers})

    title = title_of(endpoints, identity)

    @functools.lru_cache(_MOST_ROOTS)
    def docs_page(root: str) -> bytes:
        page = filled_template("docs.html", title=title, footer=footer(identity))
        return below(root, page)

    @functools.lru_cache(_MOST_ROOTS)
    def index_json(root: str) -> bytes:
        return msgspec.json.encode(description(endpoints, identity, root))

    async def index(request: Request) -> Response:
        vary = (b"vary", b"accept, host")
        if not wants_html(request.headers.get(b"accept", b"")):
            return cacheable_response(request, index_json(request.root), JSON, vary)
        if own is not None:
            return cacheable_response(request, own, HTML, vary, *OWN_PAGE_HEADERS)
        page = page_for(
            endpoints,
            identity,
            f"{request.scheme}://{host_of(request)}",
            request.root,
            is_keyed=gate().keys is not None,
        )
        return cacheable_response(request, page, HTML, vary, *PAGE_HEADERS)

    async def docs(request: Request) -> Response:
        return cacheable_response(request, docs_page(request.root), HTML, *PAGE_HEADERS)

    async def openapi(request: Request) -> Response:
        return cacheable_response(request, encoded(gate(), request.root), JSON)

    found: dict[tuple[str, str], Route] = {
        ("GET", "/"): index,
        ("GET", "/docs"): docs,
        ("GET", "/openapi.json"): openapi,
    }
    for name, (content, kind) in assets().items():
        found["GET", f"/static/{name}"] = _asset(content, kind)
    return found


def own_page(page: str | Path) -> bytes:
    """Give the HTML of an author's own page.

    Args:
        page: HTML, or the file that holds it, looked for from the working folder upwards.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: It is neither.
    """
    if isinstance(page, str):
        return page.encode()
    if not isinstance(page, Path):
        raise TypeError(f"page={page!r:.80}: give HTML, or the Path of a file that holds it")
    file = found_above(page)
    if file is None:
        raise FileNotFoundError(f"page={page}: there is no such file here or above")
    return file.read_bytes()


def page_for(
    endpoints: Sequence[Endpoint],
    identity: Identity,
    origin: str,
    root: str = "",
    *,
    is_keyed: bool = False,
) -> bytes:
    """Write the page on which the endpoints can be tried.

    Args:
        endpoints: Each gets a form.
        identity: What is running.
        origin: Where clients reach it, for the command line.
        root: What a proxy takes off the paths.
        is_keyed: A key is needed.
    """
    sections = [
        filled_template(
            "endpoint.html",
            id=f"endpoint-{number}",
            path=endpoint.path,
            href=urllib.parse.quote(endpoint.path.removeprefix("/")) or ".",
            title=endpoint.title or endpoint.name,
            description=endpoint.description,
            curl=command_line.curl(endpoint, origin + root, is_keyed=is_keyed),
        ).decode()
        for number, endpoint in enumerate(endpoints)
    ]
    return below(root, form_page(identity, title_of(endpoints, identity), _WORDS, sections))


def description(
    endpoints: Sequence[Endpoint], identity: Identity, root: str = ""
) -> dict[str, Any]:
    """Say in JSON what the page says, for those who ask without a browser."""
    links = {name: f"{root}{path}" for name, path in _LINKS.items()}
    return {
        "title": title_of(endpoints, identity),
        "run_id": identity.run_id,
        "endpoints": [
            {
                "name": endpoint.name,
                "method": "POST",
                "path": f"{root}{endpoint.path}",
                "description": endpoint.description,
                "example": endpoint.example,
            }
            for endpoint in endpoints
        ],
        "links": links,
    }


def _asset(content: bytes, kind: bytes) -> Route:
    async def give(request: Request) -> Response:
        return cacheable_response(request, content, kind, *PAGE_HEADERS)

    return give
