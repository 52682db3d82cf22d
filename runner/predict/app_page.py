"""Write the page by which an app of an author's own can be asked: see `serving.reserved_page`.

It has a form for what the app is known to answer, its example, and one for any other request. What
it loads has a path with a digest of its own, which no app has.
"""

from __future__ import annotations

import functools
import hashlib
import json
import urllib.parse
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec

from runner.access.accept import wants_html
from runner.access.gate import Gate
from runner.config import PAGE_PATH
from runner.http.example_request import Example
from runner.http.scope import below_root
from runner.identity import Identity
from runner.predict import command_line
from runner.predict.http_messages import JSON, Request, Response, headers_of
from runner.predict.page_parts import (
    HTML,
    PAGE_HEADERS,
    assets,
    cacheable_response,
    filled_template,
    form_page,
    host_of,
    read,
)

_TYPES: dict[type, str] = {bool: "boolean", int: "number", float: "number", str: "string"}


def response(scope: Any, examples: Sequence[Example], gate: Gate) -> Response | None:
    """Give what is at the reserved path or below it; None if nothing is.

    Args:
        scope: What is asked, as ASGI says it.
        examples: What the app is known to answer.
        gate: Lets requests in.
    """
    request = Request(
        method=scope["method"],
        path=below_root(scope),
        headers=dict(scope["headers"]),
        root=scope.get("root_path", ""),
        scheme=scope.get("scheme", "http"),
    )
    name = request.path.removeprefix(PAGE_PATH)
    if name in ("", "/"):
        if not wants_html(request.headers.get(b"accept", b"")):
            return None
        if not name:  # the page's addresses are below its own, whatever a proxy has before that
            to = f"{PAGE_PATH.removeprefix('/')}/".encode()
            return Response(status=307, content_type=b"", headers=((b"location", to),))
        page = _page(request, list(_known(examples)), is_keyed=gate.keys is not None)
        vary = (b"vary", b"accept, host")
        return cacheable_response(request, page, HTML, vary, *PAGE_HEADERS)
    if name == "/openapi.json":
        return cacheable_response(request, _document(_known(examples)), JSON)
    found = files().get(request.path)
    return found and cacheable_response(request, *found, *PAGE_HEADERS)


@functools.cache
def files() -> dict[str, tuple[bytes, bytes]]:
    """Give what the page loads, by path: the content, and its type."""
    return {f"{PAGE_PATH}/{_folder()}/{name}": each for name, each in assets().items()}


@functools.cache
def _folder() -> str:
    contents = b"".join(content for _, (content, _) in sorted(assets().items()))
    return f"files-{hashlib.sha256(contents).hexdigest()[:16]}"


async def send(found: Response, method: str, to: Callable[[Any], Awaitable[None]]) -> None:
    """Send an answer to a client, as an ASGI app does."""
    headers = headers_of(found, Identity.from_environment().run_id.encode())
    await to({"type": "http.response.start", "status": found.status, "headers": headers})
    await to({"type": "http.response.body", "body": b"" if method == "HEAD" else found.body})


def _known(examples: Sequence[Example]) -> Iterator[tuple[str, Any]]:
    """Give path and body of the examples that are JSON."""
    for each in examples:
        if each.method == "POST" and each.content_type == "application/json":
            try:
                yield each.path, json.loads(each.body)
            except ValueError:
                continue


def _page(request: Request, known: Sequence[tuple[str, Any]], *, is_keyed: bool) -> bytes:
    identity = Identity.from_environment()
    address = f"{request.scheme}://{host_of(request)}{request.root}"
    sections = [
        filled_template(
            "endpoint.html",
            id=f"endpoint-{number}",
            path=path,
            href=f"..{urllib.parse.quote(path)}",
            title="The example" if path == "/" else path,
            description="",
            curl=command_line.curl_json(path, json.dumps(body), address, is_keyed=is_keyed),
        ).decode()
        for number, (path, body) in enumerate(known)
    ]
    title = identity.notebook_title or "An app"
    forms = [*sections, read("request.html")]
    return form_page(identity, title, {"..": "The app"}, forms, _folder())


def _document(known: Iterator[tuple[str, Any]]) -> bytes:
    """Describe what is known as OpenAPI does, for the page's own form."""
    paths = {
        path: {"post": {"requestBody": {"content": {"application/json": content}}}}
        for path, content in ((path, _content(body)) for path, body in known)
    }
    return msgspec.json.encode({"openapi": "3.1.0", "paths": paths})


def _content(body: Any) -> dict[str, Any]:
    return {"schema": _schema(body), "example": body}


def _schema(value: Any) -> dict[str, Any]:
    """Guess a schema of one value."""
    if isinstance(value, dict):
        properties = {name: _schema(each) for name, each in value.items()}
        return {"type": "object", "properties": properties, "required": [*value]}
    return {"type": _TYPES[type(value)]} if type(value) in _TYPES else {}
