"""Read the head of a request: httptools takes it apart, and what is unclear is refused.

The rules of this file:

1. A head is read whole, by a parser of its own that sees nothing else. How long the body is, and
   whether the connection goes on, is decided here, once, by the fields themselves.
2. What two readers could read in two ways is refused, so that nobody between the client and us
   can be made to see other requests than we do (RFC 9112, 11.2).
3. An ``Upgrade`` that nobody takes up changes nothing.
"""

from __future__ import annotations

import dataclasses
import re

import httptools

from runner.access.refusal import RefusedRequestError
from runner.bodies.request_body import CHUNKED

_MOST_FIELDS = 256
_LONGEST_TARGET = 8_192

# They decide how a request is read; all others are passed on unseen.
_DECIDING = frozenset(
    [b"connection", b"content-length", b"expect", b"host", b"te", b"transfer-encoding", b"upgrade"]
)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_NO_FIELD: list[bytes] = []
_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [!-~]+ HTTP/([0-9]\.[0-9])\r\n")
# A name, an address in brackets, or nothing; with a port or without. Source: RFC 9110, 7.2, but for
# commas: what has one may be two.
HOST = rb"(?:[!$%&'()*+\-.0-9;=A-Z_a-z~]*|\[[0-9A-Za-z:.%_~\-]+\])(?::[0-9]*)?"
_HOST = re.compile(HOST)
_VERSIONS = (b"1.1", b"1.0")
NO_REQUEST = "this is no HTTP request"


@dataclasses.dataclass(slots=True)
class RequestHead:
    """Hold what a head says.

    Attributes:
        method: In capitals.
        target: As it was sent.
        version: ``1.1`` or ``1.0``.
        headers: Names in lower case.
        length: Bytes of the body; ``CHUNKED`` if it comes in chunks.
        keep_alive: The client wants to go on with the connection.
        expects_continue: It waits for 100 before it sends the body, and has one.
        upgrade: The protocol that it would rather speak, in lower case; empty if none.
        raw: The head as it was sent; empty if nobody needs it.
    """

    method: bytes
    target: bytes
    version: str
    headers: list[tuple[bytes, bytes]]
    length: int
    keep_alive: bool
    expects_continue: bool
    upgrade: bytes
    raw: bytes = b""


class _Fields:
    """Take what the parser finds."""

    __slots__ = ("deciding", "headers", "target")

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.deciding: dict[bytes, list[bytes]] = {}

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name, value = name.lower(), value.strip(b" \t")
        if name in _DECIDING:
            self.deciding.setdefault(name, []).append(value)
        self.headers.append((name, value))


def read_head(head: bytes) -> RequestHead:
    """Read a head.

    Args:
        head: From the request line to the first empty line.

    Raises:
        RefusedRequestError: It is not to be answered; it says by which status.
    """
    check_line(head)
    fields = _Fields()
    parser = httptools.HttpRequestParser(fields)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # it would stop reading here, as we do
    except httptools.HttpParserError:
        raise RefusedRequestError(400, NO_REQUEST) from None
    version = parser.get_http_version()
    method, given = parser.get_method(), fields.deciding
    if len(fields.target) > _LONGEST_TARGET:
        raise RefusedRequestError(414, f"the path is longer than {_LONGEST_TARGET} bytes")
    if len(fields.headers) > _MOST_FIELDS:
        raise RefusedRequestError(431, f"there are more than {_MOST_FIELDS} headers")
    if method == b"CONNECT":
        raise RefusedRequestError(501, "this is no proxy")
    hosts = given.get(b"host", _NO_FIELD)
    if len(hosts) != 1 and (hosts or version == "1.1"):
        raise RefusedRequestError(400, "there must be one Host")
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        raise RefusedRequestError(400, "the Host is none")
    options = _list_of(given.get(b"connection", _NO_FIELD))
    is_new = version == "1.1"
    length = _length_of(given, is_new=is_new)
    return RequestHead(
        method,
        fields.target,
        version,
        fields.headers,
        length,
        b"close" not in options and (is_new or b"keep-alive" in options),
        is_new and length != 0 and _expects_continue(given.get(b"expect", _NO_FIELD)),
        _upgrade_of(given) if b"upgrade" in options else b"",
        head,
    )


def check_line(data: bytes) -> None:
    """Refuse what begins with a whole line that is none of a request.

    Raises:
        RefusedRequestError: It speaks another protocol, or another HTTP.
    """
    line = _LINE.match(data)
    if line is None:
        raise RefusedRequestError(400, NO_REQUEST)
    if line[1] not in _VERSIONS:
        raise RefusedRequestError(505, "HTTP/1.1 is spoken here")


def _length_of(given: dict[bytes, list[bytes]], *, is_new: bool) -> int:
    lengths = given.get(b"content-length", _NO_FIELD)
    codings = given.get(b"transfer-encoding", _NO_FIELD)
    if b"chunked" in _list_of(given.get(b"te", _NO_FIELD)):
        raise RefusedRequestError(400, "chunked does not belong into TE")
    if not codings:
        if not lengths:
            return 0
        if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
            raise RefusedRequestError(400, "there must be one Content-Length, a number")
        return int(lengths[0])
    if lengths or len(codings) > 1 or not is_new:
        raise RefusedRequestError(400, "it is unclear where the body ends")
    if codings[0].lower() != b"chunked":
        raise RefusedRequestError(501, "the only transfer coding known here is chunked")
    return CHUNKED


def _expects_continue(values: list[bytes]) -> bool:
    return any(value.lower() == b"100-continue" for value in values)


def _upgrade_of(given: dict[bytes, list[bytes]]) -> bytes:
    return b", ".join(given.get(b"upgrade", _NO_FIELD)).lower()


def _list_of(values: list[bytes]) -> list[bytes]:
    if not values:
        return _NO_FIELD
    return [each.strip() for each in b",".join(values).lower().split(b",")]
