"""Seeds of JSON: of endpoints, of KServe's protocols, of MLflow's, and of lines."""

from __future__ import annotations

import json
from typing import Any

from wire_seeds import ANY_REFUSAL, Seed, echo, instances, post, tensor


def _whatever(body: bytes) -> bytes:
    return post("/whatever", body)


def _order(body: bytes) -> bytes:
    return post("/order", body)


def _infer(**settings: Any) -> bytes:
    first = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}
    inputs = settings.pop("inputs", [first])
    return post("/v2/models/flower/infer", json.dumps({"inputs": inputs, **settings}).encode())


def _invocations(body: dict[str, Any]) -> bytes:
    return post("/flower/invocations", json.dumps(body).encode())


def _lines(line: bytes, count: int, path: str = "/flower") -> bytes:
    return post(path, line * count, "application/x-ndjson")


def _column(name: str, count: int, value: Any = 1.5) -> dict[str, Any]:
    return {"name": name, "shape": [count], "datatype": "FP64", "data": [value] * count}


_TWO = (400, 422)
_RIGHT = b'{"lines": [{"article": "tea", "count": 2, "tags": ["a"]}], "day": "2026-01-01"}'
_ROW = b'{"length": 1.5, "width": 2}\n'
_MANY_KEYS = b"{" + b",".join(b'"k%d": 1' % number for number in range(200_000)) + b"}"

PLAIN = [
    Seed(name="json: right", make=lambda: _order(_RIGHT), statuses=(200,)),
    Seed(
        name="json: nested lists",
        make=lambda: _whatever(b"[" * 500_000 + b"]" * 500_000),
        statuses=(400, 413),
        small=lambda: _whatever(b"[" * 2_000 + b"]" * 2_000),
    ),
    Seed(
        name="json: nested objects",
        make=lambda: _order(b'{"parent":' * 20_000 + b"1" + b"}" * 20_000),
        statuses=ANY_REFUSAL,
        small=lambda: _order(b'{"parent":' * 900 + b"1" + b"}" * 900),
    ),
    Seed(
        name="json: parents of parents",
        make=lambda: _order(
            b'{"lines": [], "day": "2026-01-01", "parent":' * 900 + b"null" + b"}" * 900
        ),
        statuses=(200, *ANY_REFUSAL),
    ),
    Seed(
        name="json: a number of a million digits",
        make=lambda: _whatever(b"9" * 1_000_000),
        statuses=(200, *_TWO),
        small=lambda: _whatever(b"9" * 5_000),
    ),
    Seed(name="json: 1e400", make=lambda: _whatever(b"[1e400, -1e400, 1e-400]"), statuses=_TWO),
    Seed(
        name="json: integers",
        make=lambda: _whatever(b"[18446744073709551616, -9223372036854775809, 1.0, 1e2, -0]"),
        statuses=(200, *_TWO),
    ),
    Seed(
        name="json: a string of 15 MB",
        make=lambda: echo(b'{"a": "' + b"a" * 15_000_000 + b'"}'),
        statuses=(200,),
        small=lambda: echo(b'{"a": "' + b"a" * 15_000 + b'"}'),
    ),
    Seed(
        name="json: escapes",
        make=lambda: echo(b'{"a": "' + b"\\u0041\\n\\ud83d\\ude00" * 500_000 + b'"}'),
        statuses=(200,),
        small=lambda: echo(b'{"a": "' + b"\\u0041\\n\\ud83d\\ude00" * 500 + b'"}'),
    ),
    Seed(
        name="json: controls that triple",
        make=lambda: echo(b'{"a": "' + b"\\u0001" * 2_500_000 + b'"}'),
        statuses=(200,),
        small=lambda: echo(b'{"a": "' + b"\\u0001" * 2_500 + b'"}'),
    ),
    Seed(
        name="json: lone surrogates",
        make=lambda: echo(b'{"a": "\\ud800\\udc00\\ud800"}'),
        statuses=_TWO,
    ),
    Seed(name="json: raw surrogates", make=lambda: echo(b'{"a": "\xed\xa0\x80"}'), statuses=_TWO),
    Seed(
        name="json: one key again and again",
        make=lambda: echo(b"{" + b'"a": "b",' * 400_000 + b'"a": "c"}'),
        statuses=(200, *ANY_REFUSAL),
        small=lambda: echo(b"{" + b'"a": "b",' * 400 + b'"a": "c"}'),
    ),
    Seed(
        name="json: a key of 5 MB",
        make=lambda: echo(b'{"' + b"k" * 5_000_000 + b'": 1}'),
        statuses=(422,),
        small=lambda: echo(b'{"' + b"k" * 5_000 + b'": 1}'),
    ),
    Seed(
        name="json: 200,000 keys",
        make=lambda: echo(_MANY_KEYS),
        statuses=(413, 422),
        small=lambda: echo(_MANY_KEYS[:10_000].rpartition(b",")[0] + b"}"),
    ),
    Seed(
        name="json: 200,000 keys for a map",
        make=lambda: _order(b'{"lines": [], "day": "2026-01-01", "notes": ' + _MANY_KEYS + b"}"),
        statuses=(200, 413),
        small=lambda: _order(
            b'{"lines": [], "day": "2026-01-01", "notes": '
            + _MANY_KEYS[:10_000].rpartition(b",")[0]
            + b"}}"
        ),
    ),
    Seed(
        name="json: wrong lines of an order",
        make=lambda: _order(
            b'{"day": "2026-01-01", "lines": [' + b'{"article": "x"},' * 100_000 + b"{}]}"
        ),
        statuses=(413, 422),
        small=lambda: _order(
            b'{"day": "2026-01-01", "lines": [' + b'{"article": "x"},' * 500 + b"{}]}"
        ),
    ),
    Seed(
        name="json: blanks",
        make=lambda: echo(b" " * 8_000_000 + b'{"a": "b"}' + b"\n" * 8_000_000),
        statuses=(200,),
        small=lambda: echo(b" " * 8_000 + b'{"a": "b"}' + b"\n" * 8_000),
    ),
    Seed(name="json: utf-16", make=lambda: echo('{"a": "b"}'.encode("utf-16")), statuses=_TWO),
    Seed(name="json: empty", make=lambda: echo(b""), statuses=_TWO),
    Seed(
        name="json: null bytes",
        make=lambda: echo(bytes(1_000_000)),
        statuses=_TWO,
        small=lambda: echo(bytes(1_000)),
    ),
    Seed(
        name="json: values of two bytes",
        make=lambda: _whatever(b"[" + b"1," * 8_000_000 + b"1]"),
        statuses=(413,),
        small=lambda: _whatever(b"[" + b"1," * 8_000 + b"1]"),
    ),
    Seed(
        name="json: empty lists",
        make=lambda: _whatever(b"[" + b"[]," * 5_000_000 + b"1]"),
        statuses=(413,),
        small=lambda: _whatever(b"[" + b"[]," * 5_000 + b"1]"),
    ),
    Seed(
        name="json: as much as may be",
        make=lambda: _whatever(b"[" + b'[1,"a"],' * 520_000 + b"1]"),
        statuses=(200, 413),
        small=lambda: _whatever(b"[" + b'[1,"a"],' * 520 + b"1]"),
    ),
    Seed(
        name="stream of words",
        make=lambda: post("/words", b'{"text": "a", "count": 9}'),
        statuses=(200,),
    ),
]

