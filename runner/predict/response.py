"""Let an author answer with a status, a type and headers of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME = re.compile(_WORD)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}(?: *; *{_WORD}=(?:{_WORD}|\"[^\"\\\x00-\x1f]*\"))*")
# What says how the bytes are framed, and which run answers, is the server's to say.
_OURS = {"connection", "content-length", "content-type", "keep-alive", "te", "trailer"} | {
    "transfer-encoding",
    "upgrade",
    "x-run-id",
}
_WITHOUT_BODY = (204, 205, 304)


class Response:
    """Answer with a status, a media type and headers of your own.

    Args:
        body: Bytes and strings are sent as they are; a figure or a picture as the client accepts
            it; a generator as a stream; anything else as JSON.
        status: The HTTP status, from 200 to 599.
        media_type: What the body is. Unless given, a string is ``text/plain``, and bytes are
            ``application/octet-stream``.
        headers: More headers, by name or as pairs.

    Raises:
        TypeError: A name or a value is no string.
        ValueError: There is no such status, or a header or type that HTTP cannot say.
    """

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self,
        body: Any = None,
        *,
        status: int = 200,
        media_type: str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> None:
        if not (isinstance(status, int) and 200 <= status <= 599):
            raise ValueError(f"status={status!r}: an answer has a status from 200 to 599")
        if status in _WITHOUT_BODY and body is not None:
            raise ValueError(f"status={status}: an answer of this status has no body")
        self.body = body
        self.status = int(status)
        self.media_type = None if media_type is None else checked_media_type(media_type)
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        self.headers = tuple(_checked_header(name, value) for name, value in pairs)


def checked_media_type(media_type: str) -> str:
    """Accept a media type.

    Raises:
        ValueError: It is none.
    """
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise ValueError(f"media_type={media_type!r}: write a type such as 'text/csv'")
    return media_type


def _checked_header(name: str, value: str) -> tuple[bytes, bytes]:
    if not (isinstance(name, str) and isinstance(value, str)):
        raise TypeError(f"headers: {name!r}: {value!r}: name and value must be strings")
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"headers: {name!r}: {value!r} cannot be a header")
    if name.lower() in _OURS:
        mend = "media_type=…" if name.lower() == "content-type" else "the server says it"
        raise ValueError(f"headers: {name!r} cannot be given here: {mend}")
    return name.lower().encode(), value.strip().encode("latin-1")
