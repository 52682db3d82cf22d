"""Give what a client sent, or is sent, without its secrets, by what it says of its form.

The rules of this file:

1. JSON, forms and query strings keep their shape: the values of secret names are masked, at any
   depth, also of JSON in a text of JSON.
2. Of all else it is not known where a value ends: CSV with a secret column, an upload with a secret
   part, XML, half a JSON text, a table in binary. What names a secret is masked as a whole.
3. Most bodies name none. That is seen by one search, before anything is parsed.
"""

from __future__ import annotations

import itertools
import json
import re
import urllib.parse
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from runner.masking.names import HINTS, MASK, is_one_of, is_secret
from runner.masking.values import masked, may_hold_url, without_passwords

FORM = "application/x-www-form-urlencoded"

_STRING = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"\s*+(:?)', re.DOTALL)
# What is said to have a value: `name: `, `name=`, `"name": `, `<name>`, and the part of an upload.
_NAMED = re.compile(
    r"\bname=\"?+([^\";\r\n]*+)|<(?:[\w.-]++:)?+([\w.-]++)|(?<![\w.-])([\w.-]++)\\*+[\"']?\s*+[:=]"
)
_WORD = re.compile(r"(?<![\w-])[A-Za-z_][\w-]*+", re.ASCII)
_COLUMN = re.compile(r"[^,;\t|]++")
_SEVERAL = re.compile(r"[^,;\t|][,;\t|]++[^,;\t|]")
_JSON = ("{", "[")


class TextMasking:
    """Mask texts.

    Args:
        secrets: Names that are secrets besides the well-known ones.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = frozenset(secrets)
        self._phrases = [name for name in self._secrets if not _WORD.fullmatch(name)]
        # JSON may write any letter by its number.
        self._hints = (*HINTS, *(name.lower() for name in self._secrets), "\\u")

    def text(self, text: str, media_type: str) -> str:
        """Give a body without its secrets.

        Args:
            text: The body, or its beginning.
            media_type: Of it, in lower case, without parameters.
        """
        looks_like_json = not media_type.endswith("csv") and text.lstrip()[:1] in _JSON
        if media_type == FORM and not looks_like_json:  # `curl -d` says so of whatever it sends
            return self.query(text)
        if not (self._may_name(text) or may_hold_url(text)):
            return text
        is_json = media_type == "application/json" or media_type.endswith("+json")
        if is_json or looks_like_json:
            return self._json(text)
        return self._of_unknown_form(text, media_type)

    def _of_unknown_form(self, text: str, media_type: str = "") -> str:
        named = (name for found in _NAMED.findall(text) for name in found)
        is_named = self._has_secret([*_columns(text, media_type), *named])
        if is_named or any(phrase in text for phrase in self._phrases):
            return MASK
        return without_passwords(text)

    def query(self, text: str) -> str:
        """Give a query string, or a form, without its secrets."""
        given = urllib.parse.unquote_plus(text)
        if not (self._may_name(given) or may_hold_url(given)):
            return text
        return "&".join(map(self._pair, text.split("&")))

    def names_secret(self, data: bytes) -> bool:
        """Tell whether a body that is no text, such as a table, has a secret name anywhere."""
        if any(phrase.encode() in data for phrase in self._phrases):
            return True
        text = data.decode("latin-1")
        return self._may_name(text) and self._has_secret(_WORD.findall(text))

    def _may_name(self, text: str) -> bool:
        """Tell what most texts do not: that a secret may be named."""
        lower = text.lower()
        for hint in self._hints:  # noqa: SIM110 - a generator takes twice as long
            if hint in lower:
                return True
        return False

    def _pair(self, pair: str) -> str:
        name, equals, value = pair.partition("=")
        if self._is_hidden(urllib.parse.unquote_plus(name)):  # it is no form, but called one
            return MASK
        given = urllib.parse.unquote_plus(value)
        is_secret = self._is_secret(urllib.parse.unquote_plus(name))
        return name + equals + MASK if value and (is_secret or self._is_hidden(given)) else pair

    def _is_hidden(self, text: str) -> bool:
        return self.text(text, "") != text

    def _json(self, text: str) -> str:
        strings = _STRING.findall(text)  # a value may name what stands beside it
        has_escapes = any(colon and "\\" in key for key, colon in strings)
        has_urls = without_passwords(text) != text
        may_hide = has_urls or has_escapes or self._has_secret(each for each, _ in strings)
        if not may_hide and "\\" not in text:  # by which JSON stands in a text of JSON
            return text if _is_json(text) else self._of_unknown_form(text)
        try:
            value = json.loads(text, object_pairs_hook=_unique)
            hidden = masked(value, self._secrets, of_text=self._inner)
            return text if hidden == value else json.dumps(hidden)
        except (ValueError, RecursionError):
            return MASK if may_hide else self._of_unknown_form(text)

    def _inner(self, text: str) -> str:
        return self.text(text, "") if text.lstrip()[:1] in _JSON else without_passwords(text)

    def _has_secret(self, names: Iterable[str]) -> bool:
        return any(map(self._is_secret, {*names}))

    def _is_secret(self, name: str) -> bool:
        return is_one_of(self._secrets, name) or is_secret(name)


def _columns(text: str, media_type: str) -> Iterator[str]:
    """Give what may be the columns' names of a table, whatever it is called, or in an upload."""
    lines = [line.strip(" \r\ufeff") for line in text.split("\n")]
    full = [line for line in lines if line]
    if media_type.startswith("multipart/"):  # an empty line stands before what a part holds
        begun = zip(lines, ["", *lines], strict=False)
        heads = [a for a, b in begun if _SEVERAL.search(a) or not (b or " " in a)]
    elif media_type.endswith("csv"):
        comments = itertools.takewhile(lambda line: line.startswith("#"), full)
        heads = full[: len([*comments]) + 1]
    else:
        is_table = len(full) > 1 and all(map(_SEVERAL.search, full[:2]))
        heads = full[:is_table]
    for column in itertools.chain.from_iterable(map(_COLUMN.findall, heads)):
        yield column.strip("# \"'")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, of whose values none is hidden by another."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
