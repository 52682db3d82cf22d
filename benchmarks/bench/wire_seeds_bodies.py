"""Seeds of forms, charsets and content codings, for endpoints and for other apps."""

from __future__ import annotations

import base64
import gzip
import zlib

from wire_seeds import ANY_REFUSAL, FITTING, Seed, echo, post

_FORM = "multipart/form-data; boundary=x"


def _part(name: bytes, content: bytes, more: bytes = b"") -> bytes:
    return (
        b'--x\r\nContent-Disposition: form-data; name="'
        + name
        + b'"'
        + more
        + b"\r\n\r\n"
        + (content + b"\r\n")
    )


def _store(*parts: bytes, content_type: str = _FORM, end: bytes = b"--x--\r\n") -> bytes:
    return post("/store", b"".join(parts) + end, content_type)


def _file(size: int) -> bytes:
    return _part(b"file", bytes(size), b'; filename="a.bin"')


def _text(body: bytes, charset: str) -> bytes:
    return echo(body, f"application/json; charset={charset}")


def _coded(body: bytes, coding: str, path: str = "/echo") -> bytes:
    return post(path, body, "application/json", f"Content-Encoding: {coding}")


def _raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


# 30 bytes of zstd, of a window of a gigabyte.
_ZSTD = base64.b64decode("KLUv/QSgAAABAAA=")
_PACKED = gzip.compress(FITTING, mtime=0)

FORMS = [
    Seed(
        name="form: right", make=lambda: _store(_file(900), _part(b"title", b"t")), statuses=(200,)
    ),
    Seed(
        name="form: a file of 15 MB",
        make=lambda: _store(_file(15_000_000)),
        statuses=(200,),
        small=lambda: _store(_file(15_000)),
    ),
    Seed(
        name="form: 20,000 fields",
        make=lambda: _store(*[_part(b"title", b"t")] * 20_000),
        statuses=(400, 413),
        small=lambda: _store(*[_part(b"title", b"t")] * 200),
    ),
    Seed(
        name="form: no end",
        make=lambda: _store(_file(1_000_000), end=b""),
        statuses=(400,),
        small=lambda: _store(_file(1_000), end=b""),
    ),
    Seed(
        name="form: no boundary",
        make=lambda: _store(_file(9), content_type="multipart/form-data"),
        statuses=(400,),
    ),
    Seed(
        name="form: a boundary of 9 KB",
        make=lambda: _store(_file(9), content_type="multipart/form-data; boundary=" + "x" * 9_000),
        statuses=(400,),
    ),
    Seed(
        name="form: boundaries within boundaries",
        make=lambda: _store(b"--x\r\n" * 9_000, content_type=_FORM),
        statuses=(400,),
    ),
    Seed(
        name="form: a head of 5 MB",
        make=lambda: _store(b"--x\r\n" + b"A: b;\r\n" * 700_000 + b"\r\n\r\n"),
        statuses=ANY_REFUSAL,
        small=lambda: _store(b"--x\r\n" + b"A: b;\r\n" * 700 + b"\r\n\r\n"),
    ),
    Seed(
        name="form: parameters without end",
        make=lambda: _store(_part(b"file", b"c", b"; a" * 900_000)),
        statuses=ANY_REFUSAL,
        small=lambda: _store(_part(b"file", b"c", b"; a" * 900)),
    ),
    Seed(
        name="form: quotes without end",
        make=lambda: _store(_part(b"file", b"c", b';a="\\' * 900_000)),
        statuses=ANY_REFUSAL,
        small=lambda: _store(_part(b"file", b"c", b';a="\\' * 900)),
    ),
    Seed(
        name="form: blanks in a parameter",
        make=lambda: _store(
            _part(b"file", b"c", b";" + b" " * 5_000_000 + b";a" + b" " * 5_000_000)
        ),
        statuses=ANY_REFUSAL,
        small=lambda: _store(_part(b"file", b"c", b";" + b" " * 9_000)),
    ),
    Seed(
        name="form: one name 9,000 times",
        make=lambda: _store(*[_file(9)] * 9_000),
        statuses=ANY_REFUSAL,
        small=lambda: _store(*[_file(9)] * 90),
    ),
    Seed(
        name="form: of text",
        make=lambda: post("/store", b"title=a&file=b" * 9_000, "application/x-www-form-urlencoded"),
        statuses=(415, 422),
    ),
    Seed(
        name="form: for a model",
        make=lambda: post("/flower", b"--x--\r\n", _FORM),
        statuses=(415, 422),
    ),
]

