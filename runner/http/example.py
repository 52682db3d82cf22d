"""Call a WSGI app with an example, in this process and without a socket."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from wsgiref.util import setup_testing_defaults

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def try_example(
    app: WSGIApplication, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, bytes]:
    """Call an app in this process, without a socket.

    Args:
        app: The app; what it raises is raised.
        method: Such as ``POST``.
        path: Percent-encoded, with the query if there is one.
        headers: By name, in any case.
        body: Empty for none.

    Returns:
        The status and the whole body.
    """
    environ = _example_environ(method, path, headers, body)
    given: list[bytes] = []
    statuses: list[str] = []

    def start_response(status: str, fields: Any, exc_info: Any = None) -> Callable[[bytes], Any]:
        statuses.append(status)
        return given.append

    result = app(environ, start_response)
    try:
        given.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    if not statuses:
        raise ValueError("the app did not call start_response")
    return int(statuses[-1][:3]), b"".join(given)


def _example_environ(
    method: str, path: str, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    raw_path, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(raw_path, "latin-1"),
        "QUERY_STRING": query,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    environ.pop("HTTP_CONTENT_LENGTH", None)
    setup_testing_defaults(environ)
    return environ