PROTOCOLS = [
    Seed(name="v2: right", make=lambda: tensor([2, 2], [1, 2, 3, 4]), statuses=(200,)),
    Seed(
        name="v2: a column each",
        make=lambda: _infer(
            inputs=[_column("length", 9), _column("width", 9)],
            id="a",
            outputs=[{"name": "prediction"}],
        ),
        statuses=(200, 422),
    ),
    Seed(
        name="v2: 10,000 rows",
        make=lambda: tensor([10_000, 2], [1.5] * 20_000),
        statuses=(200,),
        small=lambda: tensor([50, 2], [1.5] * 100),
    ),
    Seed(
        name="v2: a million numbers",
        make=lambda: tensor([10_000, 2], [1] * 1_000_000),
        statuses=(413, 422),
        small=lambda: tensor([50, 2], [1] * 1_000),
    ),
    Seed(name="v2: no rows", make=lambda: tensor([0, 2]), statuses=(200, 400, 422)),
    Seed(name="v2: no tensors", make=lambda: _infer(inputs=[]), statuses=_TWO),
    Seed(
        name="v2: 10,000 tensors",
        make=lambda: _infer(inputs=[_column(f"x{number}", 1) for number in range(10_000)]),
        statuses=(413, 422),
        small=lambda: _infer(inputs=[_column(f"x{number}", 1) for number in range(50)]),
    ),
    Seed(
        name="v2: one tensor twice",
        make=lambda: _infer(inputs=[_column("length", 2)] * 2),
        statuses=(422,),
    ),
    Seed(name="v2: negative size", make=lambda: tensor([-1, -2], [1, 2]), statuses=(400,)),
    Seed(name="v2: no shape", make=lambda: tensor([]), statuses=(400,)),
    Seed(name="v2: sizes beyond 64 bits", make=lambda: tensor([2**64, 2**70]), statuses=_TWO),
    Seed(
        name="v2: nested otherwise",
        make=lambda: tensor([2, 2], [[1], [2, 3, [4]]]),
        statuses=(422,),
    ),
    Seed(
        name="v2: nested a thousand times",
        make=lambda: tensor([1, 2], json.loads("[" * 900 + "]" * 900)),
        statuses=_TWO,
    ),
    Seed(name="v2: texts", make=lambda: tensor([1, 2], ["a", "b"], "BYTES"), statuses=(422,)),
    Seed(
        name="v2: too large for its type",
        make=lambda: tensor([1, 2], [10**30, 1], "INT8"),
        statuses=_TWO,
    ),
    Seed(
        name="v2: unknown type",
        make=lambda: tensor([1, 2], [1, 2], "BF16" * 1_000),
        statuses=(422,),
    ),
    Seed(
        name="v2: unknown outputs",
        make=lambda: _infer(outputs=[{"name": "x" * 9_000}] * 100),
        statuses=(422,),
    ),
    Seed(
        name="v2: an id of a megabyte",
        make=lambda: _infer(id="a" * 1_000_000),
        statuses=(200, 413),
        small=lambda: _infer(id="a" * 1_000),
    ),
    Seed(
        name="v2: binary",
        make=lambda: _infer(
            inputs=[
                {
                    "name": "x",
                    "shape": [1, 2],
                    "datatype": "FP64",
                    "parameters": {"binary_data_size": 16},
                }
            ]
        ),
        statuses=(422,),
    ),
    Seed(
        name="v2: no such model",
        make=lambda: post("/v2/models/" + "x" * 900 + "/infer", b"{}"),
        statuses=(404,),
    ),
    Seed(name="v1: right", make=lambda: instances(3), statuses=(200,)),
    Seed(
        name="v1: 10,000 rows",
        make=lambda: instances(9_999),
        statuses=(200,),
        small=lambda: instances(99),
    ),
    Seed(
        name="v1: no list",
        make=lambda: post("/v1/models/flower:predict", b'{"instances": {}}'),
        statuses=(422,),
    ),
    Seed(
        name="v1: rows of nothing",
        make=lambda: post(
            "/v1/models/flower:predict", b'{"instances": [' + b"[]," * 9_000 + b"[]]}"
        ),
        statuses=(422,),
    ),
    Seed(
        name="mlflow: split",
        make=lambda: _invocations(
            {
                "dataframe_split": {
                    "columns": ["length", "width"],
                    "index": list(range(900)),
                    "data": [[1, 2.5]] * 900,
                }
            }
        ),
        statuses=(200,),
    ),
    Seed(
        name="mlflow: split with columns twice",
        make=lambda: _invocations(
            {"dataframe_split": {"columns": ["length"] * 9, "data": [[1] * 9] * 900}}
        ),
        statuses=(422,),
    ),
    Seed(
        name="mlflow: 10,000 columns",
        make=lambda: _invocations(
            {
                "dataframe_split": {
                    "columns": [f"x{number}" for number in range(10_000)],
                    "data": [[1] * 10_000],
                }
            }
        ),
        statuses=(413, 422),
        small=lambda: _invocations(
            {
                "dataframe_split": {
                    "columns": [f"x{number}" for number in range(90)],
                    "data": [[1] * 90],
                }
            }
        ),
    ),
    Seed(
        name="mlflow: records",
        make=lambda: _invocations({"dataframe_records": [{"length": 1, "width": 2}] * 900}),
        statuses=(200,),
    ),
    Seed(
        name="mlflow: ragged inputs",
        make=lambda: _invocations({"inputs": {"length": [1] * 900, "width": [1] * 9}}),
        statuses=(422,),
    ),
    Seed(
        name="mlflow: everything at once",
        make=lambda: _invocations({"inputs": [], "instances": [], "params": {"a": 1}}),
        statuses=(422,),
    ),
    Seed(name="lines: right", make=lambda: _lines(_ROW, 9), statuses=(200,)),
    Seed(
        name="lines: 10,000",
        make=lambda: _lines(_ROW, 10_000),
        statuses=(200,),
        small=lambda: _lines(_ROW, 99),
    ),
    Seed(
        name="lines: too many",
        make=lambda: _lines(_ROW, 500_000),
        statuses=(413,),
        small=lambda: _lines(_ROW, 11_000),
    ),
    Seed(
        name="lines: empty ones",
        make=lambda: _lines(b"\n", 8_000_000),
        statuses=(200, 400, 413, 422),
        small=lambda: _lines(b"\n", 8_000),
    ),
    Seed(
        name="lines: one of 15 MB",
        make=lambda: _lines(b"[" * 15_000_000, 1),
        statuses=(200, 400, 413),
        small=lambda: _lines(b"[" * 15_000, 1),
    ),
    Seed(
        name="lines: of streams",
        make=lambda: _lines(b'{"text": "a", "count": 100}\n', 900, "/words"),
        statuses=(200, 413),
        small=lambda: _lines(b'{"text": "a", "count": 100}\n', 5, "/words"),
    ),
    Seed(
        name="lines: of large answers",
        make=lambda: _lines(b'{"a": "' + b"\\u0001" * 200 + b'"}\n', 10_000, "/echo"),
        statuses=(200, 413),
        small=lambda: _lines(b'{"a": "' + b"\\u0001" * 200 + b'"}\n', 10, "/echo"),
    ),
]
