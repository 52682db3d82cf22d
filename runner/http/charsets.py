"""Decode text by the charsets that the web uses, and by no other codec of Python's.

Some of Python's codecs take seconds for a megabyte (punycode), and the name of a codec that is not
known yet makes Python import a module and remember the name for ever. So names are looked up in a
table of ours, of what a client may say.
"""

from __future__ import annotations

import codecs
from encodings.aliases import aliases

from runner.http.forms import parameters_of

BOM = codecs.BOM_UTF8

_CODECS = {
    *("ascii", "latin_1", "utf_8", "utf_8_sig"),
    *("utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le"),
    *(f"cp{number}" for number in range(1250, 1259)),
}


def _as_written(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(" ", "-")


_KNOWN = {_as_written(codec): codec for codec in _CODECS}
_KNOWN |= {_as_written(alias): codec for alias, codec in aliases.items() if codec in _CODECS}


class UnknownCharsetError(ValueError):
    """Report a charset that is not read."""


def codec_of(content_type: str) -> str:
    """Name the codec of a Content-Type's charset; empty if it names none.

    Raises:
        UnknownCharsetError: It is none that is read.
    """
    given = parameters_of(content_type).get("charset", "") if ";" in content_type else ""
    if not given:
        return ""
    found = _KNOWN.get(_as_written(given))
    if found is None:
        raise UnknownCharsetError(
            f"the charset {given!r:.60} is not read here; send utf-8, or one of ascii, latin-1,"
            " utf-16, utf-32, windows-1250 to windows-1258"
        )
    return found


def utf8_of(body: bytes, content_type: str) -> bytes:
    """Give a text in UTF-8, whatever charset it came in, without a byte order mark.

    Raises:
        UnknownCharsetError: The charset is none that is read.
        UnicodeDecodeError: The body is not in that charset.
    """
    codec = codec_of(content_type)
    if codec not in ("", "ascii", "utf_8", "utf_8_sig"):
        body = body.decode(codec).encode("utf-8", "surrogatepass")
    return body.removeprefix(BOM)