CHARSETS = [
    Seed(name="charset: latin-1", make=lambda: _text(b'{"a": "\xe9"}', "latin-1"), statuses=(200,)),
    Seed(
        name="charset: utf-16",
        make=lambda: _text(FITTING.decode().encode("utf-16"), "utf-16"),
        statuses=(200,),
    ),
    Seed(
        name="charset: half of utf-16", make=lambda: _text(b"\xff\xfe{", "utf-16"), statuses=(400,)
    ),
    Seed(
        name="charset: utf-32 that is none",
        make=lambda: _text(b"\xff" * 1_000_000, "utf-32"),
        statuses=(400,),
        small=lambda: _text(b"\xff" * 1_000, "utf-32"),
    ),
    Seed(
        name="charset: utf-7",
        make=lambda: _text(b"+AHs-" * 100_000, "utf-7"),
        statuses=(415,),
        small=lambda: _text(b"+AHs-" * 100, "utf-7"),
    ),
    Seed(
        name="charset: idna",
        make=lambda: _text(b"xn--" * 100_000, "idna"),
        statuses=(415,),
        small=lambda: _text(b"xn--" * 100, "idna"),
    ),
    Seed(
        name="charset: zip",
        make=lambda: _text(zlib.compress(bytes(9_000_000)), "zlib_codec"),
        statuses=(415,),
    ),
    Seed(name="charset: a name of 9 KB", make=lambda: _text(FITTING, "x" * 9_000), statuses=(415,)),
    Seed(
        name="charset: many",
        make=lambda: _text(FITTING, "utf-8" + "; charset=utf-8" * 900),
        statuses=(200, *ANY_REFUSAL),
    ),
    Seed(
        name="charset: unicode_escape",
        make=lambda: _text(b"\\x41" * 9_000, "unicode_escape"),
        statuses=(415,),
    ),
]

