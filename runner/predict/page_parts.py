"""Hold what all our pages are made of: templates, the notebook's own words, files, headers."""

from __future__ import annotations

import functools
import hashlib
import html
import importlib.resources
import re
import string
from collections.abc import Mapping, Sequence

from runner import __version__
from runner.access import sign_in
from runner.identity import Identity
from runner.predict.http_messages import Request, Response

HTML = b"text/html; charset=utf-8"
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
PAGE_HEADERS = ((b"content-security-policy", _POLICY), *_COMMON_HEADERS)
OWN_PAGE_HEADERS = ((b"content-security-policy", sign_in.AUTHORS_POLICY), *_COMMON_HEADERS)

_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"!?\[([^\]\[]*)\]\((?:[^()\s]|\([^()\s]*\))*\)|<(https?://[^>\s]*)>")
_EMPHASIS = re.compile(r"(?<![\w*])(\*\*?|__?)(?=\S)([^*_<>]+?)(?<=\S)\1(?!\w)")
_HOST = re.compile(rb"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def filled_template(name: str, **texts: str) -> bytes:
    """Fill a template with texts, escaped."""
    escaped = {key: html.escape(text) for key, text in texts.items()}
    return string.Template(read(name)).substitute(escaped).encode()


def form_page(
    identity: Identity,
    title: str,
    links: Mapping[str, str],
    sections: Sequence[str],
    files: str = "static",
) -> bytes:
    """Write a page of forms.

    Args:
        identity: What is running.
        title: Of the page.
        links: Words for each address.
        sections: In HTML.
        files: Where what it loads is, below its own address.
    """
    listed = (f'<a href="{html.escape(to)}">{html.escape(text)}</a>' for to, text in links.items())
    page = string.Template(read("page.html")).substitute(
        title=html.escape(title),
        files=files,
        introduction=prose(identity.notebook_introduction),
        links="\n".join(listed),
        sections="\n".join(sections),
        footer=html.escape(footer(identity)),
    )
    return page.encode()


def below(root: str, page: bytes) -> bytes:
    """Have a page's links begin at a root, however its own address ends."""
    if not root:
        return page
    return page.replace(b"<head>", b'<head>\n<base href="%b/">' % html.escape(root).encode(), 1)


def prose(markdown: str) -> str:
    """Make HTML of a paragraph: code and emphasis are kept, of links their texts."""
    parts = _CODE.split(markdown)
    return "".join(
        f"<code>{html.escape(part)}</code>" if number % 2 else _emphasized(part)
        for number, part in enumerate(parts)
    )


def _emphasized(markdown: str) -> str:
    text = html.escape(_LINK.sub(r"\1\2", markdown))
    return _EMPHASIS.sub(r"<em>\2</em>", text)


def footer(identity: Identity) -> str:
    """Say what is running."""
    facts = {
        "run": identity.run_id,
        "notebook": identity.notebook_sha256[:12],
        "model": identity.model_sha256[:12],
    }
    known = [f"{name} {value}" for name, value in facts.items() if value]
    return " · ".join([f"Served from a notebook by runner {__version__}", *known])


def host_of(request: Request) -> str:
    """Give the host that the client named, if it is one."""
    host = request.headers.get(b"host", b"")
    return host.decode() if _HOST.fullmatch(host) else "localhost:8000"


def cacheable_response(
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


@functools.cache
def assets() -> dict[str, tuple[bytes, bytes]]:
    """Give what pages load, by name: the content, and its type."""
    folder = importlib.resources.files("runner.predict") / "static"
    files = {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if "." + file.name.rpartition(".")[2] in _CONTENT_TYPES
    }
    files["key.js"] = sign_in.key_script()
    return {
        name: (content, _CONTENT_TYPES["." + name.rpartition(".")[2]])
        for name, content in files.items()
    }


def read(name: str) -> str:
    """Read a file of ours."""
    folder = importlib.resources.files("runner.predict") / "static"
    return (folder / name).read_text(encoding="utf-8")
