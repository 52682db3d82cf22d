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
import string
from typing import NamedTuple

_TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
_NAME = b"[%b]*+" % re.escape(_TOKEN).encode()
_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
_SPACE = rb"[ \t]*+"

# The deciding fields that a plain head may have, and what their values are then: each is a group
# of the expression, in this order, which has to be that of the alphabet.
_PLAIN_FIELDS = {
    "accept": _VALUE,
    "connection": rb"(?i:keep-alive|close)",
    "content-length": rb"[0-9]{1,9}+",
    "content-type": _VALUE,
    "host": rb"(?:[a-zA-Z0-9._-]++|\[[a-fA-F0-9:.]++\])(?::[0-9]++)?+",
    "x-request-timeout-ms|x-envoy-expected-rq-timeout-ms": rb"[0-9]{1,12}+",
}
_FIRST_GROUP = 4
# Those that it may not.
_OTHER_DECIDING = (
    *("content-encoding", "expect", "proxy-connection"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
)


def _expression() -> re.Pattern[bytes]:
    """Make the expression of a whole head, with a group for each value that decides.

    Lines are told apart by their first letters, for most of them decide nothing.
    """
    deciding = [*"|".join([*_PLAIN_FIELDS, *_OTHER_DECIDING]).split("|")]
    lines = []
    for letter in sorted({name[0] for name in deciding}):
        names = "|".join(name[1:] for name in deciding if name[0] == letter)
        fields = [
            _field(name.replace(f"|{letter}", "|")[1:], value, group)
            for group, (name, value) in enumerate(_PLAIN_FIELDS.items(), _FIRST_GROUP)
            if name[0] == letter
        ]
        fields.append(b"(?!(?i:%b):)%b:%b" % (names.encode(), _NAME, _VALUE))
        lines.append(f"[{letter}{letter.upper()}]".encode() + b"(?:%b)" % b"|".join(fields))
    others = {*_TOKEN} - {*"".join(line[:1] + line[:1].upper() for line in deciding)}
    lines.append(b"[%b]%b:%b" % (re.escape("".join(sorted(others))).encode(), _NAME, _VALUE))
    return re.compile(
        rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) "
        rb"(/(?!/)[!$%&-;=?-Z_a-z~]{0,8000}+) HTTP/1\.1"
        rb"((?:\r\n(?:" + b"|".join(lines) + rb")){1,200})\r\n\r\n"
    )


def _field(name: str, value: bytes, group: int) -> bytes:
    """Match a field, unless there was one before."""
    is_first = b"(?(%d)(?!))" % group
    return b"(?i:%b):%b%b(%b)%b" % (name.encode(), _SPACE, is_first, value, _SPACE)


# What its groups are stands in `plain_head`.
match_head = _expression().match
_FIELD = re.compile(rb"\n([^:]++):[\t ]*+([^\r]*+)")


class PlainHead(NamedTuple):
    """Say what a plain head asks for.

    Attributes:
        method: In capitals.
        target: The path, and the query if there is one, as they were sent.
        lines: All its fields, each behind the end of a line.
        content_type: What the body is said to be; None if nothing is said.
        accept: What the answer may be; None if nothing is said.
        timeout: Milliseconds that the client waits, in digits; None if it does not say.
        end: Where the body begins.
        length: Bytes of the body.
        keeps: Whether the client would go on with the connection.
    """

    method: bytes
    target: bytes
    lines: bytes
    content_type: bytes | None
    accept: bytes | None
    timeout: bytes | None
    end: int
    length: int
    keeps: bool


def plain_head(data: bytes) -> PlainHead | None:
    """Read the head with which these bytes begin; None if it is not whole, or not plain."""
    found = match_head(data)
    if found is None:
        return None
    method, target, lines, accept, ends, length, content_type, host, timeout = found.groups()
    if host is None:
        return None
    keeps = ends is None or ends.lower() == b"keep-alive"
    size = int(length) if length else 0
    return PlainHead._make(
        (method, target, lines, content_type, accept, timeout, found.end(), size, keeps)
    )


def fields_of(head: PlainHead) -> list[tuple[bytes, bytes]]:
    """Give all fields of a head, their names in small letters."""
    return [(name.lower(), value.rstrip(b" \t")) for name, value in _FIELD.findall(head.lines)]
