"""Read and write tables: Arrow streams and Parquet, if pyarrow is installed.

The rules of this file:

1. A table is weighed before it is decoded: its rows, its values, and its bytes when decompressed.
   What is decoded has at most as many bytes as a body may have.
2. Its columns are looked at before any of them is read.
3. No value is read before pyarrow has validated its batch fully: offsets that lead out of a buffer
   end the process, or show what else is in its memory.
4. Only types are read that cannot refer to the same bytes again and again.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from runner.predict import arrow_messages, parquet_pages
from runner.predict.media_types import MediaType
from runner.predict.problem_error import ProblemError
from runner.predict.row_calls import too_many_rows

_MOST_COLUMNS = 10_000
_MOST_IN_FOOTER = 200_000  # entries of a list in a Parquet file's metadata
_DEEPEST = 8
_ROWS_AT_ONCE = 256
_BATCHES = 16  # in which the largest table is decoded at least
_SIMPLE = (
    *("boolean", "integer", "floating", "decimal", "temporal", "null"),
    *("string", "large_string", "binary", "large_binary", "fixed_size_binary"),
)
_OF_BYTES = ("string", "large_string", "binary", "large_binary")
_BITS = {"BOOLEAN": 1, "INT32": 32, "INT64": 64, "INT96": 96, "FLOAT": 32, "DOUBLE": 64}

CheckColumns = Callable[[Sequence[str]], None]
"""Refuses a table by the names of its columns."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableBound:
    """Bound a table.

    Attributes:
        rows: Of it.
        values: In all of its cells; those of a list count each.
        size: Bytes when decoded.
    """

    rows: int
    values: int
    size: int

    def check(self, rows: int, values: int, size: int) -> None:
        """Refuse what is too much.

        Raises:
            ProblemError: 413.
        """
        if rows > self.rows:
            raise too_many_rows(self.rows)
        if values > self.values:
            raise ProblemError(413, f"the table has more than {self.values} values")
        if size > self.size:
            raise ProblemError(413, f"the table is larger than {self.size} bytes when decoded")


def rows_of_table(
    body: bytes, media: MediaType, bound: TableBound, check_columns: CheckColumns
) -> Iterator[dict[str, Any]]:
    """Read a table row by row.

    Args:
        body: An Arrow stream or a Parquet file.
        media: Which of them.
        bound: What it may have.
        check_columns: Refuses unknown columns.

    Raises:
        ProblemError: 400, it cannot be read; 413, it is too large; 415, pyarrow is absent; 422, it
            has a column that is not read.
    """
    arrow = _pyarrow("pyarrow")
    batches_of = _batches_of_stream if media is MediaType.ARROW else _batches_of_file
    try:
        yield from _rows(batches_of(body, bound, check_columns), bound)
    except (arrow.ArrowException, OSError, ValueError, OverflowError, LookupError) as error:
        raise ProblemError(400, f"the body is no {media}: {error!s:.200}") from None
    finally:
        arrow.default_memory_pool().release_unused()


def _batches_of_stream(
    body: bytes, bound: TableBound, check_columns: CheckColumns
) -> Iterator[Any]:
    ipc = _pyarrow("pyarrow").ipc
    buffer = _pyarrow("pyarrow").py_buffer(body)
    rows, size = arrow_messages.weigh(iter(ipc.MessageReader.open_stream(buffer)))
    bound.check(rows, rows, size)
    reader = ipc.open_stream(buffer)
    _check_schema(reader.schema, check_columns)
    yield from reader


