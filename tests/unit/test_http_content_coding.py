"""Bodies that come compressed."""

from __future__ import annotations

import gzip
import importlib.util
import zlib
from collections.abc import Callable

import pytest

from runner.http.content_coding import ContentCodingError, codings_of, decoded

BODY = b'{"n": 4}' * 100
HAS_ZSTD = any(
    importlib.util.find_spec(package) and importlib.util.find_spec(f"{package}.zstd")
    for package in ("compression", "backports")
)


def raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw),
]


@pytest.mark.parametrize(("coding", "packed"), PACKED)
def test_what_was_packed_is_unpacked(coding: str, packed: Callable[[bytes], bytes]) -> None:
    """As far as the bound goes, to the byte."""
    assert decoded(packed(BODY), (coding,), len(BODY)) == BODY
    with pytest.raises(ContentCodingError, match="larger than") as caught:
        decoded(packed(BODY), (coding,), len(BODY) - 1)
    assert caught.value.status == 413


@pytest.mark.parametrize(("coding", "packed"), PACKED)
def test_what_is_broken_is_refused(coding: str, packed: Callable[[bytes], bytes]) -> None:
    """Cut, spoilt, or nothing of the kind."""
    for body in (packed(BODY)[:-9], b"nonsense", packed(BODY) + b"x"):
        with pytest.raises(ContentCodingError) as caught:
            decoded(body, (coding,), 10_000)
        assert caught.value.status == 400


def test_a_bomb_costs_no_more_than_the_bound() -> None:
    """A hundred megabytes of zeros are a hundred kilobytes."""
    with pytest.raises(ContentCodingError) as caught:
        decoded(gzip.compress(bytes(100_000_000), 1), ("gzip",), 1_000_000)
    assert caught.value.status == 413


def test_a_gzip_file_may_have_members() -> None:
    """One behind another, but not without end."""
    assert decoded(gzip.compress(b"a") * 3, ("gzip",), 100) == b"aaa"
    with pytest.raises(ContentCodingError, match="parts"):
        decoded(gzip.compress(b"") * 1000, ("gzip",), 100)


@pytest.mark.parametrize("codings", [("br",), ("gzip", "gzip"), ("gzip, deflate",), ("x" * 5000,)])
def test_what_is_not_read_is_415(codings: tuple[str, ...]) -> None:
    """And says what is."""
    found = codings_of([(b"content-encoding", each.encode()) for each in codings])
    with pytest.raises(ContentCodingError) as caught:
        decoded(gzip.compress(BODY), found, 10_000)
    ((name, value),) = caught.value.headers
    assert (caught.value.status, name) == (415, b"accept-encoding")
    assert value.startswith(b"gzip, ")
    assert len(str(caught.value)) < 300


def test_identity_is_no_coding() -> None:
    """It may stand there."""
    assert codings_of([(b"content-encoding", b"identity, GZIP"), (b"host", b"x")]) == ("gzip",)
    assert decoded(BODY, (), 1) == BODY


@pytest.mark.skipif(not HAS_ZSTD, reason="neither compression.zstd nor backports.zstd is there")
def test_zstd_is_read_where_it_can_be_had() -> None:
    """Within the same bound."""
    name = "compression.zstd" if importlib.util.find_spec("compression") else "backports.zstd"
    packed = importlib.import_module(name).compress(BODY)
    assert decoded(packed, ("zstd",), len(BODY)) == BODY
    for body, most, status in ((packed, len(BODY) - 1, 413), (packed[:-3], 10_000, 400)):
        with pytest.raises(ContentCodingError) as caught:
            decoded(body, ("zstd",), most)
        assert caught.value.status == status
