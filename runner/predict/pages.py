"""Give browsers a page to try the endpoints on, and their documentation, from our own files.

What a notebook says of itself is not trusted: the pages' HTML holds only its titles, paths
and examples, escaped; the rest is read from openapi.json by scripts that set text, never
HTML. The policy forbids scripts in the page and anything of another host, so all of it works
without a network. No Swagger UI: the bundle that pip has is of 2022 and weighs 8 MB. An
author's own page is trusted with scripts that stand in it, but with no other host either.
"""

from __future__ import annotations

import functools
import hashlib
import html
import importlib.resources
import re
import string
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from runner import __version__
from runner.access import sign_in
from runner.access.accept import wants_html
from runner.access.gate import Gate
from runner.files import found_above
from runner.identity import Identity
from runner.predict import command_line, openapi_access
from runner.predict.endpoints import Endpoint
from runner.predict.http_messages import JSON, Request, Response, Route
from runner.predict.openapi import title_of

_HTML = b"text/html; charset=utf-8"
_CONTENT_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'self'"
)
_COMMON_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))
_PAGE_HEADERS = ((b"content-security-policy", _POLICY), *_COMMON_HEADERS)
_OWN_PAGE_HEADERS = ((b"content-security-policy", sign_in.AUTHORS_POLICY), *_COMMON_HEADERS)
_LINKS = {"docs": "/docs", "openapi": "/openapi.json", "metrics": "/metrics"}
_MOST_ROOTS = 8
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"!?\[([^\]\[]*)\]\((?:[^()\s]|\([^()\s]*\))*\)|<(https?://[^>\s]*)>")
_EMPHASIS = re.compile(r"(?<![\w*])(\*\*?|__?)(?=\S)([^*_<>]+?)(?<=\S)\1(?!\w)")
_HOST = re.compile(rb"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


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
        page = _filled_template("docs.html", title=title, footer=_footer(identity))
        return _below(root, page)

    @functools.lru_cache(_MOST_ROOTS)
    def index_json(root: str) -> bytes:
        return msgspec.json.encode(description(endpoints, identity, root))

    async def index(request: Request) -> Response:
        vary = (b"vary", b"accept, host")
        if not wants_html(request.headers.get(b"accept", b"")):
            return _cacheable_response(request, index_json(request.root), JSON, vary)
        if own is not None:
            return _cacheable_response(request, own, _HTML, vary, *_OWN_PAGE_HEADERS)
        page = page_for(
            endpoints,
            identity,
            f"{request.scheme}://{_host_of(request)}",
            request.root,
            is_keyed=gate().keys is not None,
        )
        return _cacheable_response(request, page, _HTML, vary, *_PAGE_HEADERS)

    async def docs(request: Request) -> Response:
        return _cacheable_response(request, docs_page(request.root), _HTML, *_PAGE_HEADERS)

    async def openapi(request: Request) -> Response:
        return _cacheable_response(request, encoded(gate(), request.root), JSON)

    found: dict[tuple[str, str], Route] = {
        ("GET", "/"): index,
        ("GET", "/docs"): docs,
        ("GET", "/openapi.json"): openapi,
    }
    for name, content in _assets().items():
        found["GET", f"/static/{name}"] = _asset(name, content)
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
        _filled_template(
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
    template = string.Template(_read("page.html"))
    page = template.substitute(
        title=html.escape(title_of(endpoints, identity)),
        introduction=_prose(identity.notebook_introduction),
        sections="\n".join(sections),
        footer=html.escape(_footer(identity)),
    ).encode()
    return _below(root, page)


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


def _filled_template(name: str, **texts: str) -> bytes:
    """Fill a template with texts, escaped."""
    escaped = {key: html.escape(text) for key, text in texts.items()}
    return string.Template(_read(name)).substitute(escaped).encode()


def _below(root: str, page: bytes) -> bytes:
    """Have a page's links begin at a root, however its own address ends."""
    if not root:
        return page
    return page.replace(b"<head>", b'<head>\n<base href="%b/">' % html.escape(root).encode(), 1)


def _prose(markdown: str) -> str:
    """Make HTML of a paragraph: code and emphasis are kept, of links their texts."""
    parts = _CODE.split(markdown)
    return "".join(
        f"<code>{html.escape(part)}</code>" if number % 2 else _emphasized(part)
        for number, part in enumerate(parts)
    )


def _emphasized(markdown: str) -> str:
    text = html.escape(_LINK.sub(r"\1\2", markdown))
    return _EMPHASIS.sub(r"<em>\2</em>", text)


def _footer(identity: Identity) -> str:
    facts = {
        "run": identity.run_id,
        "notebook": identity.notebook_sha256[:12],
        "model": identity.model_sha256[:12],
    }
    known = [f"{name} {value}" for name, value in facts.items() if value]
    return " · ".join([f"Served from a notebook by runner {__version__}", *known])


def _host_of(request: Request) -> str:
    """Give the host that the client named, if it is one."""
    host = request.headers.get(b"host", b"")
    return host.decode() if _HOST.fullmatch(host) else "localhost:8000"


def _cacheable_response(
    request: Request, body: bytes, kind: bytes, *headers: tuple[bytes, bytes]
) -> Response:
    """Give what a client may keep, as long as it asks each time whether it is still so."""
    tag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    kept = (*headers, (b"etag", tag), (b"cache-control", b"no-cache"))
    known = request.headers.get(b"if-none-match", b"")
    if known.strip() == b"*" or tag in (
        each.strip().removeprefix(b"W/") for each in known.split(b",")
    ):
        return Response(status=304, content_type=kind, headers=kept)
    return Response(body=body, content_type=kind, headers=kept)


def _asset(name: str, content: bytes) -> Route:
    kind = _CONTENT_TYPES["." + name.rpartition(".")[2]]

    async def give(request: Request) -> Response:
        return _cacheable_response(request, content, kind, *_PAGE_HEADERS)

    return give


def _assets() -> dict[str, bytes]:
    folder = importlib.resources.files("runner.predict") / "static"
    found = {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if "." + file.name.rpartition(".")[2] in _CONTENT_TYPES
    }
    return {**found, "key.js": sign_in.key_script()}


def _read(name: str) -> str:
    folder = importlib.resources.files("runner.predict") / "static"
    return (folder / name).read_text(encoding="utf-8")
