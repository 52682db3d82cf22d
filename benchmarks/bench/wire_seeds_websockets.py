"""Seeds of WebSockets: handshakes, and frames behind one."""

from __future__ import annotations

import os
import struct
import zlib

from wire_seeds import Seed

_LINES = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
_DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10


def _handshake(method: str = "GET", **changes: str) -> bytes:
    lines = _LINES | {name.replace("_", "-"): value for name, value in changes.items()}
    head = [f"{method} /socket HTTP/1.1", *(f"{k}: {v}" for k, v in lines.items() if v)]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


def _frame(
    opcode: int, data: bytes = b"", *, is_last: bool = True, rsv: int = 0, is_masked: bool = True
) -> bytes:
    size, mask = len(data), os.urandom(4) if is_masked else b""
    first, masked = is_last << 7 | rsv << 4 | opcode, is_masked << 7
    if size < 126:
        head = struct.pack("!BB", first, masked | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, masked | 126, size)
    else:
        head = struct.pack("!BBQ", first, masked | 127, size)
    if is_masked:
        whole = (mask * (size // 4 + 1))[:size]
        data = (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")
    return head + mask + data


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-12)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


def _close(code: int, reason: bytes = b"") -> bytes:
    return _frame(_CLOSE, struct.pack("!H", code) + reason)


_OPEN = _handshake()
_FRAMES = {
    "right": _frame(_TEXT, b"hello") + _frame(_BINARY, bytes(900)) + _close(1000),
    "10,000 messages": _frame(_TEXT, b"a") * 10_000,
    "fragments without end": _frame(_TEXT, b"a", is_last=False)
    + _frame(_CONTINUATION, b"a", is_last=False) * 20_000,
    "empty fragments": _frame(_TEXT, is_last=False) + _frame(_CONTINUATION, is_last=False) * 20_000,
    "a fragment of nothing": _frame(_CONTINUATION, b"a"),
    "messages within messages": _frame(_TEXT, b"a", is_last=False) * 2,
    "pings": _frame(_PING, b"p" * 125) * 10_000,
    "pongs": _frame(_PONG) * 20_000,
    "a ping of 126 bytes": _frame(_PING, bytes(126)),
    "a ping in fragments": _frame(_PING, is_last=False),
    "a message of 2^63 bytes": struct.pack("!BBQ", 0x82, 0xFF, 2**63 - 1) + bytes(9_000),
    "a size below zero": struct.pack("!BBQ", 0x82, 0xFF, 2**64 - 1) + bytes(9_000),
    "a message of 17 MB": _frame(_BINARY, bytes(17_000_000)),
    "a message of 15 MB": _frame(_BINARY, bytes(15_000_000)),
    "no mask": _frame(_TEXT, b"hello", is_masked=False),
    "reserved bits": _frame(_TEXT, b"hello", rsv=7),
    "an unknown opcode": _frame(5, b"hello"),
    "text that is none": _frame(_TEXT, b"\xed\xa0\x80"),
    "text cut within a letter": _frame(_TEXT, b"\xe2\x82", is_last=False)
    + _frame(_CONTINUATION, b"\xff"),
    "a close of one byte": _frame(_CLOSE, b"a"),
    "a close by 1005": _close(1005),
    "a close by 65535": _close(65535, b"\xff"),
    "two closes": _close(1000) * 2 + _frame(_TEXT, b"more"),
    "a length that is too long": struct.pack("!BBH", 0x81, 0xFE, 5) + bytes(9),
    "no frame": bytes(range(256)) * 9,
}
_PACKED = {
    "packed": _frame(_TEXT, _deflated(b"hello" * 99), rsv=4),
    "a packed bomb": _frame(_BINARY, _deflated(bytes(50_000_000)), rsv=4),
    "packed bombs": _frame(_BINARY, _deflated(bytes(9_000_000)), rsv=4) * 9,
    "packed, but none": _frame(_TEXT, b"\xff" * 99, rsv=4),
    "packed fragments": _frame(_BINARY, _deflated(bytes(1_000_000)), rsv=4, is_last=False)
    + _frame(_CONTINUATION, is_last=False) * 900,
    "a packed ping": _frame(_PING, b"a", rsv=4),
}
_HANDSHAKES = {
    "version 8": _handshake(Sec_WebSocket_Version="8"),
    "no key": _handshake(Sec_WebSocket_Key=""),
    "a key that is none": _handshake(Sec_WebSocket_Key="a" * 9_000),
    "900 subprotocols": _handshake(Sec_WebSocket_Protocol="a, " * 900 + "b"),
    "extensions": _handshake(Sec_WebSocket_Extensions="a; b=c, " * 900 + "permessage-deflate"),
    "an extension's absurd window": _handshake(
        Sec_WebSocket_Extensions="permessage-deflate; server_max_window_bits=99"
    ),
    "by POST": _handshake("POST", Content_Length="5") + b"hello",
    "with a body": _handshake(Content_Length="5") + b"hello",
}
_SMALL = {
    "10,000 messages": _frame(_TEXT, b"a") * 20,
    "fragments without end": _frame(_TEXT, b"a", is_last=False)
    + _frame(_CONTINUATION, b"a", is_last=False) * 20,
    "empty fragments": _frame(_TEXT, is_last=False) + _frame(_CONTINUATION, is_last=False) * 20,
    "pings": _frame(_PING, b"p" * 125) * 20,
    "pongs": _frame(_PONG) * 20,
    "a message of 17 MB": _frame(_BINARY, bytes(17_000)),
    "a message of 15 MB": _frame(_BINARY, bytes(15_000)),
    "a packed bomb": _frame(_BINARY, _deflated(bytes(50_000)), rsv=4),
    "packed bombs": _frame(_BINARY, _deflated(bytes(9_000)), rsv=4) * 9,
    "packed fragments": _frame(_BINARY, _deflated(bytes(1_000)), rsv=4, is_last=False)
    + _frame(_CONTINUATION, is_last=False) * 20,
}


def _seed(name: str, whole: bytes, small: bytes | None, *statuses: int) -> Seed:
    return Seed(
        name=f"websocket: {name}",
        make=lambda: whole,
        small=None if small is None else lambda: small,
        statuses=statuses,
        service="asgi",
        is_raw=True,
    )


def _behind(opening: bytes, name: str) -> bytes | None:
    return opening + _SMALL[name] if name in _SMALL else None


_PACKING = _handshake(**{k.replace("-", "_"): v for k, v in _DEFLATE.items()})
WEBSOCKETS = [
    *(_seed(name, _OPEN + each, _behind(_OPEN, name), 101) for name, each in _FRAMES.items()),
    *(_seed(name, _PACKING + each, _behind(_PACKING, name), 101) for name, each in _PACKED.items()),
    *(
        _seed(name, each, None, 101, 200, 400, 403, 404, 405, 426)
        for name, each in _HANDSHAKES.items()
    ),
]
