"""What a seed of `wire_cases.py` is, how it is framed, and those that once ended a worker.

The others are in `wire_seeds_json.py`, `wire_seeds_tables.py`, `wire_seeds_bodies.py`,
`wire_seeds_heads.py` and `wire_seeds_websockets.py`.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
from collections.abc import Callable

CUT = 0
"""Stands among statuses for a connection that the server closed without an answer."""

ANY_REFUSAL = (400, 413, 415, 422)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seed:
    """One request.

    Attributes:
        name: What it is.
        make: Gives its bytes, head and body.
        statuses: What it may be answered.
        small: Gives the same in small, for the many mutations of one that has megabytes.
        service: Which service it is for, see `wire_services.py`.
        is_raw: It is more than one request, or no HTTP request: it is spoilt anywhere.
    """

    name: str
    make: Callable[[], bytes]
    statuses: tuple[int, ...]
    small: Callable[[], bytes] | None = None
    service: str = "predictions"
    is_raw: bool = False


def post(path: str, body: bytes, content_type: str = "application/json", *lines: str) -> bytes:
    """Frame a body."""
    head = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def echo(text: bytes, content_type: str = "application/json", *lines: str) -> bytes:
    """Frame a body for ``/echo``."""
    return post("/echo", text, content_type, *lines)


# An Arrow stream of one text, whose last offset says 2^31-1; and a Parquet file of ten thousand
# rows of one text of 40 KB, by a dictionary, packed by zstd.
_ARROW = base64.b64decode(
    "/////3AAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAEAAAAUAAAAEAAUAAgA"
    "BgAHAAwAAAAQABAAAAAAAAEFEAAAABgAAAAEAAAAAAAAAAEAAABhAAAABAAEAAQAAAAAAAAA/////5gAAAAUAAAA"
    "AAAAAAwAFgAGAAUACAAMAAwAAAAAAwQAGAAAABgAAAAAAAAAAAAKABgADAAEAAgACgAAAEwAAAAQAAAAAQAAAAAA"
    "AAAAAAAAAwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgAAAAAAAAACAAAAAAAAAANAAAAAAAAAAAAAAABAAAA"
    "AQAAAAAAAAAAAAAAAAAAAAAAAAD///9/YWJjZGVmZ2hpamtsbQAAAP////8AAAAA"
)
_PARQUET = base64.b64decode(
    "UEFSMRUEFYjxBBUuTBUCFQASAAAotS/9YESbbQAAKECcAAB4AQA8HB1oARUAFRoVLCwVoJwBFRAVBhUGHDYAAAAA"
    "KLUv/SANaQAABAAAAKCcAQEBoJwBABUEGSw1ABgGc2NoZW1hFQIAFQwlAhgBYSUATBwAAAAWoJwBGRwZHCYAHBUM"
    "GTUABhAZGAFhFQwWoJwBFvDxBBaoASZWJggcNgAAGSwVBBUAFQIAFQAVEBUCADwWgJC8/QIZBhkmAKCcAQAAABbw"
    "8QQWoJwBJggWqAEAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRkcHAAAAKIAAABQQVIx"
)
_LINE = b'{"a": 1, ' + b",".join(b'"x%d": 1' % number for number in range(100)) + b"}\n"
ARROW_TYPE, PARQUET_TYPE = (f"application/vnd.apache.{x}" for x in ("arrow.stream", "parquet"))
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
FITTING = b'{"a": "b"}'


def tensor(shape: list[int], data: object = (), datatype: str = "FP64") -> bytes:
    """Frame an inference request of one tensor."""
    inputs = [{"name": "x", "shape": shape, "datatype": datatype, "data": data}]
    return post("/v2/models/flower/infer", json.dumps({"inputs": inputs}).encode())


def instances(count: int) -> bytes:
    """Frame so many rows for KServe's first protocol."""
    rows = b"[1.0,2.0]," * count
    return post("/v1/models/flower:predict", b'{"instances": [' + rows + b"[1,2]]}")


