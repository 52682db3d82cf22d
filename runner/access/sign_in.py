"""Give a browser that has no key a page by which to give one.

The rules of this file:

1. The answer stays a 401; only who names HTML in its Accept header gets the page as its body.
2. The page is the same for everybody, and says nothing of the service. All of it is ours: its
   policy names script and style by their hashes.
3. The key is kept in the tab's session storage, and sent by ``x-api-key`` to the service alone: it
   stands in no address, no history and no log.
4. What was asked for is fetched with the key, and takes the page's place. A browser goes on by the
   policy of the page that it got first, so that allows what ours load. Where the author's own may
   be shown, that is what `AUTHORS_POLICY` allows.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
import string
from collections.abc import Sequence
from typing import NamedTuple

from runner.access.accept import wants_html

Fields = Sequence[tuple[bytes, bytes]]

AUTHORS_POLICY = (
    b"default-src 'self' 'unsafe-inline' data: blob:; object-src 'none'; form-action 'self'; "
    b"base-uri 'none'; frame-ancestors 'self'"
)
"""For pages of an author's own: scripts and styles may stand in them, no other host is asked."""

_OUR_POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{script}'; style-src 'self' 'sha256-{style}'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'self'; "
    "frame-ancestors 'self'"
)
_COMMON: Fields = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"vary", b"accept"),
)


class _Page(NamedTuple):
    html: bytes
    policy: bytes


def is_wanted(method: str, fields: Fields) -> bool:
    """Tell whether a browser asks for a page.

    Args:
        method: In capitals.
        fields: The headers, their names in lower case.
    """
    liked = b",".join(value for name, value in fields if name == b"accept")
    return method == "GET" and wants_html(liked)


def shown(*, has_authors_pages: bool) -> tuple[bytes, Fields]:
    """Give the page, and the headers that belong to it.

    Args:
        has_authors_pages: What is asked for may be a page of the author's own.
    """
    page = _page()
    policy = AUTHORS_POLICY if has_authors_pages else page.policy
    return page.html, [(b"content-security-policy", policy), *_COMMON]


def key_script() -> bytes:
    """Give the script that has the key of a tab, which other pages load too."""
    return _read("key.js").encode()


@functools.cache
def _page() -> _Page:
    script, style = _read("key.js") + _read("sign_in.js"), _read("sign_in.css")
    html = string.Template(_read("sign_in.html")).substitute(script=script, style=style)
    policy = _OUR_POLICY.format(script=_hash_of(script), style=_hash_of(style))
    return _Page(html.encode(), policy.encode())


def _hash_of(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return (importlib.resources.files("runner.access") / "static" / name).read_text("utf-8")
