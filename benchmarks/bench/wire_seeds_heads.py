"""Seeds of heads, framing and pipelining, for every kind of service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from wire_seeds import CUT, FITTING, GET, Seed, post

_BAD = (400,)
_HEALTH = GET.removesuffix(b"\r\n")
_POST = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_TLS = bytes.fromhex("1603010200010001fc0303") + bytes(500)


def _with(*lines: bytes) -> bytes:
    return _HEALTH + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def _line(line: bytes) -> bytes:
    return line + b"\r\nHost: localhost\r\n\r\n"


# A request without a body, by what it is: its bytes, and what it may be answered.
_HEADS: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "256 fields and more": (_with(*(b"X%d: 1" % number for number in range(300))), (431,)),
    "a field of 70 KB": (_with(b"X: " + b"a" * 70_000), (431,)),
    "a name of 70 KB": (_with(b"X" * 70_000 + b": a"), (431,)),
    "many empty fields": (_with(*[b"X:"] * 200), (200,)),
    "two hosts": (_with(b"Host: b"), _BAD),
    "no host": (_HEALTH.partition(b"\r\n")[0] + b"\r\n\r\n", _BAD),
    "a host that is none": (GET.replace(b"localhost", b"a b/c@d"), _BAD),
    "a folded field": (_with(b"X: a", b" b"), _BAD),
    "a blank before the colon": (_with(b"X : a"), _BAD),
    "a blank before the first field": (GET.replace(b"Host", b" Host"), _BAD),
    "no colon": (_with(b"X"), _BAD),
    "a null in a field": (_with(b"X: a\0b"), _BAD),
    "a return in a field": (_with(b"X: a\rb"), _BAD),
    "lines that end by LF": (GET.replace(b"\r\n", b"\n"), _BAD),
    "TE: chunked": (_with(b"TE: gzip, chunked"), _BAD),
    "HTTP/1.0 in chunks": (_with(b"Transfer-Encoding: chunked").replace(b"1.1", b"1.0"), _BAD),
    "HTTP/2.0": (GET.replace(b"HTTP/1.1", b"HTTP/2.0"), (505,)),
    "HTTP/1.2": (GET.replace(b"HTTP/1.1", b"HTTP/1.2"), (400, 505)),
    "HTTP/11": (GET.replace(b"HTTP/1.1", b"HTTP/11"), _BAD),
    "HTTP/0.9": (b"GET /\r\n\r\n", _BAD),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64), (400, 505)),
    "TLS": (_TLS, _BAD),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n" * 3, _BAD),
    "noise": (bytes(range(256)) * 40, _BAD),
    "CONNECT": (_line(b"CONNECT a:443 HTTP/1.1"), (400, 501)),
    "an absolute target": (_line(b"GET http://localhost/healthz HTTP/1.1"), (200, 400)),
    "a star": (_line(b"OPTIONS * HTTP/1.1"), (200, 204, 400, 404, 405, 501)),
    "a method of 9 KB": (_line(b"M" * 9_000 + b" / HTTP/1.1"), (400, 405, 431, 501)),
    "a small method": (_line(b"get /healthz HTTP/1.1"), (400, 405, 501)),
    "a query of 60 KB": (_line(b"GET /healthz?" + b"a=b&" * 15_000 + b" HTTP/1.1"), (414, 431)),
    "a query of 8 KB": (_line(b"GET /healthz?" + b"%41" * 2_600 + b" HTTP/1.1"), (200,)),
    "raw bytes in the path": (_line(b"GET /\xff\xfe\x80 HTTP/1.1"), (200, 400, 404)),
    "a null in the path": (_line(b"GET /%00 HTTP/1.1"), (200, 400, 404)),
    "half a percent": (_line(b"GET /%f HTTP/1.1"), (200, 400, 404)),
    "a path upwards": (_line(b"GET /../../etc/passwd HTTP/1.1"), (200, 400, 404)),
    "two lengths": (_with(b"Content-Length: 0", b"Content-Length: 0"), _BAD),
    "a list of lengths": (_with(b"Content-Length: 0, 0"), _BAD),
    "a length below zero": (_with(b"Content-Length: -1"), _BAD),
    "a signed length": (_with(b"Content-Length: +0"), _BAD),
    "a length by sixteen": (_with(b"Content-Length: 0x0"), _BAD),
    "a length of 30 digits": (_with(b"Content-Length: " + b"9" * 30), (400, 413)),
    "an exabyte": (_with(b"Content-Length: 1000000000000000000"), (400, 413)),
    "a length and chunks": (_with(b"Content-Length: 0", b"Transfer-Encoding: chunked"), _BAD),
    "chunked twice": (_with(b"Transfer-Encoding: chunked, chunked"), (400, 501)),
    "xchunked": (_with(b"Transfer-Encoding: xchunked"), (400, 501)),
    "identity": (_with(b"Transfer-Encoding: identity"), (400, 501)),
    "chunked with a tab": (_with(b"Transfer-Encoding:\x0bchunked"), (400, 501)),
    "an unknown expectation": (_with(b"Expect: the worst"), (200, 417)),
    "Connection of 9 KB": (_with(b"Connection: " + b"a," * 4_500), (200,)),
    "Upgrade to many": (_with(b"Connection: upgrade", b"Upgrade: " + b"a/1, " * 900), (200,)),
    "a WebSocket of none": (_with(b"Connection: upgrade", b"Upgrade: websocket"), (200, 400, 426)),
    "Accept of 50 KB": (_with(b"Accept: " + b"a/b;q=0.1, " * 4_500), (200,)),
    "ranges": (_with(b"Range: bytes=" + b"0-1," * 9_000), (200, 206, 416)),
    "a cookie of 50 KB": (_with(b"Cookie: " + b"a=b; " * 9_000), (200,)),
    "forwarded of 50 KB": (_with(b"X-Forwarded-For: " + b"1.2.3.4, " * 5_000), (200,)),
    "empty lines": (b"\r\n" * 3 + GET, (200, 400)),
    "10,000 empty lines": (b"\r\n" * 10_000 + GET, (200, 400)),
}  # fmt: skip


def _chunked(body: bytes, *lines: bytes) -> Callable[[bytes], bytes]:
    head = b"".join(line + b"\r\n" for line in (b"Transfer-Encoding: chunked", *lines))
    return lambda path: _POST % path + head + b"\r\n" + body


def _chunk(data: bytes, more: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(data), more, data)


_LAST = b"0\r\n\r\n"
_OK = (200, 422)
# A body in chunks, by what it is: what frames it for a path, and what it may be answered.
_CHUNKS: dict[str, tuple[Callable[[bytes], bytes], tuple[int, ...]]] = {
    "chunks": (_chunked(_chunk(FITTING) + _LAST), _OK),
    "chunks of one byte": (
        _chunked(b"".join(_chunk(b"%c" % each) for each in FITTING + b" " * 90_000) + _LAST),
        _OK,
    ),
    "chunks of 2^64": (_chunked(b"F" * 16 + b"\r\n" + FITTING), _BAD),
    "a chunk of 2^59": (_chunked(b"7" * 15 + b"\r\n" + FITTING), (CUT, 400, 408, 413)),
    "a size below zero": (_chunked(b"-1\r\n" + FITTING), _BAD),
    "a size by 0x": (_chunked(b"0x5\r\n" + FITTING), _BAD),
    "zeros before a size": (_chunked(b"0" * 14 + b"A\r\n" + FITTING + b"\r\n" + _LAST), _OK),
    "a chunk longer than it says": (_chunked(b"2\r\n" + FITTING + b"\r\n" + _LAST), _BAD),
    "extensions": (_chunked(_chunk(FITTING, b";a=b" * 100) + _LAST), _OK),
    "an extension without end": (_chunked(b"5;" + b"a" * 90_000), _BAD),
    "trailers": (_chunked(_chunk(FITTING) + b"0\r\n" + b"X: a\r\n" * 9 + b"\r\n"), _OK),
    "10,000 trailers": (_chunked(_chunk(FITTING) + b"0\r\n" + b"X: a\r\n" * 10_000), _BAD),
    "a trailer that is none": (_chunked(_chunk(FITTING) + b"0\r\nX\r\n\r\n"), _BAD),
    "chunks with LF": (_chunked(b"A\n" + FITTING + b"\n0\n\n"), _BAD),
    "17 MB in chunks": (_chunked(_chunk(bytes(1_000_000)) * 18 + _LAST), (200, 413)),
    "expected": (
        lambda path: post(path.decode(), FITTING, "application/json", "Expect: 100-continue"),
        _OK,
    ),
    "a smuggled request": (
        lambda path: post(path.decode(), b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"),
        (200, 400),
    ),
    "more than the length": (lambda path: post(path.decode(), FITTING) + b"and more", _OK),
    "pipelined posts": (lambda path: post(path.decode(), FITTING) * 300, _OK),
    "pipelined chunks": (lambda path: _chunked(_chunk(FITTING) + _LAST)(path) * 300, _OK),
    "pipelined, then noise": (lambda path: post(path.decode(), FITTING) * 9 + _TLS, _OK),
    "60,000 pipelined": (lambda path: GET * 60_000, (200,)),
}
_SMALL = {
    "chunks of one byte": _chunked(
        b"".join(_chunk(b"%c" % each) for each in FITTING + b" " * 900) + _LAST
    ),
    "17 MB in chunks": _chunked(_chunk(bytes(1_000)) * 18 + _LAST),
    "60,000 pipelined": lambda path: GET * 60,
    "10,000 trailers": _chunked(_chunk(FITTING) + b"0\r\n" + b"X: a\r\n" * 100),
    "an extension without end": _chunked(b"5;" + b"a" * 2_000),
}


def _seeds() -> Iterator[Seed]:
    for name, (head, statuses) in _HEADS.items():
        yield Seed(name=f"head: {name}", make=partial(bytes, head), statuses=statuses)
    for service in ("predictions", "asgi", "wsgi", "handler", "cells"):
        for name, (frame, statuses) in _CHUNKS.items():
            small = _SMALL.get(name)
            yield Seed(
                name=f"{'framing' if service == 'predictions' else service}: {name}",
                make=partial(frame, b"/echo"),
                small=small and partial(small, b"/echo"),
                statuses=statuses,
                service=service,
                is_raw=True,
            )


HEADS = list(_seeds())
