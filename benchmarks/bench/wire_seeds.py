"""Requests that once cost a worker minutes, gigabytes or its life: seeds of `wire_cases.py`."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import random
from collections.abc import Callable

CUT = 0
"""Stands among statuses for a connection that the server closed without an answer."""

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seed:
    """One request.

    Attributes:
        name: What it is.
        make: Gives its bytes, head and body.
        statuses: What it may be answered.
    """

    name: str
    make: Callable[[], bytes]
    statuses: tuple[int, ...]


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


def _tensor(shape: list[int]) -> bytes:
    inputs = [{"name": "x", "shape": shape, "datatype": "FP64", "data": []}]
    return post("/v2/models/flower/infer", json.dumps({"inputs": inputs}).encode())


def _echo(text: bytes, content_type: str = "application/json", *lines: str) -> bytes:
    return post("/echo", text, content_type, *lines)


_LINE = b'{"a": 1, ' + b",".join(b'"x%d": 1' % number for number in range(100)) + b"}\n"
_ARROW_TYPE, _PARQUET_TYPE = (f"application/vnd.apache.{x}" for x in ("arrow.stream", "parquet"))
_GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

SEEDS = [
    Seed(name="tensor of no columns", make=lambda: _tensor([10**9, 0]), statuses=(400,)),
    Seed(name="tensor of many dimensions", make=lambda: _tensor([1] * 200_000), statuses=(400,)),
    Seed(name="tensor beyond numbers", make=lambda: _tensor([2**63 - 1] * 1_000), statuses=(400,)),
    Seed(name="arrow offsets", make=lambda: _echo(_ARROW, _ARROW_TYPE), statuses=(400,)),
    Seed(name="parquet bomb", make=lambda: _echo(_PARQUET, _PARQUET_TYPE), statuses=(413,)),
    Seed(
        name="rows of KServe",
        make=lambda: post(
            "/v1/models/flower:predict",
            b'{"instances": [' + b"[1.0,2.0]," * 1_500_000 + b"[1,2]]}",
        ),
        statuses=(413,),
    ),
    Seed(
        name="lines of CSV",
        make=lambda: post("/flower/invocations", b"length,width\n" + b"\n" * 8_000_000, "text/csv"),
        statuses=(413,),
    ),
    Seed(
        name="wrong lines of JSON",
        make=lambda: _echo(_LINE * 9_000, "application/x-ndjson"),
        statuses=(200,),
    ),
    Seed(
        name="punycode",
        make=lambda: _echo(b"a" * 1_000_000, "text/plain; charset=punycode"),
        statuses=(415,),
    ),
    Seed(
        name="gzip bomb",
        make=lambda: _echo(
            gzip.compress(bytes(50_000_000), mtime=0), "application/json", "Content-Encoding: gzip"
        ),
        statuses=(413,),
    ),
    Seed(
        name="absurd time",
        make=lambda: _echo(
            b'{"a": "b"}', "application/json", "X-Request-Timeout-Ms: 1" + "9" * 400
        ),
        statuses=(400,),
    ),
    Seed(
        name="upgrade",
        make=lambda: _echo(
            b'{"a": "b"}', "application/json", "Upgrade: h2c", "Connection: Upgrade"
        ),
        statuses=(200,),
    ),
    Seed(name="pipelined", make=lambda: _GET * 500, statuses=(200,)),
    Seed(name="empty lines", make=lambda: b"\r\n" + _GET, statuses=(200, 400)),
    Seed(
        name="path of 60 KB",
        make=lambda: _GET.replace(b"healthz", b"x" * 60_000),
        statuses=(414, 431),
    ),
    Seed(
        name="two hosts",
        make=lambda: _GET.replace(b"Host: localhost", b"Host: a\r\nHost: b"),
        statuses=(400,),
    ),
]


def mutated(whole: bytes, chance: random.Random) -> bytes:
    """Spoil a request's body at a few places, or its head if it has no body."""
    head, blank, body = whole.partition(b"\r\n\r\n")
    spoilt = bytearray(body or head)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(spoilt))
        kind = chance.randrange(3)
        if kind == 0:
            spoilt[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            spoilt[place : place + chance.randint(1, 8)] = chance.randbytes(chance.randint(1, 8))
        else:
            spoilt[place] = chance.choice((0, 0x22, 0x2C, 0x5B, 0x7F, 0xFF))
    if not body:
        return bytes(spoilt) + blank
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(spoilt)]) + blank + bytes(spoilt)
