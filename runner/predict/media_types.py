"""Say which media types are read and written, and choose among them. Source: RFC 9110, 12.5.1."""

from __future__ import annotations

import enum
import functools
import importlib.util
from collections.abc import Sequence
from typing import TypeVar

from runner.access.accept import qualities_of, quality_of
from runner.http.forms import media_type
from runner.predict.problem_error import ProblemError


class MediaType(enum.StrEnum):
    """Name what a body may be."""

    JSON = "application/json"
    LINES = "application/x-ndjson"
    CSV = "text/csv"
    ARROW = "application/vnd.apache.arrow.stream"
    PARQUET = "application/vnd.apache.parquet"
    FORM = "multipart/form-data"


EVENTS = "text/event-stream"
"""Server-sent events, which are only written. Source: WHATWG, HTML, 9.2."""

Media = TypeVar("Media", bound=str)

_ALIASES = {
    "": MediaType.JSON,
    "text/json": MediaType.JSON,
    "application/jsonl": MediaType.LINES,
    "application/jsonlines": MediaType.LINES,
    "application/ndjson": MediaType.LINES,
    "application/x-jsonlines": MediaType.LINES,
    "application/x-parquet": MediaType.PARQUET,
}
_URLENCODED = "application/x-www-form-urlencoded"


def media_type_of(content_type: bytes, *, takes_forms: bool, is_bare: bool = False) -> MediaType:
    """Tell what a body is by its Content-Type.

    Args:
        content_type: The header's value; empty if there is none.
        takes_forms: Whether forms with files are read.
        is_bare: Whether the body is a bare number, which looks the same as a form's text: what
            ``curl -d 5`` sends.

    Raises:
        ProblemError: 415, it is nothing that can be read.
    """
    name = media_type(content_type.decode("latin-1"))
    found = _ALIASES.get(name)
    if found is None and name.endswith("+json"):
        found = MediaType.JSON
    if found is None and is_bare and name == _URLENCODED:
        found = MediaType.JSON
    if found is None and name in list(MediaType):
        found = MediaType(name)
    if found is None or (found is MediaType.FORM and not takes_forms):
        readable = [each.value for each in _readable() if takes_forms or each is not MediaType.FORM]
        mend = "; curl needs -H 'Content-Type: application/json'" if name == _URLENCODED else ""
        raise ProblemError(
            415,
            f"{name:.100} is not read here; send {readable[0]} (one item), "
            f"or {', '.join(readable[1:])}{mend}",
            headers=[(b"accept", ", ".join(readable).encode())],
        )
    return found


def negotiated(accept: bytes, offered: Sequence[Media]) -> Media:
    """Choose what an answer is to be: what the client likes best, else what is offered first.

    Raises:
        ProblemError: 406, the client takes nothing of what there is.
    """
    if not accept or accept == b"*/*":
        return offered[0]
    named = qualities_of(accept.decode("latin-1")).items()
    qualities = {_ALIASES.get(name, name) if name else name: quality for name, quality in named}
    ranked = [(quality_of(each, qualities), each) for each in offered]
    best = max(quality for quality, _ in ranked)
    if best <= 0:
        wanted = accept.decode("latin-1")
        raise ProblemError(406, f"the answer can be {', '.join(offered)}, not {wanted:.80}")
    return next(each for quality, each in ranked if quality == best)


@functools.cache
def _readable() -> list[MediaType]:
    """List what can be read here: tables only where there is a library for them."""
    has_tables = importlib.util.find_spec("pyarrow") is not None
    return [
        each for each in MediaType if has_tables or each not in (MediaType.ARROW, MediaType.PARQUET)
    ]
