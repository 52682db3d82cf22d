"""Write the command line by which people ask a service."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

_EVERYWHERE = ("0.0.0.0:", "[::]:")


def reachable(url: str) -> str:
    """Write an address as this machine reaches it: all addresses are none to go to."""
    scheme, _, place = url.partition("://")
    for everywhere in _EVERYWHERE:
        if place.startswith(everywhere):
            return f"{scheme}://localhost:{place.removeprefix(everywhere)}"
    return url


def curl_of(url: str, example: Mapping[str, Any] | None, *, needs_key: bool = False) -> str:
    """Give a command line that asks a service; empty if nobody knows where it is.

    Args:
        url: Where it is.
        example: What it is known to answer: ``method``, ``path``, ``content_type`` and ``body``.
        needs_key: A request needs a key.
    """
    if not url:
        return ""
    scheme, _, place = url.partition("://")
    words, known = ["curl"], example or {}
    if place.startswith("/"):  # a Unix socket
        words += ["--unix-socket", place]
        url = f"{scheme}://localhost"
    if known:
        words += ["-X", str(known["method"])]
    words.append(f"{reachable(url)}{known.get('path', '/')}")
    if needs_key:
        words += ["-H", "x-api-key: KEY"]
    if known:
        words += ["-H", f"content-type: {known['content_type']}", "-d", str(known["body"])]
    return shlex.join(words)
