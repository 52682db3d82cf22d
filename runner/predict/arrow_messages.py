"""Weigh an Arrow stream before it is decompressed: a buffer of a few bytes can become gigabytes.

pyarrow gives the messages of a stream without reading them; what they hold stands in their
flatbuffers. Sources: Arrow's format/Message.fbs, and FlatBuffers' internals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3  # MessageHeader
_LONGEST_SCHEMA = 1_048_576


class BadMessageError(ValueError):
    """Report a message that is not what the format says."""


def weigh(messages: Iterator[Any]) -> tuple[int, int]:
    """Count the rows of all messages, and the bytes of their buffers when decompressed.

    Raises:
        BadMessageError: One of them cannot be read, or the schema is absurd.
    """
    rows = size = 0
    for message in messages:
        body = memoryview(message.body or b"")
        try:
            found = _weight(memoryview(message.metadata), body)
        except (struct.error, IndexError) as error:
            raise BadMessageError(f"a message is broken: {error}") from None
        rows, size = rows + found[0], size + found[1]
    return rows, size


def _weight(metadata: memoryview, body: memoryview) -> tuple[int, int]:
    message = _Table(metadata, _number("<I", metadata, 0))
    kind = message.number(1, "<B")
    if kind == _SCHEMA and len(metadata) > _LONGEST_SCHEMA:
        raise BadMessageError(f"its schema is larger than {_LONGEST_SCHEMA} bytes")
    if kind not in (_DICTIONARY, _RECORDS):
        return 0, 0
    header = message.table(2)
    batch = header.table(1) if kind == _DICTIONARY else header
    is_compressed = batch.place(3) != 0
    sizes = [_size(*each, body, is_compressed) for each in batch.pairs(2)]
    return (batch.number(0, "<q") if kind == _RECORDS else 0), sum(sizes)


def _size(start: int, length: int, body: memoryview, is_compressed: bool) -> int:
    """Give the bytes of a buffer: a compressed one begins with them, or with -1 if it is not."""
    if not is_compressed or length < 8:
        return length
    found = _number("<q", body, start)
    return length if found < 0 else found


class _Table:
    """Read the fields of one table of a flatbuffer."""

    def __init__(self, data: memoryview, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - _number("<i", data, at)
        self._end = self._fields + _number("<H", data, self._fields)

    def place(self, field: int) -> int:
        """Say where a field is; 0 if it is absent."""
        entry = self._fields + 4 + 2 * field
        offset = _number("<H", self._data, entry) if entry < self._end else 0
        return self._at + offset if offset else 0

    def number(self, field: int, form: str) -> int:
        """Read a number; 0 if it is absent."""
        place = self.place(field)
        return _number(form, self._data, place) if place else 0

    def table(self, field: int) -> _Table:
        """Read a table."""
        place = self.place(field)
        return _Table(self._data, place + _number("<I", self._data, place))

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """Read a vector of pairs of 64 bits; none if it is absent."""
        place = self.place(field)
        if not place:
            return
        start = place + _number("<I", self._data, place)
        for number in range(_number("<I", self._data, start)):
            first, second = struct.unpack_from("<qq", self._data, start + 4 + 16 * number)
            yield first, second


def _number(form: str, data: memoryview, at: int) -> int:
    if at < 0:
        raise IndexError(at)
    found: int = struct.unpack_from(form, data, at)[0]
    return found
