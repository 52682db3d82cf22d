"""Give what a client sent, or is sent, without its secrets, by what it says of its form.

The rules of this file:

1. JSON, forms and query strings keep their shape: the values of secret names are masked, at any
   depth.
2. Of all else it is not known where a value ends: CSV with a secret column, an upload with a secret
   part, half a JSON text, a table in binary. What names a secret is masked as a whole.
3. Most bodies name none. That is seen by one search, before anything is parsed.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Collection, Iterable

from runner.masking.names import HINTS, MASK, is_secret
from runner.masking.values import masked, without_passwords

FORM = "application/x-www-form-urlencoded"

_STRING = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"\s*+(:?)', re.DOTALL)
# What is said to have a value: `name: `, `name=`, `"name": `, and the part of an upload.
_NAMED = re.compile(r"\bname=\"?+([^\";\r\n]*+)|(?<![\w.-])([\w.-]++)\\*+[\"']?\s*+[:=]")
_WORD = re.compile(r"(?<![\w-])[A-Za-z_][\w-]*+", re.ASCII)
_COLUMN = re.compile(r"[^,;\t|]++")


class TextMasking:
    """Mask texts.

    Args:
        secrets: Names that are secrets besides the well-known ones.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = frozenset(secrets)
        # JSON may write any letter by its number.
        self._hints = (*HINTS, *(name.lower() for name in self._secrets), "\\u")

    def text(self, text: str, media_type: str) -> str:
        """Give a body without its secrets.

        Args:
            text: The body, or its beginning.
            media_type: Of it, in lower case, without parameters.
        """
        is_csv = media_type.endswith("csv")
        looks_like_json = not is_csv and text.lstrip()[:1] in ("{", "[")
        if media_type == FORM and not looks_like_json:  # `curl -d` says so of whatever it sends
            return self.query(text)
        if not (self._may_name(text) or ("://" in text and "@" in text)):
            return text
        is_json = media_type == "application/json" or media_type.endswith("+json")
        if is_json or looks_like_json:
            return self._json(text)
        return self._of_unknown_form(text, is_csv=is_csv)

    def _of_unknown_form(self, text: str, *, is_csv: bool = False) -> str:
        columns = _COLUMN.findall(text.partition("\n")[0]) if is_csv else []
        named = (name for found in _NAMED.findall(text) for name in found)
        return MASK if self._has_secret([*columns, *named]) else without_passwords(text)

    def query(self, text: str) -> str:
        """Give a query string, or a form, without its secrets."""
        given = urllib.parse.unquote_plus(text)
        if not (self._may_name(given) or ("://" in given and "@" in given)):
            return text
        return "&".join(map(self._pair, text.split("&")))

    def names_secret(self, data: bytes) -> bool:
        """Tell whether a body that is no text, such as a table, has a secret name anywhere."""
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
        given = urllib.parse.unquote_plus(value)
        is_secret = self._is_secret(urllib.parse.unquote_plus(name))
        return (
            name + equals + MASK if value and (is_secret or self.text(given, "") != given) else pair
        )

    def _json(self, text: str) -> str:
        keys = [key for key, colon in _STRING.findall(text) if colon]
        has_urls = "://" in text and "@" in text
        has_escapes = any("\\" in key for key in keys)
        if not (has_urls or has_escapes or self._has_secret(keys)):
            return text if _is_json(text) else self._of_unknown_form(text)
        try:
            value = json.loads(text)
            return json.dumps(masked(value, self._secrets))
        except (ValueError, RecursionError):
            return MASK

    def _has_secret(self, names: Iterable[str]) -> bool:
        return any(map(self._is_secret, {*names}))

    def _is_secret(self, name: str) -> bool:
        return name in self._secrets or is_secret(name)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
