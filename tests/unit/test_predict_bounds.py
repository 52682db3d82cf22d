"""Bodies that would cost far more than their bytes are refused before they are made anything of.

Each is an input that once took minutes, gigabytes or the process.
"""

from __future__ import annotations

import functools
import gzip
import io
import itertools
import json
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.arrow import ARROW, stream
from support.prediction_apps import NDJSON, app_of, send

from runner.config import Limits
from runner.predict.app import PredictApp

PARQUET = "application/vnd.apache.parquet"
CSV = {"content-type": "text/csv"}
JSON = {"content-type": "application/json"}
NAMES = ("length", "width")
MOST_MEMORY = 50_000_000

# Made by the test that sends it: all of them together are a gigabyte.
Body = Callable[[], bytes]


class Flower:
    """Compare two features."""

    def predict(self, rows: Any) -> Any:
        """Tell which is the larger."""
        return np.asarray(rows).argmax(axis=1)


def flower() -> PredictApp:
    return app_of(Flower(), example=dict.fromkeys(NAMES, 1.0))


def echo(a: str) -> str:
    return a


def refusal(app: PredictApp, body: bytes, *, path: str = "/", **headers: str) -> tuple[int, str]:
    """Status and text of an answer that is small, and that took little memory."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    tracemalloc.start()
    try:
        answer = send(app, body, path=path, headers=given or JSON)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY, f"{peak:,} bytes"
    assert len(answer.content) < 10_000
    return answer.status_code, answer.text


def tensor(shape: list[int]) -> bytes:
    inputs = [{"name": "x", "shape": shape, "datatype": "FP64", "data": []}]
    return json.dumps({"inputs": inputs}).encode()


@pytest.mark.parametrize(
    ("shape", "status"),
    [
        ([1_000_000_000, 0], 400),
        ([1_000_000_000, 1], 413),
        ([1] * 200_000, 400),
        ([2**63 - 1] * 1_000, 400),
        ([1, 10**400], 400),
        ([2**62] * 8, 413),
        ([1, *[2**62] * 7], 422),
    ],
    ids=itertools.count(),
)
def test_the_shape_of_a_tensor_is_bounded(shape: list[int], status: int) -> None:
    """Its rank, its sizes, its rows, and their product."""
    found, text = refusal(flower(), tensor(shape), path="/v2/models/predict/infer")
    assert found == status, text
    assert len(text) < 500


@pytest.mark.parametrize("path", ["/v1/models/predict:predict", "/invocations"])
@pytest.mark.parametrize("app", [flower(), app_of(echo)], ids=["model", "function"])
def test_rows_of_json_are_counted_before_they_are_parsed(app: PredictApp, path: str) -> None:
    """Fifteen megabytes of rows, to a model and to a function."""
    body = b'{"instances": [' + b"[1,2]," * 1_500_000 + b"[1,2]]}"
    status, text = refusal(app, body, path=path)
    assert status == 413, text


@pytest.mark.parametrize(
    "made",
    [
        lambda: b"[" + b"[]," * 3_000_000 + b"[]]",
        lambda: b"[" + b"1," * 3_000_000 + b"1]",
        lambda: b"{" + b",".join(b'"%d":1' % n for n in range(500_000)) + b"}",
    ],
    ids=itertools.count(),
)
def test_an_item_has_no_more_values_than_it_can(made: Body) -> None:
    """A model's row has as many as it has features."""
    assert refusal(flower(), made())[0] == 413


def test_text_is_not_counted_as_values() -> None:
    """A long text is one, whatever stands in it."""
    text = "[a, b], " * 500_000
    assert send(app_of(echo), json.dumps({"a": text}).encode(), headers=JSON).json() == text


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (lambda: b"length,width\n" + b"\n" * 8_000_000, 413),
        (lambda: b"length,width\n" + b"1,2\n" * 2_000_000, 413),
        (lambda: b"length,width\n" + b"1," * 4_000_000, 413),
        (lambda: b"," * 8_000_000, 413),
        (lambda: b"length,width,other\n" + b"1,2,3\n" * 10, 422),
        (lambda: b"length,length\n1,2\n", 422),
        (lambda: b",".join(b"c%d" % n for n in range(9_000)), 422),
    ],
    ids=itertools.count(),
)
def test_lines_of_csv_are_counted_as_they_are_read(made: Body, status: int) -> None:
    """And its columns before."""
    found, text = refusal(flower(), made(), path="/invocations", content_type="text/csv")
    assert found == status, text


def test_csv_may_begin_with_a_mark_and_write_integers_as_it_likes() -> None:
    """As spreadsheets do; the charset is the header's."""

    def count(n: int) -> int:
        return n

    app = app_of(count)
    body = "\ufeffn\n1.0\n1e2\n3\n"
    for headers, charset in (
        (CSV, "utf-8"),
        ({"content-type": "text/csv; charset=utf-16"}, "utf-16"),
    ):
        answer = send(app, body.encode(charset), path="/invocations", headers=headers)
        assert answer.json() == {"predictions": [1, 100, 3]}


