"""Translate between ASGI's scope and messages and what a WSGI app takes and gives (PEP 3333)."""

from __future__ import annotations

import functools
import re
import sys
import urllib.parse
from collections.abc import Iterable
from typing import Any
from wsgiref.util import FileWrapper, is_hop_by_hop

_STATUS = re.compile(r"([2-5]\d\d)(?: [^\x00-\x1f\x7f]*)?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def environ_of(scope: Any, source: Any, size: int | None) -> dict[str, Any]:
    """Describe a request as CGI does.

    Header names with an underscore are left out: they would pass for those with a hyphen,
    which a proxy may have set.

    Args:
        scope: The request's.
        source: What the body is read from.
        size: Bytes of the body; None if not all of it is here.
    """
    path = scope["raw_path"].decode("latin-1")
    if path.startswith("//"):  # which would pass for a host when an app redirects to its path
        path = "/" + path.lstrip("/")
    query = scope["query_string"].decode("latin-1")
    server, client = scope["server"] or ("", 0), scope["client"] or ("", 0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": f"{path}?{query}" if query else path,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": source,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    environ |= _fields_of(scope["headers"])
    # It is decoded, whatever its coding was.
    if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None and size is not None:
        environ["CONTENT_LENGTH"] = str(size)
    return environ


def _fields_of(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    fields = {"CONTENT_TYPE": ""}
    for name, value in headers:
        if b"_" in name:
            continue
        key, text = _key_of(name), value.decode("latin-1")
        if fields.get(key):
            text = fields[key] + ("; " if key == "HTTP_COOKIE" else ",") + text
        fields[key] = text
    return fields


@functools.lru_cache(256)
def _key_of(name: bytes) -> str:
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


def head_of(
    status: str, headers: Iterable[tuple[str, str]]
) -> tuple[int, list[tuple[bytes, bytes]], int | None]:
    """Give an answer's status, its fields and what its Content-Length says, if it is there.

    The date is the server's business; the words behind the status are HTTP's own.

    Raises:
        ValueError: They would write more lines than they are, or speak of the connection.
    """
    found = _STATUS.fullmatch(status)
    if found is None:
        raise ValueError(f"the app's status is none: {status!r}")
    fields, length = [], None
    for name, value in headers:
        key = _field_name(name)
        if not (value.isascii() and value.isprintable()) and _CONTROL.search(value):
            raise ValueError(f"the app's header {name!r} holds control characters: {value!r}")
        if key == b"content-length":
            length = _natural(value)
        if key != b"date":
            fields.append((key, value.encode("latin-1")))
    return int(found[1]), fields, length


@functools.lru_cache(256)
def _field_name(name: str) -> bytes:
    if not _NAME.fullmatch(name) or is_hop_by_hop(name):
        raise ValueError(f"the app may not give a header {name!r}")
    return name.lower().encode("ascii")


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"the app's Content-Length is not a number: {text!r}")
    return int(text)
