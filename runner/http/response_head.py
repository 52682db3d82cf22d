"""Write the head of an answer, whoever gives it: no name and no value can break out of its line."""

from __future__ import annotations

import functools
import http
import re
from collections.abc import Iterable, Sequence

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# What may stand in a value, and in a name of ours: all but controls. Source: RFC 9110, 5.5.
_ALLOWED = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])

# Their answers end with their heads.
BODILESS = (204, 304)

Field = tuple[bytes, bytes]


class HeaderError(ValueError):
    """Tell that an app gave a header that no client must get."""


@functools.cache
def status_line(status: int) -> bytes:
    """Write the first line of an answer.

    Raises:
        HeaderError: It is no status of a final answer.
    """
    if status not in range(200, 1000):
        raise HeaderError(f"{status!r:.40} is no status of an answer")
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {int(status)} {phrase}\r\n".encode()


def header_lines(fields: Iterable[Field]) -> bytes:
    r"""Write headers, each with its ``\r\n``; names are put in lower case.

    Raises:
        HeaderError: A name is none, or a value holds a control character.
    """
    parts: list[bytes] = []
    for name, value in fields:
        parts += (header_start(name), value, b"\r\n")
    lines = b"".join(parts)
    # Whatever is left when all that is allowed is taken out has to be the ends of our lines.
    if lines.translate(None, _ALLOWED) != b"\r\n" * (len(parts) // 3):
        raise HeaderError("a header's value holds a control character")
    return lines


@functools.lru_cache(1024)
def header_start(name: bytes) -> bytes:
    """Write a header's name, and what stands between it and the value.

    Raises:
        HeaderError: It is no name of a header.
    """
    if not _NAME.fullmatch(name):
        raise HeaderError(f"{name!r:.80} is no name of a header")
    return name.lower() + b": "


def bodiless_fields(status: int, fields: Sequence[Field]) -> Sequence[Field]:
    """Give the headers of an answer without a body: 204 has no length either (RFC 9110, 8.6)."""
    if status != 204:
        return fields
    return [field for field in fields if field[0].lower() != b"content-length"]