def test_lines_of_json_are_counted_before_they_are_split() -> None:
    """Empty ones, too."""
    for body in (b"1\n" * 3_000_000, b"1" + b"\n" * 8_000_000 + b"1"):
        assert refusal(flower(), body, content_type=NDJSON)[0] == 413


def test_faults_of_lines_are_told_up_to_a_number() -> None:
    """After them each line tells the first of its own: the answer stays small."""
    wrong = b'{"a": 1, ' + b",".join(b'"x%d": 1' % n for n in range(100)) + b"}\n"
    answer = send(app_of(echo), wrong * 5_000, headers={"content-type": NDJSON})
    assert answer.status_code == 200
    assert len(answer.content) < 5_000 * 400
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert len(lines) == 5_000
    assert {line["status"] for line in lines} == {422}
    assert sum(len(line["errors"]) for line in lines) < 5_300


def test_faults_beyond_the_listed_are_counted() -> None:
    """So that who mends them knows how many are left."""
    table = stream(pa.table({"length": ["a"] * 4_000, "width": ["b"] * 4_000}))
    problem = send(flower(), table, headers={"content-type": ARROW}).json()
    assert len(problem["errors"]) == 100
    assert "(and 7,999 more, errors has the first 100)" in problem["detail"]

    def total(xs: list[int]) -> int:
        return sum(xs)

    problem = send(app_of(total), json.dumps({"xs": ["a"] * 300}).encode(), headers=JSON).json()
    assert len(problem["errors"]) == 100
    assert "(and 299 more, errors has the first 100)" in problem["detail"]


def test_a_fault_does_not_repeat_a_long_name() -> None:
    """A name of the client's may be as long as the body."""
    long = "x" * 30_000
    status, text = refusal(app_of(echo), json.dumps({"a": "b", long: 1}).encode())
    assert status == 422
    assert len(text) < 2_000


def with_offsets(first: int, last: int) -> bytes:
    """A stream of one text, whose offsets say that it is elsewhere."""
    body = stream(pa.table({"a": pa.array(["abcdefghijklm"])}))
    before, _, after = body.rpartition(struct.pack("<ii", 0, 13))
    return before + struct.pack("<ii", first, last) + after


@pytest.mark.parametrize("offsets", [(0, 2**31 - 1), (0, 64), (-64, 13), (13, 0), (0, 2**20)])
def test_no_value_of_a_table_is_read_before_it_is_validated(offsets: tuple[int, int]) -> None:
    """Else it is the memory of the process, or the end of it."""
    status, text = refusal(app_of(echo), with_offsets(*offsets), content_type=ARROW)
    assert status == 400, text


def parquet(table: Any, compression: str = "zstd", **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression=compression, **options)
    return sink.getvalue()


@functools.cache
def long_table() -> Any:
    """A hundred megabytes of one text, which are few once they are compressed."""
    return pa.table({"a": pa.DictionaryArray.from_arrays([0] * 10_000, ["x" * 10_000])}).cast(
        pa.schema({"a": pa.string()})
    )


def long_items(items: Any) -> Any:
    """A table of one row, which is a list."""
    return pa.table({"a": pa.ListArray.from_arrays([0, len(items)], items)})


@pytest.mark.parametrize(
    ("made", "media"),
    [
        (lambda: parquet(long_table()), PARQUET),
        (lambda: parquet(long_table(), use_dictionary=False), PARQUET),
        (
            lambda: parquet(
                long_table(), use_dictionary=False, column_encoding={"a": "DELTA_BYTE_ARRAY"}
            ),
            PARQUET,
        ),
        (lambda: parquet(long_items(long_table()["a"].combine_chunks())), PARQUET),
        (lambda: parquet(long_items(pa.array(np.ones(12_500_000, dtype="int64")))), PARQUET),
        (lambda: stream(pa.table({"a": long_table()["a"].dictionary_encode()})), ARROW),
    ],
    ids=itertools.count(),
)
def test_a_table_is_not_larger_than_a_body_when_decoded(made: Body, media: str) -> None:
    """However small it is: by dictionary, by compression, by prefixes, by lists."""
    body = made()
    assert len(body) < Limits().max_body
    status, text = refusal(app_of(echo), body, content_type=media)
    assert status == 413, text


def test_an_arrow_stream_is_weighed_before_it_is_decompressed() -> None:
    """Each buffer says how large it will be; small ones are read."""
    options = pa.ipc.IpcWriteOptions(compression="zstd")

    def packed(table: Any) -> bytes:
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
            writer.write_table(table)
        return sink.getvalue()

    status, text = refusal(app_of(echo), packed(long_table()), content_type=ARROW)
    assert (status, "larger than" in text) == (413, True)
    few = send(app_of(echo), packed(long_table().slice(0, 3)), headers={"content-type": ARROW})
    assert few.json() == ["x" * 10_000] * 3


