"""Count what a JSON text holds before anything is made of it.

A value of two bytes costs a reader up to ninety: a list, an object, a number. So the values are
counted by their commas and brackets, without a parser, and what has too many is never parsed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

_CHUNK = 65_536
_BYTES_A_VALUE, _BYTES_A_CONTAINER = 8, 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class JsonBound:
    """Bound a JSON text.

    Attributes:
        values: Numbers, texts, lists and all others.
        containers: Lists and objects among them.
    """

    values: int
    containers: int

    def is_exceeded_by(self, body: bytes) -> bool:
        """Count, and stop when it is too much.

        What stands in strings is counted, too, as long as that makes no difference.
        """
        containers = body.count(b"[") + body.count(b"{")
        if containers <= self.containers and body.count(b",") + containers < self.values:
            return False
        values = containers = 0
        for piece in _outside_strings(body):
            containers += piece.count(b"[") + piece.count(b"{")
            values += piece.count(b",")
            if containers > self.containers or values + containers >= self.values:
                return True
        return False


def bound_of_body(max_body: int) -> JsonBound:
    """Give the bound that goes with the largest body: real values are no shorter than this."""
    return JsonBound(
        values=max(1_000, max_body // _BYTES_A_VALUE),
        containers=max(1_000, max_body // _BYTES_A_CONTAINER),
    )


def _outside_strings(body: bytes) -> Iterator[bytes]:
    """Give what stands between strings, piece by piece."""
    start, is_within = 0, False
    while start < len(body):
        piece = body[start : start + _CHUNK]
        marks = len(piece) - len(piece.rstrip(b"\\"))
        if marks % 2 and len(piece) > 1:  # an escape is not cut in two
            piece = piece[:-1]
        start += len(piece)
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        yield b"".join(parts[is_within::2])
        is_within ^= len(parts) % 2 == 0
