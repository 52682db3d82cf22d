"""Say to an ASGI app what was asked, and by whom."""

from __future__ import annotations

import re
import urllib.parse
from typing import Any

from runner.access.refusal import RefusedRequestError
from runner.http.forwarded import Address, Seen, TrustedProxies
from runner.http.request_head import HOST, NO_REQUEST, RequestHead

Fields = list[tuple[bytes, bytes]]

# Letters that ought to be encoded, such as ``|``, are not, by many clients. A fragment is for
# nobody but the client: others on the way may take it for a part of the path, or not.
_PATH = re.compile(rb"(/[!-\"$->@-~]*)(?:\?([!-\"$-~]*))?")
_URL = re.compile(rb"(?i:https?)://(?=[^:/?])(%b)((?:[/?].*)?)" % HOST)


def scope_of(
    head: RequestHead,
    client: Address,
    server: Address,
    proxies: TrustedProxies,
    scheme: str = "http",
) -> dict[str, Any]:
    """Make the scope of a request; its state and extensions are left out.

    Raises:
        RefusedRequestError: What is asked for is no path.
    """
    path, query, headers = _asked_for(head)
    seen = Seen(client, server, scheme)
    if proxies.believe(client):
        seen = proxies.seen(headers, seen)
        if seen.host:
            headers = _with_host(headers, seen.host.encode("latin-1"))
    root = seen.prefix
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": head.version,
        "server": seen.server,
        "client": seen.client,
        "scheme": seen.scheme,
        "method": head.method.decode("ascii"),
        "root_path": root,
        "path": root + path_of(path),
        "raw_path": root.encode("ascii") + path,
        "query_string": query,
        "headers": headers,
    }


def below_root(scope: Any) -> str:
    """Give a scope's path without that of the root, with which it begins (ASGI 3.0)."""
    path: str = scope["path"]
    return path[len(root) :] if (root := scope.get("root_path")) else path


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
        fields = _with_host(fields, host)
    found = _PATH.fullmatch(target)
    if found is not None:
        return found[1], found[2] or b"", fields
    if target == b"*" and head.method == b"OPTIONS":
        return target, b"", fields
    raise RefusedRequestError(400, NO_REQUEST)


def _with_host(fields: Fields, host: bytes) -> Fields:
    return [(b"host", host), *(field for field in fields if field[0] != b"host")]
