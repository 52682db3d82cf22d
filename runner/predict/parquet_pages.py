"""Weigh the columns of a Parquet file by their pages, before one of them is decompressed.

The file's own metadata may say anything; what is allocated is what the header of each page says.
Where the columns are is read here, too: pyarrow ends the process when it is asked for a column
whose metadata contradict each other. Source: parquet.thrift of parquet-format.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from runner.predict.thrift_structs import INT32, INT64, LIST, STRUCT, Struct, StructReader

_LONGEST_FOOTER = 1_048_576
_MOST_PAGES = 20_000
_MOST_FIELDS = 1_000_000  # of all structs of a file

# Numbers and types of fields. FileMetaData, RowGroup and ColumnChunk:
_GROUPS, _COLUMNS, _COLUMN = (4, LIST), (1, LIST), (3, STRUCT)
# ColumnMetaData:
_SIZE, _DATA_PAGE, _DICTIONARY_PAGE = (7, INT64), (9, INT64), (11, INT64)
# PageHeader, DataPageHeader and DataPageHeaderV2:
_UNPACKED, _PACKED, _HEADERS, _VALUES = (
    (2, INT32),
    (3, INT32),
    ((5, STRUCT), (8, STRUCT)),
    (1, INT32),
)


class BadPagesError(ValueError):
    """Report a file whose pages are not what the format says."""


@dataclasses.dataclass(kw_only=True)
class Weight:
    """Sum up the pages of a column in one group of rows.

    Attributes:
        values: How many they hold.
        size: Bytes when decompressed, as they are encoded.
        pages: How many there are.
    """

    values: int = 0
    size: int = 0
    pages: int = 0


def weigh(body: bytes, columns: int) -> Iterator[list[Weight]]:
    """Sum up the pages of each column, one group of rows after the other.

    Args:
        body: The file.
        columns: How many each group has to have.

    Raises:
        ValueError: The metadata are absurdly large, or not what the format says; or the pages do
            not fill their column, or are too many.
    """
    reader = StructReader(body, _MOST_FIELDS)
    file, _ = reader.struct(_footer(body))
    for group in file.get(_GROUPS, ()):
        chunks = group.get(_COLUMNS, ()) if isinstance(group, dict) else ()
        if len(chunks) != columns:
            raise BadPagesError("a group of rows has not the file's columns")
        yield [_weight(body, reader, _column_of(each)) for each in chunks]


def check_footer(body: bytes) -> None:
    """Refuse a file whose metadata are absurdly large.

    Raises:
        BadPagesError: They are, or the file does not end with them.
    """
    _footer(body)


def _footer(body: bytes) -> int:
    """Say where the metadata begin."""
    length = int.from_bytes(body[-8:-4], "little")
    if body[-4:] != b"PAR1" or length > min(len(body) - 8, _LONGEST_FOOTER):
        raise BadPagesError("its metadata are missing, or larger than a megabyte")
    return len(body) - 8 - length


def _column_of(chunk: object) -> Struct:
    column = chunk.get(_COLUMN) if isinstance(chunk, dict) else None
    if not (isinstance(column, dict) and _SIZE in column and _DATA_PAGE in column):
        raise BadPagesError("a column has no metadata")
    return column


def _weight(body: bytes, reader: StructReader, column: Struct) -> Weight:
    found = Weight()
    at, dictionary = column[_DATA_PAGE], column.get(_DICTIONARY_PAGE, 0)
    if 0 < dictionary < at:
        at = dictionary
    end = at + column[_SIZE]
    if not 0 < at <= end <= len(body):
        raise BadPagesError("a column lies outside of the file")
    while at < end:
        header, at = reader.struct(at)
        size, packed = header.get(_UNPACKED, -1), header.get(_PACKED, -1)
        if min(size, packed) < 0:
            raise BadPagesError("a page has no size")
        found.values += sum(max(0, header.get(each, {}).get(_VALUES, 0)) for each in _HEADERS)
        found.size += size
        found.pages += 1
        at += packed
        if found.pages > _MOST_PAGES:
            raise BadPagesError(f"a column has more than {_MOST_PAGES} pages")
    return found
