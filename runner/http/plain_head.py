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
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
_NAME = b"[%b]*+" % re.escape(_TOKEN).encode()
_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
_SPACE = rb"[ \t]*+"

_METHODS = rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)"

# The deciding fields that a plain head may have, in the order of the alphabet, and what their
# values are then. Each has one group: what is to be known of the value, or that it is there.
PLAIN_FIELDS = {
    "accept": _VALUE + rb"()",
    "connection": rb"((?i:keep-alive|close))",
    "content-length": rb"([0-9]{1,9}+)",
    "content-type": _VALUE + rb"()",
    "host": rb"((?:[a-zA-Z0-9._-]++|\[[a-fA-F0-9:.]++\])(?::[0-9]++)?+)",
    "x-request-timeout-ms|x-envoy-expected-rq-timeout-ms": rb"([0-9]{1,12}+)",
}
# Those that it may not.
_OTHER_DECIDING = (
    *("content-encoding", "expect", "proxy-connection"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
)


def head_expression(
    method: bytes, fields: Mapping[str, bytes], refused: Sequence[str] = ()
) -> re.Pattern[bytes]:
    """Make the expression of a whole head.

    Lines are told apart by their first letters, for most of them decide nothing.

    Args:
        method: An expression, with a group or without.
        fields: By the names of ``PLAIN_FIELDS``, and with as many groups.
        refused: Further fields that a plain head has not.

    Returns:
        Its groups are those of the method, the target, and those of the fields.
    """
    deciding = "|".join([*fields, *_OTHER_DECIDING, *refused]).split("|")
    first_group = re.compile(method).groups + 2
    lines = []
    for letter in sorted({name[0] for name in deciding}):
        rests = "|".join(name[1:] for name in deciding if name[0] == letter)
        known = [
            _field(name.replace(f"|{letter}", "|")[1:], value, group)
            for group, (name, value) in enumerate(fields.items(), first_group)
            if name[0] == letter
        ]
        known.append(b"(?!(?i:%b):)%b:%b" % (rests.encode(), _NAME, _VALUE))
        lines.append(f"[{letter}{letter.upper()}]".encode() + b"(?:%b)" % b"|".join(known))
    others = {*_TOKEN} - {*"".join(name[0] + name[0].upper() for name in deciding)}
    lines.append(b"[%b]%b:%b" % (re.escape("".join(sorted(others))).encode(), _NAME, _VALUE))
    return re.compile(
        method + rb" (/(?!/)[!$%&-;=?-Z_a-z~]{0,8000}+) HTTP/1\.1"
        rb"(?:\r\n(?:" + b"|".join(lines) + rb")){1,200}\r\n\r\n"
    )


def _field(name: str, value: bytes, group: int) -> bytes:
    """Match a field, unless there was one before."""
    is_first = b"(?(%d)(?!))" % group
    return b"(?i:%b):%b%b%b%b" % (name.encode(), _SPACE, is_first, value, _SPACE)


_match = head_expression(_METHODS, PLAIN_FIELDS).match
_START_OF_LINES = len(" HTTP/1.1")
_FIELD = re.compile(r"\n([^:]++):[\t ]*+([^\r]*+)")


class PlainHead(NamedTuple):
    """Say what a plain head asks for.

    Attributes:
        method: In capitals.
        target: The path, and the query if there is one, as they were sent.
        lines: All its fields, each behind the end of a line.
        host: As Host has it.
        end: Where the body begins.
        length: Bytes of the body.
        keeps: Whether the client would go on with the connection.
    """

    method: bytes
    target: bytes
    lines: bytes
    host: bytes
    end: int
    length: int
    keeps: bool


def plain_head(data: bytes) -> PlainHead | None:
    """Read the head with which these bytes begin; None if it is not whole, or not plain."""
    found = _match(data)
    if found is None:
        return None
    method, target, _, connection, length, _, host, _ = found.groups()
    if host is None:
        return None
    keeps = connection is None or connection.lower() == b"keep-alive"
    end = found.end()
    lines = data[found.end(2) + _START_OF_LINES : end - 4]
    return PlainHead(method, target, lines, host, end, int(length) if length else 0, keeps)


def fields_of(head: PlainHead) -> list[tuple[str, str]]:
    """Give all fields of a head, their names as they were sent."""
    fields = _FIELD.findall(head.lines.decode("latin-1"))
    return [(name, value.rstrip(" \t")) for name, value in fields]
