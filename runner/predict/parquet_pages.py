"""Weigh the columns of a Parquet file by their pages, before one of them is decompressed.

The file's own metadata may say anything; what is allocated is what the header of each page says.
Sources: parquet.thrift of parquet-format, and Thrift's compact protocol.
"""

from __future__ import annotations

import dataclasses
from typing import Any

_LONGEST_FOOTER = 1_048_576
_MOST_PAGES = 20_000
_DEEPEST = 8

_BOOLEANS, _BYTE, _VARINTS, _DOUBLE = (1, 2), 3, (4, 5, 6), 7
_BINARY, _STRUCT = 8, 12


class BadPagesError(ValueError):
    """Report a file whose pages are not what the format says."""


@dataclasses.dataclass(kw_only=True)
class Weight:
    """Sum up pages.

    Attributes:
        values: How many they hold.
        size: Bytes when decompressed, as they are encoded.
        pages: How many there are.
    """

    values: int = 0
    size: int = 0
    pages: int = 0


def check_footer(body: bytes) -> None:
    """Refuse a file whose metadata are absurdly large.

    Raises:
        BadPagesError: They are, or the file does not end with them.
    """
    length = int.from_bytes(body[-8:-4], "little")
    if body[-4:] != b"PAR1" or length > min(len(body), _LONGEST_FOOTER):
        raise BadPagesError("its metadata are missing, or larger than a megabyte")


def weigh(body: bytes, chunk: Any) -> Weight:
    """Sum up the pages of a column's chunk.

    Args:
        body: The file.
        chunk: A ``ColumnChunkMetaData`` of pyarrow.

    Raises:
        BadPagesError: They do not fill it, or are too many.
    """
    found = Weight()
    at = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < at:
        at = chunk.dictionary_page_offset
    end = at + chunk.total_compressed_size
    if not 0 < at <= end <= len(body):
        raise BadPagesError("a column lies outside of the file")
    while at < end:
        header, at = _struct(body, at)
        size, compressed = header.get(2, -1), header.get(3, -1)
        if not (
            isinstance(size, int) and isinstance(compressed, int) and min(size, compressed) >= 0
        ):
            raise BadPagesError("a page has no size")
        counts = [
            each[1] for field in (5, 8) if isinstance(each := header.get(field), dict) and 1 in each
        ]
        found.values += sum(max(0, each) for each in counts)
        found.size += size
        found.pages += 1
        at += compressed
        if found.pages > _MOST_PAGES:
            raise BadPagesError(f"a column has more than {_MOST_PAGES} pages")
    return found


def _struct(body: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Read a struct of Thrift's compact protocol; what is no integer and no struct is skipped."""
    fields: dict[int, Any] = {}
    field = 0
    if depth > _DEEPEST:
        raise BadPagesError("a page's header is nested too deep")
    while True:
        kind, at = _byte(body, at)
        if not kind:
            return fields, at
        if kind >> 4:
            field += kind >> 4
        else:
            field, at = _integer(body, at)
        fields[field], at = _value(body, at, kind & 15, depth)


def _value(body: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in _BOOLEANS:
        return None, at
    if kind in _VARINTS:
        return _integer(body, at)
    if kind == _STRUCT:
        return _struct(body, at, depth + 1)
    if kind in (_BYTE, _DOUBLE):
        return None, at + (1 if kind == _BYTE else 8)
    if kind == _BINARY:
        length, at = _varint(body, at)
        return None, at + length
    raise BadPagesError("a page's header is none")  # it has no lists and no maps


def _byte(body: bytes, at: int) -> tuple[int, int]:
    if not at < len(body):
        raise BadPagesError("a page's header is not whole")
    return body[at], at + 1


def _varint(body: bytes, at: int) -> tuple[int, int]:
    found = 0
    for shift in range(0, 70, 7):
        byte, at = _byte(body, at)
        found |= (byte & 127) << shift
        if byte < 128:
            return found, at
    raise BadPagesError("a number in a page's header is none")


def _integer(body: bytes, at: int) -> tuple[int, int]:
    found, at = _varint(body, at)
    return (found >> 1) ^ -(found & 1), at
