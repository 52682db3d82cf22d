"""Seeds of Arrow, Parquet and CSV, made by pyarrow."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from wire_seeds import ANY_REFUSAL, ARROW_TYPE, PARQUET_TYPE, Seed, echo, post


def _arrow(table: Any, batch: int = 100_000, **options: Any) -> bytes:
    sink = io.BytesIO()
    settings = pa.ipc.IpcWriteOptions(**options)
    with pa.ipc.new_stream(sink, table.schema, options=settings) as writer:
        writer.write_table(table, max_chunksize=batch)
    return echo(sink.getvalue(), ARROW_TYPE)


def _parquet(table: Any, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return echo(sink.getvalue(), PARQUET_TYPE)


def _texts(count: int, size: int = 5) -> Any:
    return pa.table({"a": ["x" * size] * count})


def _words(count: int, size: int) -> Any:
    indices = pa.array([0] * count, pa.int32())
    return pa.table({"a": pa.DictionaryArray.from_arrays(indices, pa.array(["x" * size]))})


def _wide(count: int) -> Any:
    return pa.table({f"c{number}": [1] for number in range(count)})


def _typed(values: list[Any], kind: Any) -> Any:
    return pa.table({"a": pa.array(values, kind)})


def _nested(depth: int) -> Any:
    kind = pa.int8()
    for _ in range(depth):
        kind = pa.list_(kind)
    return pa.table({"a": pa.nulls(3, kind)})


def _ends(count: int) -> Any:
    ends = pa.array([count], pa.int32())
    return pa.table({"a": pa.RunEndEncodedArray.from_arrays(ends, pa.array(["x" * 9_000]))})


def _sparse_lists(count: int) -> Any:
    """Give lists that all refer to the same values again and again."""
    offsets = pa.array([0, 1_000] * (count // 2) + [0], pa.int32())
    views = pa.ListViewArray.from_arrays(
        offsets, pa.array([1_000] * len(offsets), pa.int32()), pa.array(["x"] * 2_000)
    )
    return pa.table({"a": views})


def _csv(text: bytes, path: str = "/flower/invocations") -> bytes:
    return post(path, text, "text/csv")


def _both(
    name: str, make: Callable[[], Any], *statuses: int, small: Callable[[], Any] | None = None
) -> list[Seed]:
    return [
        Seed(
            name=f"{kind}: {name}",
            make=partial(_framed, frame, make),
            small=small and partial(_framed, frame, small),
            statuses=statuses,
        )
        for kind, frame in (("arrow", _arrow), ("parquet", _parquet))
    ]


def _framed(frame: Callable[[Any], bytes], make: Callable[[], Any]) -> bytes:
    return frame(make())


_ROWS = b"length,width\n" + b"1.5,2\n" * 3

TABLES = [
    *_both("right", lambda: _texts(9), 200),
    *_both("10,000 rows", lambda: _texts(10_000), 200, small=lambda: _texts(50)),
    *_both("too many rows", lambda: _texts(500_000), 413, small=lambda: _texts(10_500)),
    *_both(
        "words of a dictionary", lambda: _words(10_000, 40_000), 413, small=lambda: _words(500, 400)
    ),
    *_both("9,000 columns", lambda: _wide(9_000), 400, 413, 422, small=lambda: _wide(50)),
    *_both("nulls", lambda: _typed([None] * 9_000, pa.null()), *ANY_REFUSAL, 200),
    *_both("nested lists", lambda: _nested(20), *ANY_REFUSAL),
    *_both("a struct", lambda: pa.table({"a": [{"b": 1, "c": [1, 2]}] * 9}), *ANY_REFUSAL),
    *_both("times", lambda: _typed([2**62] * 9, pa.timestamp("ns", "Asia/Tokyo")), *ANY_REFUSAL),
    *_both("times beyond years", lambda: _typed([2**50] * 9, pa.timestamp("s")), *ANY_REFUSAL),
    *_both("decimals", lambda: _typed([Decimal("1" * 70)] * 9, pa.decimal256(76, 2)), *ANY_REFUSAL),
    *_both("bytes", lambda: _typed([b"\xff" * 9] * 9, pa.binary()), *ANY_REFUSAL, 200),
    *_both("no columns", lambda: pa.table({}), *ANY_REFUSAL, 200),
    *_both("no rows", lambda: _texts(0), *ANY_REFUSAL, 200),
    Seed(
        name="arrow: packed zeros",
        make=lambda: _arrow(_texts(900, 90_000), compression="zstd"),
        statuses=(413,),
        small=lambda: _arrow(_texts(9, 900), compression="zstd"),
    ),
    Seed(
        name="arrow: 5,000 batches",
        make=lambda: _arrow(_texts(5_000), batch=1),
        statuses=(200,),
        small=lambda: _arrow(_texts(50), batch=1),
    ),
    Seed(name="arrow: run ends", make=lambda: _arrow(_ends(10_000)), statuses=ANY_REFUSAL),
    Seed(
        name="arrow: views of lists",
        make=lambda: _arrow(_sparse_lists(10_000)),
        statuses=ANY_REFUSAL,
        small=lambda: _arrow(_sparse_lists(50)),
    ),
    Seed(
        name="arrow: views of texts",
        make=lambda: _arrow(_typed(["x" * 99] * 9, pa.string_view())),
        statuses=ANY_REFUSAL,
    ),
    Seed(
        name="arrow: much metadata",
        make=lambda: _arrow(
            _texts(3).replace_schema_metadata({f"k{number}": "v" * 900 for number in range(900)})
        ),
        statuses=(200, *ANY_REFUSAL),
    ),
    Seed(
        name="arrow: a file, no stream",
        make=lambda: echo(b"ARROW1\0\0" + bytes(900), ARROW_TYPE),
        statuses=(400,),
    ),
    Seed(
        name="parquet: gzip",
        make=lambda: _parquet(_texts(9_000, 90), compression="gzip"),
        statuses=(200,),
        small=lambda: _parquet(_texts(90, 90), compression="gzip"),
    ),
    Seed(
        name="parquet: 900 groups of rows",
        make=lambda: _parquet(_texts(900), row_group_size=1),
        statuses=(200,),
        small=lambda: _parquet(_texts(9), row_group_size=1),
    ),
    Seed(
        name="parquet: brotli",
        make=lambda: _parquet(_texts(900, 9_000), compression="brotli"),
        statuses=(200, *ANY_REFUSAL),
    ),
    Seed(
        name="parquet: pages of 2.0",
        make=lambda: _parquet(
            _texts(900),
            data_page_version="2.0",
            use_dictionary=False,
            column_encoding="DELTA_BYTE_ARRAY",
        ),
        statuses=(200,),
    ),
    Seed(
        name="parquet: 200 unknown columns",
        make=lambda: _parquet(_wide(200)).replace(b"POST /echo", b"POST /flower"),
        statuses=(422,),
    ),
    Seed(
        name="parquet: noise",
        make=lambda: echo(b"PAR1" + bytes(900) + b"PAR1", PARQUET_TYPE),
        statuses=(400,),
    ),
    Seed(name="csv: right", make=lambda: _csv(_ROWS), statuses=(200,)),
    Seed(
        name="csv: 10,000 rows",
        make=lambda: _csv(b"length,width\n" + b"1.5,2\n" * 10_000),
        statuses=(200,),
        small=lambda: _csv(b"length,width\n" + b"1.5,2\n" * 100),
    ),
    Seed(
        name="csv: too many rows",
        make=lambda: _csv(b"length,width\n" + b"1,2\n" * 4_000_000),
        statuses=(413,),
        small=lambda: _csv(b"length,width\n" + b"1,2\n" * 10_500),
    ),
    Seed(
        name="csv: a quote left open",
        make=lambda: _csv(b'length,width\n"' + b"1,2\n" * 3_000_000),
        statuses=ANY_REFUSAL,
        small=lambda: _csv(b'length,width\n"' + b"1,2\n" * 3_000),
    ),
    Seed(
        name="csv: one line of 15 MB",
        make=lambda: _csv(b"a" * 15_000_000),
        statuses=ANY_REFUSAL,
        small=lambda: _csv(b"a" * 15_000),
    ),
    Seed(
        name="csv: commas",
        make=lambda: _csv(b"," * 15_000_000),
        statuses=ANY_REFUSAL,
        small=lambda: _csv(b"," * 9_000),
    ),
    Seed(
        name="csv: quotes",
        make=lambda: _csv(b'length,width\n"' + b'""' * 7_000_000 + b'",1\n'),
        statuses=ANY_REFUSAL,
        small=lambda: _csv(b'length,width\n"' + b'""' * 7_000 + b'",1\n'),
    ),
    Seed(
        name="csv: lines that end as on a Mac",
        make=lambda: _csv(_ROWS.replace(b"\n", b"\r")),
        statuses=(200, *ANY_REFUSAL),
    ),
    Seed(name="csv: null bytes", make=lambda: _csv(b"length,width\n\0,\0\n"), statuses=ANY_REFUSAL),
    Seed(
        name="csv: digits",
        make=lambda: _csv(b"length,width\n" + b"9" * 1_000_000 + b",1e999\n"),
        statuses=ANY_REFUSAL,
        small=lambda: _csv(b"length,width\n" + b"9" * 5_000 + b",1e999\n"),
    ),
]
