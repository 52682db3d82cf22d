"""Hand recorded requests to whoever computes drift: one flat row each, as JSON lines or Parquet.

The rules of this file:

1. A row has what the log has of a request, and besides one column for each scalar of its body and
   its answer, if these are JSON objects of scalars: ``body.petal_length``, ``answer.val``.
2. A column of Parquet has one type: booleans, whole numbers, numbers, or else texts. So the
   requests are read twice, and never all are in memory.
3. pyarrow is imported here alone, and only for Parquet.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from runner.errors import ConfigurationError
from runner.record.requests import RecordedRequest

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("parquet", "jsonl")

COLUMNS = {
    "id": "of the record",
    "time": "when it was answered, in UTC",
    "run": "which run has answered",
    "model": "the model's hash",
    "key": "the name of the key by which it was asked",
    "trace_id": "of its trace",
    "method": "of the request",
    "path": "of the request, decoded",
    "query": "of the request",
    "status": "of the answer",
    "ms": "milliseconds that it took",
    "is_cut": "of the body or the answer not all is here",
    "is_masked": "something is masked",
    "body": "the request's body as a text; null if it is left out, or no text",
    "answer": "the answer's, likewise",
    "failure.id": "by which the log has it",
    "failure.error": "the name of what was raised; null if nothing was",
    "failure.message": "what it says",
    "failure.cell": "the cell that it came from, as a reader counts",
    "failure.line": "in that cell",
    "failure.text": "of that line",
    "failure.traceback": "how it came",
}
"""What each row has, and what it means."""

_MOST_COLUMNS = 1_000  # of bodies and answers; what is beyond is in `body` and `answer` only
_ROWS_AT_ONCE = 5_000
_SCALARS = (str, int, float, bool, type(None))

Read = Callable[[], Iterable[RecordedRequest]]


def row_of(request: RecordedRequest) -> dict[str, Any]:
    """Give a request as a flat row."""
    row = {name: _value(request, name) for name in COLUMNS}
    for side in ("body", "answer"):
        row[side] = text = _text(row[side])
        row |= {f"{side}.{name}": value for name, value in _scalars(text).items()}
    return row


def _value(request: RecordedRequest, column: str) -> Any:
    """Give a value by its path; what is empty or 0 of a failure is not known."""
    name, _, inner = column.partition(".")
    value = getattr(request, name)
    return (value and getattr(value, inner)) or None if inner else value


def write_jsonl(read: Read, out: IO[bytes]) -> int:
    """Write each row as a line of JSON.

    Returns:
        How many.
    """
    count = 0
    for count, request in enumerate(read(), start=1):  # noqa: B007 - how many there were
        row = {name: _finite(value) for name, value in row_of(request).items()}
        out.write(json.dumps(row, default=str).encode() + b"\n")
    return count


def write_parquet(read: Read, out: IO[bytes]) -> int:
    """Write all rows as a Parquet file.

    Args:
        read: Gives the requests; called twice.
        out: Need not be a file that can be sought in.

    Returns:
        How many.

    Raises:
        ConfigurationError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ConfigurationError(
            "Parquet is written by pyarrow, which is not installed here",
            hint="pip install 'notebook-runner[arrow]', or --export jsonl",
        ) from error
    kinds = _kinds(map(row_of, read()))
    schema = pa.schema([(name, _arrow_type(pa, kind)) for name, kind in kinds.items()])
    count = 0
    with tempfile.TemporaryFile() as file:
        with pq.ParquetWriter(file, schema) as writer:
            for rows in _parts(map(row_of, read())):
                count += len(rows)
                table = pa.Table.from_pylist([_fitted(row, kinds) for row in rows], schema)
                writer.write_table(table)
        file.seek(0)
        shutil.copyfileobj(file, out)
    return count


def export(read: Read, form: str, out: IO[bytes]) -> int:
    """Write the requests in one of ``FORMATS``.

    Returns:
        How many.
    """
    return (write_parquet if form == "parquet" else write_jsonl)(read, out)


def _finite(value: Any) -> Any:
    """Give null for a number that JSON does not have, though Python writes it."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(body: bytes | None) -> str | None:
    if body is None:
        return None
    with contextlib.suppress(UnicodeDecodeError):
        return body.decode()
    return None


def _scalars(text: str | None) -> dict[str, Any]:
    """Read a JSON object of scalars; none if it is anything else."""
    if not text or not text.lstrip().startswith("{"):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    is_flat = isinstance(value, dict) and all(isinstance(each, _SCALARS) for each in value.values())
    return {_storable(name): each for name, each in value.items()} if is_flat else {}


def _storable(text: str) -> str:
    """Give a text without halves of letters, which JSON may have and nothing else takes."""
    return text.encode(errors="replace").decode()


def _kinds(rows: Iterable[dict[str, Any]]) -> dict[str, type]:
    """Give each column the narrowest type that takes all of its values."""
    kinds: dict[str, type] = dict.fromkeys(COLUMNS, str)
    kinds |= {"time": dt.datetime, "status": int, "ms": float, "is_cut": bool, "is_masked": bool}
    kinds |= {"failure.cell": int, "failure.line": int}
    found: dict[str, type] = {}
    for row in rows:
        for name, value in row.items():
            if name in kinds or (name not in found and len(found) >= _MOST_COLUMNS):
                continue
            found[name] = _wider(found.get(name, type(None)), value)
    return kinds | {name: str if kind is type(None) else kind for name, kind in found.items()}


def _wider(kind: type, value: Any) -> type:
    own = type(value)
    if own is int and not -(2**63) <= value < 2**63:
        own = float if abs(value) < 1e300 else str
    if own is type(None) or own is kind:
        return kind
    if kind is type(None):
        return own
    return float if {own, kind} == {int, float} else str


def _fitted(row: dict[str, Any], kinds: dict[str, type]) -> dict[str, Any]:
    """Give a row the columns and types that were found; what came since has to fit."""
    return {name: _as(kind, row.get(name)) for name, kind in kinds.items()}


def _as(kind: type, value: Any) -> Any:
    if kind is str and value is not None:
        return _storable(value) if isinstance(value, str) else json.dumps(value)
    if value is None or type(value) is kind:
        return value
    if kind is float and isinstance(value, int) and abs(value) < 1e300:
        return float(value)
    return None


def _arrow_type(pa: Any, kind: type) -> pa.DataType:
    types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    return types.get(kind, pa.timestamp("us", tz="UTC"))


def _parts(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == _ROWS_AT_ONCE:
            yield part
            part = []
    yield part


def write_to(path: Path, read: Read, form: str) -> int:
    """Write them to a file that only its owner may read.

    Returns:
        How many.
    """
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name[:100]}.", delete=False
    ) as file:
        partial = Path(file.name)
        try:
            count = export(read, form, file)
            file.flush()
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return count
