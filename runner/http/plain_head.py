"""Read the head of a plain request by one strict expression, without a parser.

The rules of this file:

1. Taken is only what the grammar of RFC 9110 and 9112 allows, in the form that nearly all clients
   send. All else is not refused but left to the parser, which knows what to do with it.
2. Only the fields are looked at that decide how a request is framed, and by whom and until when
   it is answered. One of them twice, or with an unusual value, is not plain.
3. Nothing depends on a head having been seen before, and time grows with the bytes only: what an
   expression has taken it never gives back (possessive quantifiers).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_HEAD = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) "
    rb"(/(?!/)[!$%&-;=?-Z_a-z~]{0,8000}+) HTTP/1\.1"
    rb"((?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t\x20-\x7e\x80-\xff]*+){1,200}+)\r\n\r\n"
)

# In a head in small letters: the fields that decide anything. Those with a value group may stand
# in a plain head; `te` and `proxy-connection` speak of the connection, too.
_DECIDING = re.compile(
    rb"\n(host|content-(?:length|type|encoding)|connection|accept|expect|upgrade"
    rb"|t(?:ransfer-encoding|railer|e)|proxy-connection"
    rb"|x-(?:request-timeout-ms|envoy-expected-rq-timeout-ms)):[ \t]*+([^\r]*+)"
)
_UNUSUAL = frozenset(
    [
        *(b"content-encoding", b"expect", b"proxy-connection", b"te"),
        *(b"trailer", b"transfer-encoding", b"upgrade"),
    ]
)
_FIELD = re.compile(rb"\n([^:]++):[\t ]*+([^\r]*+)")
_HOST = re.compile(rb"[a-z0-9._-]+(?::[0-9]+)?|\[[a-f0-9:.]+\](?::[0-9]+)?")
_CONNECTIONS = (b"keep-alive", b"close")
_MOST_DIGITS = 9


class PlainHead(NamedTuple):
    """Say what a plain head asks for.

    Attributes:
        method: In capitals.
        target: The path, and the query if there is one, as they were sent.
        lines: All its fields, each behind the end of a line.
        fields: The deciding ones, names and values in small letters.
        end: Where the body begins.
        length: Bytes of the body.
        keeps: Whether the client would go on with the connection.
    """

    method: bytes
    target: bytes
    lines: bytes
    fields: dict[bytes, bytes]
    end: int
    length: int
    keeps: bool


def plain_head(data: bytes) -> PlainHead | None:
    """Read the head with which these bytes begin; None if it is not whole, or not plain."""
    found = _HEAD.match(data)
    if found is None:
        return None
    method, target, lines = found.groups()
    deciding = _DECIDING.findall(lines.lower())
    fields: dict[bytes, bytes] = dict(deciding)
    if len(fields) != len(deciding) or not _UNUSUAL.isdisjoint(fields):
        return None
    length = fields.get(b"content-length", b"0")
    connection = fields.get(b"connection", b"keep-alive")
    if (
        _HOST.fullmatch(fields.get(b"host", b"")) is None
        or not length.isdigit()
        or len(length) > _MOST_DIGITS
        or connection not in _CONNECTIONS
    ):
        return None
    keeps = connection == b"keep-alive"
    return PlainHead(method, target, lines, fields, found.end(), int(length), keeps)


def fields_of(head: PlainHead) -> list[tuple[bytes, bytes]]:
    """Give all fields of a head, their names in small letters."""
    return [(name.lower(), value.rstrip(b" \t")) for name, value in _FIELD.findall(head.lines)]