CODINGS = [
    Seed(name="coding: gzip", make=lambda: _coded(_PACKED, "gzip"), statuses=(200,)),
    Seed(name="coding: gzip, cut", make=lambda: _coded(_PACKED[:-5], "gzip"), statuses=(400,)),
    Seed(
        name="coding: gzip and more",
        make=lambda: _coded(_PACKED + b"more", "gzip"),
        statuses=(400,),
    ),
    Seed(
        name="coding: gzip and zeros",
        make=lambda: _coded(_PACKED + bytes(9_000_000), "gzip"),
        statuses=(200, 400),
        small=lambda: _coded(_PACKED + bytes(9_000), "gzip"),
    ),
    Seed(
        name="coding: 100,000 gzips",
        make=lambda: _coded(gzip.compress(b"") * 100_000, "gzip"),
        statuses=(400,),
        small=lambda: _coded(gzip.compress(b"") * 120, "gzip"),
    ),
    Seed(
        name="coding: a gzip of gzips",
        make=lambda: _coded(gzip.compress(gzip.compress(bytes(90_000_000))), "gzip, gzip"),
        statuses=(415,),
    ),
    Seed(
        name="coding: a gzip named twice",
        make=lambda: post(
            "/echo", _PACKED, "application/json", "Content-Encoding: gzip", "Content-Encoding: gzip"
        ),
        statuses=(415,),
    ),
    Seed(
        name="coding: a gzip's long name",
        make=lambda: _coded(
            _PACKED[:3] + b"\x08" + _PACKED[4:10] + b"n" * 9_000_000 + b"\0" + _PACKED[10:], "gzip"
        ),
        statuses=(200, 400),
        small=lambda: _coded(
            _PACKED[:3] + b"\x08" + _PACKED[4:10] + b"n" * 900 + b"\0" + _PACKED[10:], "gzip"
        ),
    ),
    Seed(
        name="coding: deflate",
        make=lambda: _coded(zlib.compress(FITTING), "deflate"),
        statuses=(200,),
    ),
    Seed(
        name="coding: deflate, raw", make=lambda: _coded(_raw(FITTING), "deflate"), statuses=(200,)
    ),
    Seed(
        name="coding: deflate bomb",
        make=lambda: _coded(_raw(bytes(50_000_000)), "deflate"),
        statuses=(413,),
        small=lambda: _coded(_raw(bytes(50_000)), "deflate"),
    ),
    Seed(
        name="coding: zstd with a large window",
        make=lambda: _coded(_ZSTD, "zstd"),
        statuses=ANY_REFUSAL,
    ),
    Seed(name="coding: br", make=lambda: _coded(b"\x0f\x02\x80", "br"), statuses=(415,)),
    Seed(
        name="coding: identity",
        make=lambda: _coded(FITTING, "identity, , identity"),
        statuses=(200,),
    ),
    Seed(
        name="coding: a thousand", make=lambda: _coded(FITTING, "gzip, " * 1_000), statuses=(415,)
    ),
    Seed(
        name="coding: gzip of JSON in a stream of lines",
        make=lambda: post(
            "/flower",
            gzip.compress(b'{"length": 1, "width": 2}\n' * 10_000),
            "application/x-ndjson",
            "Content-Encoding: gzip",
        ),
        statuses=(200,),
    ),
]
_PACKED_MUCH = gzip.compress(bytes(50_000_000), mtime=0)


def _of(service: str) -> list[Seed]:
    """Give bodies for an app that is not ours; a cell gets them unpacked and decoded."""
    is_cell = service == "cells"
    refused, any_status = ((413,) if is_cell else (200,)), (200, *ANY_REFUSAL)
    bodies = {
        "right": (lambda: echo(FITTING), (200,)),
        "15 MB": (lambda: echo(b'{"a": "' + b"a" * 15_000_000 + b'"}'), (200,)),
        "gzip bomb": (lambda: _coded(_PACKED_MUCH, "gzip"), refused),
        "punycode": (lambda: _text(b"a" * 900_000, "punycode"), (415,) if is_cell else (200,)),
        "nested lists": (lambda: echo(b"[" * 500_000), any_status),
        "form": (lambda: echo(_file(9) + b"--x--\r\n", _FORM), any_status),
        "20,000 fields": (lambda: echo(b"a=b&" * 20_000, "application/x-www-form-urlencoded"),
                          any_status),
        "values of two bytes": (lambda: echo(b"[" + b"1," * 8_000_000 + b"1]"), any_status),
        "bytes": (lambda: echo(b"\xff" * 5_000_000, "application/octet-stream"), any_status),
    }  # fmt: skip
    small = {
        "15 MB": lambda: echo(b'{"a": "' + b"a" * 15_000 + b'"}'),
        "punycode": lambda: _text(b"a" * 900, "punycode"),
        "nested lists": lambda: echo(b"[" * 500),
        "20,000 fields": lambda: echo(b"a=b&" * 200, "application/x-www-form-urlencoded"),
        "values of two bytes": lambda: echo(b"[" + b"1," * 800 + b"1]"),
        "bytes": lambda: echo(b"\xff" * 5_000, "application/octet-stream"),
        "gzip bomb": lambda: _coded(gzip.compress(bytes(50_000), mtime=0), "gzip"),
    }
    return [
        Seed(
            name=f"{service}: {name}",
            make=make,
            statuses=statuses,
            service=service,
            small=small.get(name),
        )
        for name, (make, statuses) in bodies.items()
    ]


APPS = [seed for service in ("asgi", "wsgi", "handler", "cells") for seed in _of(service)]
