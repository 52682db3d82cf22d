"""Tell the plain requests, which the fast route answers, from all others."""

from __future__ import annotations

from collections.abc import Mapping

from runner.config import Limits
from runner.http.plain_head import match_head
from runner.predict.batching import Batcher
from runner.predict.http_messages import JSON, LONGEST_TIMEOUT

_LONGEST_BODY = 65_536  # beyond it the ordinary way has a client wait (flow control)

# What may stand in a plain head, besides fields that nobody here reads.
_TYPES = {JSON, JSON + b"; charset=utf-8", JSON + b";charset=utf-8"}
_ACCEPTED = {None, b"*/*", JSON, JSON + b", */*", JSON + b", text/plain, */*"}
_CONNECTIONS = {None, b"keep-alive", b"Keep-Alive"}
_LONGEST = LONGEST_TIMEOUT / 1000


# Who predicts, where the body begins and ends, and the seconds that the client waits; None if it
# does not say. A bare tuple, for there is one for each request.
PlainRequest = tuple[Batcher, int, int, float | None]


class PlainRequests:
    """Know which heads are plain.

    Args:
        batchers: By path.
        limits: How large a head and a body may be.
    """

    def __init__(self, batchers: Mapping[str, Batcher], limits: Limits) -> None:
        self._batchers = {path.encode(): batcher for path, batcher in batchers.items()}
        self._largest_head = limits.max_header
        self._largest_body = min(limits.max_body, _LONGEST_BODY)

    def read(self, data: bytes) -> PlainRequest | None:
        """Read the head with which these bytes begin; None if it is not whole, or not plain."""
        found = match_head(data)
        if found is None:
            return None
        method, target, _, accept, connection, length, content_type, host, time = found.groups()
        batcher = self._batchers.get(target)
        if (
            batcher is None
            or method != b"POST"
            or host is None
            or length is None
            or content_type not in _TYPES
            or accept not in _ACCEPTED
            or connection not in _CONNECTIONS
        ):
            return None
        start, size = found.end(), int(length)
        seconds = None if time is None else int(time) / 1000
        if (
            not 0 < size <= self._largest_body
            or start > self._largest_head
            or (seconds is not None and not 0 < seconds <= _LONGEST)
        ):
            return None
        return batcher, start, start + size, seconds
