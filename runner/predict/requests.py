"""Hold what a client asks, and what it is answered."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping

JSON = b"application/json"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Hold one whole request.

    Attributes:
        method: In capitals.
        path: Percent-decoded, without the query.
        headers: By lower-case name; of a repeated one the last.
        body: Whole, and within the limit.
        query: Without the question mark, percent-encoded.
    """

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes = b""
    query: bytes = b""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Hold one whole answer; the length is added to its headers."""

    status: int = 200
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


Route = Callable[[Request], Awaitable[Answer]]
"""Answers a path: raises a ProblemError for what it refuses; any other error becomes a 500."""
