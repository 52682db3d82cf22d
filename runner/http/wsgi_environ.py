"""Translate between ASGI's scope and messages and what a WSGI app takes and gives (PEP 3333)."""

from __future__ import annotations

import functools
import re
import sys
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any
from wsgiref.util import FileWrapper, is_hop_by_hop

from runner.http.forwarded import Address
from runner.http.problems import note_handled

_STATUS = re.compile(r"([2-5]\d\d)(?: [^\x00-\x1f\x7f]*)?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TRACEBACK = "Traceback (most recent call last)"


def environ_of(scope: Any, source: Any, size: int | None) -> dict[str, Any]:
    """Describe a request as CGI does.

    Args:
        scope: The request's.
        source: What the body is read from.
        size: Bytes of the body; None if not all of it is here.
    """
    root = scope["root_path"]
    path = scope["raw_path"].decode("latin-1").removeprefix(root)
    if path.startswith("//"):  # which would pass for a host when an app redirects to its path
        path = "/" + path.lstrip("/")
    environ = shared_environ(scope["server"], scope["client"], scope["scheme"], root)
    query = scope["query_string"].decode("latin-1")
    add_request(environ, scope["method"], path, query, source)
    environ["SERVER_PROTOCOL"] = f"HTTP/{scope['http_version']}"
    add_fields(
        environ,
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
    )
    if name := scope["extensions"].get("tls", {}).get("client_cert_name"):
        environ["SSL_CLIENT_S_DN"] = name  # as Apache's mod_ssl calls it
    # It is decoded, whatever its coding was.
    if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None and size is not None:
        environ["CONTENT_LENGTH"] = str(size)
    return environ


def shared_environ(server: Address, client: Address, scheme: str, root: str = "") -> dict[str, Any]:
    """Describe what the requests of one client have in common."""
    return {
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "",
        "wsgi.version": (1, 0),
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **address_environ(server, client, scheme, root),
    }


def address_environ(server: Address, client: Address, scheme: str, root: str) -> dict[str, str]:
    """Describe who asks, and where."""
    (host, port), (remote, remote_port) = server or ("", 0), client or ("", 0)
    return {
        "SCRIPT_NAME": root,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": remote,
        "REMOTE_PORT": str(remote_port),
        "wsgi.url_scheme": scheme,
    }


def add_request(environ: dict[str, Any], method: str, path: str, query: str, source: Any) -> None:
    """Add what is asked for.

    Args:
        environ: To which it is added.
        method: In capitals.
        path: As it was sent.
        query: Likewise.
        source: What the body is read from.
    """
    environ["REQUEST_METHOD"] = method
    environ["PATH_INFO"] = urllib.parse.unquote(path, "latin-1") if "%" in path else path
    environ["QUERY_STRING"] = query
    environ["REQUEST_URI"] = f"{path}?{query}" if query else path
    environ["wsgi.input"], environ["wsgi.errors"] = source, _ERRORS


def add_fields(environ: dict[str, Any], fields: Iterable[tuple[str, str]]) -> None:
    """Add a request's headers.

    Those whose names have an underscore are left out: they would pass for those with a hyphen,
    which a proxy may have set.
    """
    for name, value in fields:
        key = key_of(name)
        if not key:
            continue
        before = environ.get(key)
        if before:
            environ[key] = before + ("; " if key == "HTTP_COOKIE" else ",") + value
        else:
            environ[key] = value


@functools.lru_cache(256)
def key_of(name: str) -> str:
    """Give a header's name in an environ; none if it must not stand there."""
    if "_" in name:
        return ""
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


def scope_of_environ(environ: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a span says of a request."""
    return {
        "method": environ["REQUEST_METHOD"],
        "path": environ["SCRIPT_NAME"] + environ["PATH_INFO"],
        "scheme": environ["wsgi.url_scheme"],
        "client": (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]),
        "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"] or 0)),
        "headers": [
            (name, environ[key].encode("latin-1"))
            for name, key in ((b"tracestate", "HTTP_TRACESTATE"), (b"baggage", "HTTP_BAGGAGE"))
            if key in environ
        ],
    }


def head_of(
    status: str, headers: Iterable[tuple[str, str]]
) -> tuple[int, list[tuple[bytes, bytes]], int | None]:
    """Give an answer's status, its fields and what its Content-Length says, if it is there.

    The date is the server's business; the words behind the status are HTTP's own.

    Raises:
        ValueError: They would write more lines than they are, or speak of the connection.
    """
    fields, length = [], None
    for name, value in headers:
        key = _field_name(name)
        if not (value.isascii() and value.isprintable()) and _CONTROL.search(value):
            raise ValueError(f"the app's header {name!r} holds control characters: {value!r}")
        if key == b"content-length":
            if length is not None:
                raise ValueError("the app gave more than one Content-Length")
            length = _natural(value)
        if key != b"date":
            fields.append((key, value.encode("latin-1")))
    return _number_of(status), fields, length


@functools.lru_cache(256)
def _number_of(status: str) -> int:
    found = _STATUS.fullmatch(status)
    if found is None:
        raise ValueError(f"the app's status is none: {status!r}")
    return int(found[1])


@functools.lru_cache(256)
def _field_name(name: str) -> bytes:
    if not _NAME.fullmatch(name) or is_hop_by_hop(name):
        raise ValueError(f"the app may not give a header {name!r}")
    return name.lower().encode("ascii")


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"the app's Content-Length is not a number: {text!r}")
    return int(text)


class _ErrorStream:
    """Be `sys.stderr` of that moment, and note for the request whose traceback is written there."""

    def write(self, text: str) -> int:
        """Write; what is handled in this moment is that of which a traceback tells."""
        if _TRACEBACK in text:
            note_handled()
        return sys.stderr.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Give all else as it is there."""
        return getattr(sys.stderr, name)


_ERRORS = _ErrorStream()
