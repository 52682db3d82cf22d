"""The charsets that a client may name."""

from __future__ import annotations

import pytest

from runner.http.charsets import UnknownCharsetError, codec_of, utf8_of


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF-8", "utf_8"),
        ('"utf8"', "utf_8"),
        ("us-ascii", "ascii"),
        ("ISO-8859-1", "latin_1"),
        ("latin-1", "latin_1"),
        ("windows-1252", "cp1252"),
        ("CP1251", "cp1251"),
        ("UTF-16LE", "utf_16_le"),
        ("utf-32", "utf_32"),
    ],
)
def test_a_charset_is_known_by_its_aliases(name: str, codec: str) -> None:
    """As the web writes them, and as Python does."""
    assert codec_of(f"text/plain; charset={name}") == codec


@pytest.mark.parametrize("name", ["punycode", "idna", "utf-7", "rot13", "hex", "zlib", "x" * 5000])
def test_no_other_codec_of_python_is_used(name: str) -> None:
    """Some take seconds for a megabyte, others unpack it."""
    with pytest.raises(UnknownCharsetError, match="is not read here") as caught:
        codec_of(f"text/plain; charset={name}")
    assert len(str(caught.value)) < 300


def test_a_text_becomes_utf8_without_a_mark() -> None:
    """Whatever it came in."""
    for charset in ("utf-8", "utf-16", "utf-32", "latin-1", "windows-1252"):
        assert utf8_of("ü".encode(charset), f"text/csv; charset={charset}") == "ü".encode()
    assert utf8_of("\ufeffü".encode(), "text/csv") == "ü".encode()
    assert utf8_of("\ufeffü".encode("utf-16-le"), "text/csv; charset=utf-16-le") == "ü".encode()
