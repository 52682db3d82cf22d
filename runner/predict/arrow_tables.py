"""Read and write tables: Arrow streams and Parquet, if pyarrow is installed."""

from __future__ import annotations

import functools
import importlib
import io
from collections.abc import Sequence
from typing import Any

from runner.predict.media_types import MediaType
from runner.predict.problem_error import ProblemError


def rows_of_table(body: bytes, media: MediaType, max_rows: int) -> list[dict[str, Any]]:
    """Read a table row by row.

    Args:
        body: An Arrow stream or a Parquet file.
        media: Which of them.
        max_rows: Rows that it may have.

    Raises:
        ProblemError: 400, it cannot be read; 413, it has more rows; 415, pyarrow is absent.
    """
    arrow = _pyarrow("pyarrow")
    try:
        if media is MediaType.ARROW:
            return _rows_of_stream(arrow.ipc.open_stream(body), max_rows)
        file = _pyarrow("pyarrow.parquet").ParquetFile(io.BytesIO(body))
        if file.metadata.num_rows > max_rows:
            raise too_many_rows(max_rows)
        found: list[dict[str, Any]] = file.read().to_pylist()
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise ProblemError(400, f"the body is no {media}: {error!s:.200}") from None
    return found


def _rows_of_stream(reader: Any, max_rows: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for batch in reader:
        if len(rows) + batch.num_rows > max_rows:
            raise too_many_rows(max_rows)
        rows += batch.to_pylist()
    return rows


def arrow_stream_of(answers: Sequence[Any]) -> bytes:
    """Write answers as an Arrow stream: their fields as columns, else one column ``answer``."""
    arrow = _pyarrow("pyarrow")
    rows = [each if isinstance(each, dict) else {"answer": each} for each in answers]
    table = arrow.Table.from_pylist(rows)
    sink = io.BytesIO()
    with arrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def too_many_rows(max_rows: int) -> ProblemError:
    """Make the problem of too many rows."""
    return ProblemError(413, f"there are more than {max_rows} rows; send them in parts")


@functools.cache
def _pyarrow(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ProblemError(
            415, "Arrow and Parquet need pyarrow: pip install 'notebook-runner[arrow]'"
        ) from None
