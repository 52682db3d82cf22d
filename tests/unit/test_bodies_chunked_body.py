"""A chunked body is read strictly, and alike in whatever pieces it comes."""

from __future__ import annotations

import pytest

from runner.bodies.chunked_body import ChunkedBody, ChunkError

WHOLE = b"3\r\nabc\r\n00A ;a=b;c\r\n0123456789\r\n000\r\nX: y\r\nZ:\r\n\r\n"


def read(*pieces: bytes, most: int = 1000) -> tuple[bytes, bytes, bool]:
    """Give the body, what is left behind it, and whether it is whole."""
    body, found, rest = ChunkedBody(), b"", b""
    for piece in pieces:
        part, rest = body.read(rest + piece, most)
        found += part
    return found, rest, body.is_whole


@pytest.mark.parametrize("cut", range(len(WHOLE) + 4))
def test_it_may_be_cut_anywhere(cut: int) -> None:
    """What comes behind it is the next request."""
    data = WHOLE + b"next"
    assert read(data[:cut], data[cut:]) == (b"abc0123456789", b"next", True)


def test_single_bytes_will_do() -> None:
    """However slow a client is."""
    assert read(*(bytes([byte]) for byte in WHOLE)) == (b"abc0123456789", b"", True)


WRONG = [
    *(
        b"g\r\n",
        b"0x3\r\nabc\r\n",
        b"+3\r\nabc\r\n",
        b"-1\r\n",
        b" 3\r\n",
        b"3 \r\nabc\r\n",
        b"\r\n",
    ),
    *(b"3\nabc\r\n", b"3\r\nabc\n0", b"3\r\nabcd\r\n", b"3\r\nab\r\n\r\n", b"1_0\r\n", b"3,3\r\n"),
    *(b"f" * 16 + b"\r\n", b"0" * 16 + b"\r\n", b"3;\0\r\n", b"3;a\n\r\n", b"3;" + b"a" * 1100),
    *(b"0\r\nX\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\nX: \n\r\n"),
    *(b"0\r\nX: " + b"y" * 1100, b"0\r\n" + b"X: y\r\n" * 65 + b"\r\n", b"0\r\n\n"),
]


@pytest.mark.parametrize("data", WRONG, ids=lambda data: repr(data[:20]))
def test_what_is_unclear_is_refused_in_the_same_words(data: bytes) -> None:
    """Whether it comes at once or byte by byte."""
    with pytest.raises(ChunkError) as at_once:
        read(data)
    with pytest.raises(ChunkError) as in_time:
        read(*(bytes([byte]) for byte in data))
    assert str(at_once.value) == str(in_time.value)