def _gzipped(size: int) -> bytes:
    packed = gzip.compress(bytes(size), mtime=0)
    return echo(packed, "application/json", "Content-Encoding: gzip")


def _csv(lines: int) -> bytes:
    return post("/flower/invocations", b"length,width\n" + b"\n" * lines, "text/csv")


ONCE = [
    Seed(name="tensor of no columns", make=lambda: tensor([10**9, 0]), statuses=(400,)),
    Seed(
        name="tensor of many dimensions",
        make=lambda: tensor([1] * 200_000),
        statuses=(400,),
        small=lambda: tensor([1] * 200),
    ),
    Seed(name="tensor beyond numbers", make=lambda: tensor([2**63 - 1] * 1_000), statuses=(400,)),
    Seed(name="arrow offsets", make=lambda: echo(_ARROW, ARROW_TYPE), statuses=(400,)),
    Seed(
        name="arrow offsets, a little wrong",
        make=lambda: echo(_ARROW.replace(b"\xff\xff\xff\x7f", b"\x40\0\0\0"), ARROW_TYPE),
        statuses=(400,),
    ),
    Seed(name="parquet bomb", make=lambda: echo(_PARQUET, PARQUET_TYPE), statuses=(413,)),
    Seed(
        name="rows of KServe",
        make=lambda: instances(1_500_000),
        statuses=(413,),
        small=lambda: instances(2_000),
    ),
    Seed(
        name="lines of CSV",
        make=lambda: _csv(8_000_000),
        statuses=(413,),
        small=lambda: _csv(20_000),
    ),
    Seed(
        name="wrong lines of JSON",
        make=lambda: echo(_LINE * 9_000, "application/x-ndjson"),
        statuses=(200,),
        small=lambda: echo(_LINE * 9, "application/x-ndjson"),
    ),
    Seed(
        name="punycode",
        make=lambda: echo(b"a" * 1_000_000, "text/plain; charset=punycode"),
        statuses=(415,),
        small=lambda: echo(b"a" * 1_000, "text/plain; charset=punycode"),
    ),
    Seed(
        name="gzip bomb",
        make=lambda: _gzipped(50_000_000),
        statuses=(413,),
        small=lambda: _gzipped(100_000),
    ),
    Seed(
        name="absurd time",
        make=lambda: echo(FITTING, "application/json", "X-Request-Timeout-Ms: 1" + "9" * 400),
        statuses=(400,),
    ),
    Seed(
        name="upgrade to h2c",
        make=lambda: echo(FITTING, "application/json", "Upgrade: h2c", "Connection: Upgrade"),
        statuses=(200,),
    ),
    Seed(
        name="upgrade as the JDK asks for it",
        make=lambda: echo(
            FITTING,
            "application/json",
            "Connection: Upgrade, HTTP2-Settings",
            "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
            "Upgrade: h2c",
        ),
        statuses=(200,),
    ),
    Seed(
        name="upgrade before a body that is a request",
        make=lambda: echo(
            b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            "application/json",
            "Upgrade: h2c",
            "Connection: Upgrade",
        ),
        statuses=(400,),
    ),
    Seed(name="byte order mark", make=lambda: echo(b"\xef\xbb\xbf" + FITTING), statuses=(200,)),
    Seed(
        name="byte order mark of CSV",
        make=lambda: post("/flower/invocations", b"\xef\xbb\xbflength,width\n1,2\n", "text/csv"),
        statuses=(200,),
    ),
    Seed(
        name="1.0 for an integer",
        make=lambda: post("/words", b'{"text": "a", "count": 1.0}'),
        statuses=(200,),
    ),
    Seed(name="pipelined", make=lambda: GET * 500, statuses=(200,), is_raw=True),
    Seed(
        name="path of 60 KB",
        make=lambda: GET.replace(b"healthz", b"x" * 60_000),
        statuses=(414, 431),
        small=lambda: GET.replace(b"healthz", b"x" * 8_500),
    ),
]
