"""Say which media types are read and written, and choose among them. Source: RFC 9110, 12.5.1."""

from __future__ import annotations

import enum
import functools
import importlib.util
from collections.abc import Sequence

from runner.http.forms import media_type
from runner.predict.problems import ProblemError


class Media(enum.StrEnum):
    """Name what a body may be."""

    JSON = "application/json"
    LINES = "application/x-ndjson"
    ARROW = "application/vnd.apache.arrow.stream"
    PARQUET = "application/vnd.apache.parquet"
    FORM = "multipart/form-data"


_ALSO = {
    "": Media.JSON,
    "text/json": Media.JSON,
    "application/jsonl": Media.LINES,
    "application/jsonlines": Media.LINES,
    "application/ndjson": Media.LINES,
    "application/x-jsonlines": Media.LINES,
    "application/x-parquet": Media.PARQUET,
}
_URLENCODED = "application/x-www-form-urlencoded"


def media_of(content_type: bytes, *, takes_forms: bool, is_bare: bool = False) -> Media:
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
    found = _ALSO.get(name)
    if found is None and name.endswith("+json"):
        found = Media.JSON
    if found is None and is_bare and name == _URLENCODED:
        found = Media.JSON
    if found is None and name in list(Media):
        found = Media(name)
    if found is None or (found is Media.FORM and not takes_forms):
        taken = [each.value for each in _read() if takes_forms or each is not Media.FORM]
        mend = "; curl needs -H 'Content-Type: application/json'" if name == _URLENCODED else ""
        raise ProblemError(
            415,
            f"{name} is not read here; send {taken[0]} (one item), or {', '.join(taken[1:])}{mend}",
            headers=[(b"accept", ", ".join(taken).encode())],
        )
    return found


def accepted(accept: bytes, offered: Sequence[Media]) -> Media:
    """Choose what an answer is to be: what the client likes best, else what is offered first.

    Raises:
        ProblemError: 406, the client takes nothing of what there is.
    """
    if not accept or accept == b"*/*":
        return offered[0]
    wishes = _wishes(accept.decode("latin-1"))
    liked = [(_liking(each, wishes), each) for each in offered]
    best = max(share for share, _ in liked)
    if best <= 0:
        raise ProblemError(406, f"the answer can be {', '.join(offered)}, not {accept!r:.80}")
    return next(each for share, each in liked if share == best)


def _wishes(accept: str) -> dict[str, float]:
    found = {}
    for part in accept.split(","):
        name, *words = (word.strip().lower() for word in part.split(";"))
        share = next((word[2:] for word in words if word.startswith("q=")), "1")
        try:
            found[_ALSO.get(name, name) if name else name] = float(share)
        except ValueError:
            found[name] = 0.0
    return found


def _liking(media: Media, wishes: dict[str, float]) -> float:
    family = media.partition("/")[0] + "/*"
    return next((wishes[name] for name in (media, family, "*/*") if name in wishes), 0.0)


@functools.cache
def _read() -> list[Media]:
    """List what can be read here: tables only where there is a library for them."""
    has_tables = importlib.util.find_spec("pyarrow") is not None
    return [each for each in Media if has_tables or each not in (Media.ARROW, Media.PARQUET)]
