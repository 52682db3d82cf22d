"""Undo a body's Content-Encoding within a bound. Sources: RFC 9110, 8.4; RFC 1950 to 1952.

zstd is read where Python has it: 3.14 and newer, or with ``backports.zstd``.
"""

from __future__ import annotations

import functools
import importlib
import zlib
from collections.abc import Iterable
from typing import Any

_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's wbits
_MOST_PARTS = 100  # gzip members or zstd frames, one behind another
_WINDOW_LOG = 23  # of zstd, 8 MB: what RFC 9659 allows on the web


class ContentCodingError(ValueError):
    """Refuse a coded body.

    Args:
        status: 400, 413 or 415.
        detail: What is wrong.
        headers: Of the answer.
    """

    def __init__(
        self, status: int, detail: str, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(detail)
        self.status, self.headers = status, headers


def codings_of(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """List a body's codings, in all lines of the header, without ``identity``.

    Args:
        headers: With names in lower case.
    """
    values = [value for name, value in headers if name == b"content-encoding"]
    words = [word.strip().lower().decode("latin-1") for v in values for word in v.split(b",")]
    return tuple(word for word in words if word not in ("", "identity"))


def decoded(body: bytes, codings: tuple[str, ...], most: int) -> bytes:
    """Undo the coding of a body.

    Args:
        body: As it came.
        codings: What ``codings_of`` found.
        most: Bytes that it may have when decoded.

    Raises:
        ContentCodingError: 415, the coding is none that is read, or there are several; 400, the
            body is not in it; 413, it is larger.
    """
    if not codings or not body:
        return body
    if len(codings) > 1 or codings[0] not in _readable():
        readable = ", ".join(_readable())
        detail = f"Content-Encoding {', '.join(codings)!r:.60} is not read here; send {readable}"
        accept = (b"accept-encoding", readable.encode())
        raise ContentCodingError(415, f"{detail}, or the body as it is", (accept,))
    try:
        found = _UNDO[codings[0]](body, most + 1)
    except (zlib.error, EOFError, _zstd_error()) as error:
        raise ContentCodingError(400, f"the body is not {codings[0]}: {error!s:.100}") from None
    if len(found) > most:
        raise ContentCodingError(413, f"the body is larger than {most} bytes when decoded")
    return found


def _ungzipped(body: bytes, most: int) -> bytes:
    return _joined(lambda: zlib.decompressobj(_GZIP), body, most)


def _inflated(body: bytes, most: int) -> bytes:
    """Undo deflate: in zlib's frame, as it should be, or without, as some clients send it."""
    try:
        return _joined(lambda: zlib.decompressobj(_ZLIB), body, most)
    except zlib.error:
        return _joined(lambda: zlib.decompressobj(_RAW), body, most)


def _unzstd(body: bytes, most: int) -> bytes:
    zstd = _zstd()
    options = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
    return _joined(lambda: zstd.ZstdDecompressor(options=options), body, most)


def _joined(make: Any, body: bytes, most: int) -> bytes:
    """Decode parts that follow each other, until there is enough."""
    found: list[bytes] = []
    for _ in range(_MOST_PARTS):
        part = make()
        found.append(part.decompress(body, most))
        most -= len(found[-1])
        if most <= 0:
            break
        if not part.eof:
            raise EOFError("it is not whole")
        body = part.unused_data.lstrip(b"\0")
        if not body:
            break
    else:
        raise EOFError(f"it has more than {_MOST_PARTS} parts")
    return b"".join(found)


_UNDO = {
    "gzip": _ungzipped,
    "x-gzip": _ungzipped,
    "deflate": _inflated,
    "zstd": _unzstd,
}


def _readable() -> list[str]:
    return [name for name in _UNDO if name != "zstd" or _zstd() is not None]


def _zstd_error() -> type[Exception]:
    found: type[Exception] = EOFError if _zstd() is None else _zstd().ZstdError
    return found


@functools.cache
def _zstd() -> Any:
    """Give the module that reads zstd; None if there is none."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None