def _batches_of_file(body: bytes, bound: TableBound, check_columns: CheckColumns) -> Iterator[Any]:
    parquet_pages.check_footer(body)
    file = _pyarrow("pyarrow.parquet").ParquetFile(
        io.BytesIO(body), thrift_container_size_limit=_MOST_IN_FOOTER
    )
    bound.check(file.metadata.num_rows, file.metadata.num_rows, 0)
    _check_schema(file.schema_arrow, check_columns)
    if not file.metadata.num_rows:
        return
    largest = _check_pages(body, file, bound)
    rows_at_once = min(_ROWS_AT_ONCE, max(1, bound.size // _BATCHES // max(1, largest)))
    yield from file.iter_batches(batch_size=rows_at_once, use_threads=False)


def _check_pages(body: bytes, file: Any, bound: TableBound) -> int:
    """Weigh all columns; give the bytes of the largest value that there can be in a row."""
    values = size = decoded = largest = 0
    columns = [file.schema.column(number) for number in range(file.metadata.num_columns)]
    for group in parquet_pages.weigh(body, len(columns)):
        in_group = 0
        for column, pages in zip(columns, group, strict=True):
            values, size = values + pages.values, size + pages.size
            if column.physical_type != "BYTE_ARRAY":
                bits = _BITS.get(column.physical_type, 8 * column.length)
                decoded += pages.values * bits // 8
            elif column.max_repetition_level:  # a row may have them all
                decoded += pages.values * pages.size
            else:
                in_group += pages.size
            bound.check(0, values, max(size, decoded))
        largest = max(largest, in_group)
    return largest


def _rows(batches: Iterable[Any], bound: TableBound) -> Iterator[dict[str, Any]]:
    rows = values = size = 0
    for batch in batches:
        batch.validate(full=True)
        rows += batch.num_rows
        bound.check(rows, values, size)
        for column in batch.columns:
            counted = _count(column)
            values, size = values + counted[0], size + counted[1]
            bound.check(rows, values, size)
        for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
            yield from batch.slice(start, _ROWS_AT_ONCE).to_pylist()


def _count(column: Any) -> tuple[int, int]:
    """Count a valid column's values, and its bytes when nothing is shared any more."""
    types, kind = _pyarrow("pyarrow").types, column.type
    if types.is_dictionary(kind):
        return len(column), column.nbytes + _size_of_words(column)
    if types.is_struct(kind):
        counted = [_count(each) for each in column.flatten()]
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        counted = [_count(column.flatten())]
    else:
        return len(column), column.nbytes
    return len(column) + sum(each for each, _ in counted), sum(each for _, each in counted)


def _size_of_words(column: Any) -> int:
    """Give the bytes of a dictionary's words, each as often as it is referred to."""
    words = column.dictionary
    if not _is_one_of(words.type, _OF_BYTES):
        return len(column) * int(words.type.bit_width) // 8
    compute = _pyarrow("pyarrow.compute")
    lengths = compute.binary_length(words).cast("int64")
    return int(compute.sum(lengths.take(column.indices)).as_py() or 0)


def _check_schema(schema: Any, check_columns: CheckColumns) -> None:
    if len(schema.names) > _MOST_COLUMNS:
        raise ProblemError(413, f"the table has more than {_MOST_COLUMNS} columns")
    check_columns(schema.names)
    types = _pyarrow("pyarrow").types
    for field in schema:
        is_dictionary = types.is_dictionary(field.type)
        inner = field.type.value_type if is_dictionary else field.type
        if not _is_readable(inner, 0 if not is_dictionary else _DEEPEST):
            raise ProblemError(
                422,
                f"the column {field.name!r:.80} is of a type that is not read: {field.type!s:.80}",
            )


def _is_readable(kind: Any, depth: int) -> bool:
    types = _pyarrow("pyarrow").types
    if _is_one_of(kind, _SIMPLE):
        return True
    if depth >= _DEEPEST:
        return False
    if types.is_struct(kind):
        return all(_is_readable(each.type, depth + 1) for each in kind)
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return is_list and _is_readable(kind.value_type, depth + 1)


def _is_one_of(kind: Any, names: Sequence[str]) -> bool:
    types = _pyarrow("pyarrow").types
    return any(getattr(types, f"is_{name}")(kind) for name in names)


def arrow_stream_of(answers: Sequence[Any]) -> bytes:
    """Write answers as an Arrow stream: their fields as columns, else one column ``answer``."""
    arrow = _pyarrow("pyarrow")
    rows = [each if isinstance(each, dict) else {"answer": each} for each in answers]
    table = arrow.Table.from_pylist(rows)
    sink = io.BytesIO()
    with arrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


@functools.cache
def _pyarrow(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ProblemError(
            415, "Arrow and Parquet need pyarrow: pip install 'notebook-runner[arrow]'"
        ) from None
