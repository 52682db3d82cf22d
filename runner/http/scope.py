"""Say to an ASGI app what was asked, and by whom."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Sequence
from typing import Any

from runner.access.refusal import RefusedRequestError
from runner.config import AddressSet
from runner.http.request_head import HOST, NO_REQUEST, RequestHead

Address = tuple[str, int] | None
Fields = list[tuple[bytes, bytes]]

# Letters that ought to be encoded, such as ``|``, are not, by many clients. A fragment is for
# nobody but the client: others on the way may take it for a part of the path, or not.
_PATH = re.compile(rb"(/[!-\"$->@-~]*)(?:\?([!-\"$-~]*))?")
_URL = re.compile(rb"(?i:https?)://(?=[^:/?])(%b)((?:[/?].*)?)" % HOST)

_PORT = re.compile(r"[0-9]{1,5}")
_SCHEMES = {b"http": "http", b"https": "https", b"ws": "http", b"wss": "https"}


def scope_of(
    head: RequestHead, client: Address, server: Address, proxies: TrustedProxies
) -> dict[str, Any]:
    """Make the scope of a request; its state and extensions are left out.

    Raises:
        RefusedRequestError: What is asked for is no path.
    """
    path, query, headers = _asked_for(head)
    scheme = "http"
    if client is None or client[0] in proxies:
        scheme, client = proxies.forwarded(headers, scheme, client)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": head.version,
        "server": server,
        "client": client,
        "scheme": scheme,
        "method": head.method.decode("ascii"),
        "root_path": "",
        "path": path_of(path),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
    }


def path_of(path: bytes) -> str:
    """Decode the path of a target."""
    text = path.decode("ascii")
    return urllib.parse.unquote(text) if "%" in text else text


def _asked_for(head: RequestHead) -> tuple[bytes, bytes, Fields]:
    """Give the path, the query and the fields, of which a URL's host is one (RFC 9112, 3.2)."""
    target, fields = head.target, head.headers
    url = _URL.fullmatch(target)
    if url is not None:
        host, target = url.groups()
        target = target if target.startswith(b"/") else b"/" + target
        fields = [(b"host", host), *(field for field in fields if field[0] != b"host")]
    found = _PATH.fullmatch(target)
    if found is not None:
        return found[1], found[2] or b"", fields
    if target == b"*" and head.method == b"OPTIONS":
        return target, b"", fields
    raise RefusedRequestError(400, NO_REQUEST)


class TrustedProxies(AddressSet):
    """Know the proxies whose word on the client is believed."""

    def forwarded(
        self, headers: Sequence[tuple[bytes, bytes]], scheme: str, client: Address
    ) -> tuple[str, Address]:
        """Give the scheme and the client that a proxy names."""
        passed: list[bytes] = []
        for name, value in headers:
            if name == b"x-forwarded-for":
                passed.append(value)
            elif name == b"x-forwarded-proto":
                scheme = _SCHEMES.get(value.strip(), scheme)
        named = self._client_of(b",".join(passed).decode("latin-1")) if passed else ("", 0)
        return scheme, named if named[0] else client

    def _client_of(self, passed: str) -> tuple[str, int]:
        """Find the last that is no proxy of ours; if all are, the first."""
        hosts = [_host_and_port(each.strip()) for each in passed.split(",")]
        if self.has_all:
            return hosts[0]
        return next((each for each in reversed(hosts) if each[0] not in self), hosts[0])


def _host_and_port(text: str) -> tuple[str, int]:
    """Split ``host:port`` and ``[host]:port``; an IPv6 address alone has no port."""
    host, _, port = text.rpartition(":")
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, int(port[1:]) if _PORT.fullmatch(port[1:]) else 0
    if ":" in host or not host or not _PORT.fullmatch(port):
        return text, 0
    return host, int(port)
