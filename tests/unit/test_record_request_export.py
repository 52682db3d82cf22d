"""Recorded requests as tables."""

from __future__ import annotations

import io
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConfigurationError
from runner.record import request_export
from runner.record.request_export import COLUMNS, write_jsonl, write_parquet, write_to
from runner.record.requests import RecordedRequest, request_of


def made(body: Any = "", answer: Any = "1", **fields: Any) -> RecordedRequest:
    """A recorded request."""
    known = {
        "time": "2026-11-29T12:00:00+00:00",
        "method": "POST",
        "path": "/",
        "status": 200,
        "ms": 1.5,
        "body": body,
        "answer": answer,
    }
    found = request_of(json.dumps(known | fields).encode())
    assert found is not None
    return found


def parquet(*rows: RecordedRequest) -> Any:
    """What Parquet's own reader finds."""
    import pyarrow.parquet as pq

    out = io.BytesIO()
    assert write_parquet(lambda: rows, out) == len(rows)
    return pq.read_table(io.BytesIO(out.getvalue()))


def test_flat_objects_become_columns() -> None:
    """Of requests and answers; other bodies stay texts."""
    out = io.BytesIO()
    rows = [made('{"a": 1, "b": "x"}', '{"val": 0.5}'), made("[1]", '{"deep": {}}')]
    assert write_jsonl(lambda: rows, out) == 2
    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["body.a"], first["body.b"], first["answer.val"]) == (1, "x", 0.5)
    assert first["body"] == '{"a": 1, "b": "x"}'
    assert set(second) == set(COLUMNS)


def test_lines_are_json_whatever_numbers_a_body_has() -> None:
    """Python reads and writes some that JSON does not have."""
    out = io.BytesIO()
    write_jsonl(lambda: [made('{"a": NaN, "b": 1e999, "c": -Infinity, "d": 1.5}')], out)
    row = json.loads(out.getvalue(), parse_constant=pytest.fail)
    assert [row[f"body.{name}"] for name in "abcd"] == [None, None, None, 1.5]


def test_parquet_has_one_type_a_column() -> None:
    """The narrowest that takes all values; what is missing is null."""
    table = parquet(
        made('{"i": 1, "f": 1, "s": 1, "b": true, "n": null, "big": 1e999}'),
        made('{"i": 2, "f": 0.5, "s": "x", "b": false, "n": null, "big": 7}'),
        made(None, {"base64": "/w=="}, is_cut=True),
    )
    columns = {name: table.column(f"body.{name}").to_pylist() for name in "ifsbn"}
    assert columns == {
        "i": [1, 2, None],
        "f": [1.0, 0.5, None],
        "s": ["1", "x", None],
        "b": [True, False, None],
        "n": [None, None, None],
    }
    assert table.column("body").to_pylist()[2] is None
    assert table.column("answer").to_pylist() == ["1", "1", None]
    assert table.column("status").to_pylist() == [200] * 3
    assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"


def test_a_failure_has_columns() -> None:
    """Of a row that is none they are null."""
    failure = {"error": "E", "message": "m", "cell": 2, "line": 3, "text": "x", "traceback": "t"}
    table = parquet(made(status=500, failure=failure), made(), made(failure={"error": "E"}))
    assert table.column("failure.cell").to_pylist() == [2, None, None]
    assert table.column("failure.error").to_pylist() == ["E", None, "E"]
    assert str(table.schema.field("failure.line").type) == "int64"
    assert {f"failure.{name}" for name in failure} <= {*table.column_names}


def test_odd_values_are_fitted_in() -> None:
    """Numbers that no column has, and halves of letters."""
    table = parquet(
        made('{"a": 1, "big": 99999999999999999999}'),
        made('{"a": 2, "big": 1, "\\ud800": "\\ud800"}'),
        made('{"a": 1' + "0" * 5_000 + "}"),
        made("{" * 3_000),
    )
    assert table.column("body.big").to_pylist() == [1e20, 1.0, None, None]
    assert table.column("body.?").to_pylist() == [None, "?", None, None]


def test_what_came_between_the_readings_fits() -> None:
    """A file that a worker still writes to is read twice."""
    import pyarrow.parquet as pq

    readings = iter([[made('{"a": 1}')], [made('{"a": "x", "b": 1}'), made('{"a": 2}')]])
    out = io.BytesIO()
    write_parquet(lambda: next(readings), out)
    assert pq.read_table(io.BytesIO(out.getvalue())).column("body.a").to_pylist() == [None, 2]


def test_columns_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients choose their names."""
    monkeypatch.setattr(request_export, "_MOST_COLUMNS", 2)
    table = parquet(*(made(json.dumps({f"n{number}": 1}), "") for number in range(5)))
    assert table.num_columns == len(COLUMNS) + 2
    assert parquet().num_rows == 0


def test_without_pyarrow_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what goes without."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match="pyarrow") as refused:
        write_parquet(list, io.BytesIO())
    assert "jsonl" in refused.value.hint


def test_a_file_is_whole_and_its_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it is as it was."""
    path = tmp_path / "out.jsonl"
    assert write_to(path, lambda: [made()], "jsonl") == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError):
        write_to(path, lambda: [made()], "parquet")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