def test_columns_that_nobody_knows_are_not_read() -> None:
    """They are named, and the table may be as wide as it likes."""
    wide = pa.table({f"c{number}": [1.0] * 100 for number in range(200)})
    for media, body in ((PARQUET, parquet(wide)), (ARROW, stream(wide))):
        answer = send(flower(), body, headers={"content-type": media})
        assert answer.status_code == 422
        assert answer.json()["errors"][0] == {
            "field": "/c0",
            "detail": 'unknown field; expected "length", "width"',
        }


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a"], pa.string_view()),
        pa.RunEndEncodedArray.from_arrays([1], ["a"]),
        pa.ListViewArray.from_arrays([0], [1], ["a"]),
    ],
)
def test_types_that_share_bytes_are_not_read(column: Any) -> None:
    """A thousand rows of such a type may refer to the same megabyte."""
    status, text = refusal(app_of(echo), stream(pa.table({"a": column})), content_type=ARROW)
    assert (status, "is of a type that is not read" in text) == (422, True)


def test_ordinary_tables_are_read() -> None:
    """Dictionaries, lists, structs and nulls, compressed or not."""
    table = pa.table(
        {
            "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            "xs": [[1, 2], [], [3]],
            "at": [{"x": 1.5}, {"x": 2.5}, {"x": 3.5}],
            "note": ["n", None, "m"],
        }
    )

    def row(kind: str, xs: list[int], at: dict[str, float], note: str | None) -> str:
        return f"{kind}{sum(xs)}{at['x']}{note}"

    for media, body in (
        (ARROW, stream(table)),
        (PARQUET, parquet(table)),
        (PARQUET, parquet(table, compression="gzip", data_page_version="2.0")),
    ):
        answer = send(app_of(row), body, headers={"content-type": media})
        assert answer.json() == ["a31.5n", "b02.5None", "a33.5m"]


def test_the_answer_for_many_rows_is_bounded() -> None:
    """To some times the largest body."""

    def repeat(n: int) -> str:
        return "x" * n

    app = app_of(repeat, Limits(max_body=1_000))
    few, many = (b'{"n": 900}\n' * count for count in (4, 5))
    assert send(app, few, headers={"content-type": NDJSON}).status_code == 200
    assert send(app, many, headers={"content-type": NDJSON}).status_code == 413
    v1 = json.dumps({"instances": [{"n": 900}] * 5}).encode()
    assert send(app, v1, path="/v1/models/predict:predict", headers=JSON).status_code == 413


def test_what_came_compressed_is_read() -> None:
    """By every protocol; the bound is that of the body."""
    body = json.dumps({"a": "b"}).encode()
    app = app_of(echo, Limits(max_body=1_000))
    answer = send(app, gzip.compress(body), headers=JSON | {"content-encoding": "gzip"})
    assert answer.json() == "b"
    bomb = gzip.compress(b'{"a": "' + b"x" * 1_000 + b'"}')
    assert send(app, bomb, headers=JSON | {"content-encoding": "gzip"}).status_code == 413
    assert send(app, body, headers=JSON | {"content-encoding": "gzip"}).status_code == 400
    refused = send(app, body, headers=JSON | {"content-encoding": "br"})
    assert (refused.status_code, refused.headers["accept-encoding"][:5]) == (415, "gzip,")


@pytest.mark.parametrize("media", ["application/json", NDJSON, "text/csv"])
def test_a_charset_that_is_not_read_is_415(media: str) -> None:
    """Whatever Python would make of it."""
    body = b"a" * 1_000_000
    status, text = refusal(app_of(echo), body, content_type=f"{media}; charset=punycode")
    assert (status, "charset" in text) == (415, True)


def test_json_may_begin_with_a_mark_or_be_in_another_charset() -> None:
    """A line of many, too."""
    text = json.dumps({"a": "ü"}, ensure_ascii=False)
    app = app_of(echo)
    assert send(app, ("\ufeff" + text).encode(), headers=JSON).json() == "ü"
    other = {"content-type": "application/json; charset=utf-16"}
    assert send(app, text.encode("utf-16"), headers=other).json() == "ü"
    assert send(app, ("\ufeff" + text).encode(), headers={"content-type": NDJSON}).text == '"ü"\n'
    latin = {"content-type": "application/json; charset=ascii"}
    assert send(app, text.encode("utf-16"), headers=latin).status_code == 400


@pytest.mark.parametrize(
    "value", ["000000000001" + "9" * 400, "9" * 5_000, "0", "-1", "1.5", "", "1e3", "0" * 13]
)
def test_a_time_that_is_none_is_400(value: str) -> None:
    """And names its header."""
    body = json.dumps({"a": "b"}).encode()
    answer = send(app_of(echo), body, headers=JSON | {"x-request-timeout-ms": value})
    assert (answer.status_code, "x-request-timeout-ms" in answer.text) == (400, True)
    assert len(answer.content) < 400
