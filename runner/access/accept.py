"""Read what a client likes of media types, by its Accept header. Source: RFC 9110, 12.5.1."""

from __future__ import annotations

from collections.abc import Mapping


def qualities_of(accept: str) -> dict[str, float]:
    """Say how much a client likes each media type, or range of them, that it names."""
    found: dict[str, float] = {}
    for part in accept.split(","):
        kind, *words = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in words if word.startswith("q=")), "1")
        try:
            # "nan" is a float too, and equal to nothing: here it is 0.
            found[kind] = max(0.0, float(quality))
        except ValueError:
            found[kind] = 0.0
    return found


def quality_of(kind: str, qualities: Mapping[str, float]) -> float:
    """Say how much a client likes a media type; the most specific range counts."""
    family = kind.partition("/")[0] + "/*"
    return next((qualities[name] for name in (kind, family, "*/*") if name in qualities), 0.0)


def wants_html(accept: bytes) -> bool:
    """Tell a browser, which names HTML in its Accept header, from a program, which does not."""
    qualities = qualities_of(accept.decode("latin-1"))
    return any(qualities.get(kind, 0.0) > 0 for kind in ("text/html", "application/xhtml+xml"))
