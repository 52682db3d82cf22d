"""Parse the line and the headers of an HTTP/1.1 request, strictly.

What two programs could read differently (RFC 9112, section 11.2) is refused, never guessed.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from urllib.parse import urlsplit

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e\x80-\xff]+) HTTP/([0-9])\.([0-9])")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):([^\x00\r\n]*)")


class RefusedError(Exception):
    """Refuse a request before any app has seen it.

    Args:
        status: What to answer, such as 413.
        message: Why, for the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """Hold a request's line and headers.

    Attributes:
        path: As sent, still percent-encoded, without the query.
        headers: By lower-case name; several of one name are joined as RFC 9110, 5.3 says.
        length: Bytes of the body; None when it comes in chunks.
        keep_alive: The client is willing to send another request.
    """

    method: str
    path: str
    query: str
    is_http11: bool
    headers: dict[str, str]
    length: int | None
    keep_alive: bool

    @property
    def has_body(self) -> bool:
        """Tell whether the client announced a body, which may be empty."""
        return self.length is None or "content-length" in self.headers


def parse_head(head: bytes) -> Head:
    """Parse all that stands before the empty line.

    Raises:
        RefusedError: It is malformed or ambiguous.
    """
    line, *fields = head.split(b"\r\n")
    found = _LINE.fullmatch(line)
    if found is None:
        raise RefusedError(400, "malformed request line")
    if found[3] != b"1":
        raise RefusedError(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    is_http11 = found[4] != b"0"
    headers = _parse_fields(fields)
    path, query = _split_target(found[2].decode("latin-1"), headers, is_http11=is_http11)
    return Head(
        method=found[1].decode("ascii"),
        path=path,
        query=query,
        is_http11=is_http11,
        headers=headers,
        length=_length_of(headers, is_http11=is_http11),
        keep_alive=_keeps_alive(headers, is_http11=is_http11),
    )


def _parse_fields(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise RefusedError(400, "malformed header")
        name = found[1].decode("ascii").lower()
        value = found[2].strip(b" \t").decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif name == "host":
            raise RefusedError(400, "more than one Host")
        else:
            headers[name] += ("; " if name == "cookie" else ",") + value
    return headers


def _split_target(target: str, headers: dict[str, str], *, is_http11: bool) -> tuple[str, str]:
    if is_http11 and "host" not in headers:
        raise RefusedError(400, "Host is missing")
    if target[0] != "/" and target != "*":
        target = _strip_origin(target, headers)
    path, _, query = target.partition("#")[0].partition("?")
    # Two slashes at the start would read as a host when an app redirects to its path.
    return ("/" + path.lstrip("/") if path[:2] == "//" else path), query


def _strip_origin(target: str, headers: dict[str, str]) -> str:
    """Take the host out of ``http://host/path``: it overrules the header (RFC 9112, 3.2.2)."""
    try:
        url = urlsplit(target)
    except ValueError as error:
        raise RefusedError(400, "malformed request target") from error
    if url.scheme not in ("http", "https") or not url.netloc:
        raise RefusedError(400, "malformed request target")
    headers["host"] = url.netloc
    return (url.path or "/") + ("?" + url.query if url.query else "")


def _length_of(headers: dict[str, str], *, is_http11: bool) -> int | None:
    coding, given = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if given is not None or not is_http11:
            raise RefusedError(
                400, "Transfer-Encoding cannot stand with Content-Length or HTTP/1.0"
            )
        if coding.lower() != "chunked":
            raise RefusedError(501, "the only transfer coding known here is chunked")
        return None
    if given is None:
        return 0
    lengths = {text.strip(" \t") for text in given.split(",")}
    text = lengths.pop()
    if lengths or not (text.isascii() and text.isdecimal()):
        raise RefusedError(400, "malformed Content-Length")
    return int(text) if len(text) < 20 else sys.maxsize  # int() has a limit of its own


def _keeps_alive(headers: dict[str, str], *, is_http11: bool) -> bool:
    options = {option.strip() for option in headers.get("connection", "").lower().split(",")}
    return "close" not in options and (is_http11 or "keep-alive" in options)
