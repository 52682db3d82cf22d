"""Tell the plain requests, which the fast route answers, from all others."""

from __future__ import annotations

from collections.abc import Mapping

from runner.config import Limits
from runner.http.plain_head import PlainHead, plain_head
from runner.predict.batching import Batcher
from runner.predict.http_messages import JSON, TIMEOUTS, timeout_of
from runner.predict.problem_error import ProblemError

_LONGEST_BODY = 65_536  # beyond it the ordinary way has a client wait (flow control)

# What may stand in a plain head, besides fields that nobody here reads.
_TYPES = {JSON, JSON + b"; charset=utf-8", JSON + b";charset=utf-8"}
_ACCEPTED = {b"*/*", JSON, JSON + b", */*", JSON + b", text/plain, */*"}


# Who predicts, the head, and the seconds that the client waits; None if it does not say. A bare
# tuple, for there is one for each request.
PlainRequest = tuple[Batcher, PlainHead, float | None]


class PlainRequests:
    """Know which heads are plain.

    Args:
        batchers: By path.
    """

    def __init__(self, batchers: Mapping[str, Batcher]) -> None:
        self._batchers = {path.encode(): batcher for path, batcher in batchers.items()}

    def read(self, data: bytes, limits: Limits) -> PlainRequest | None:
        """Read the head with which these bytes begin; None if it is not whole, or not plain."""
        head = plain_head(data)
        if head is None or head.method != b"POST" or not head.keeps:
            return None
        batcher = self._batchers.get(head.target)
        fields = head.fields
        if (
            batcher is None
            or not 0 < head.length <= _LONGEST_BODY
            or head.length > limits.max_body
            or head.end > limits.max_header
            or fields.get(b"content-type") not in _TYPES
            or fields.get(b"accept", b"*/*") not in _ACCEPTED
        ):
            return None
        timeout = None
        if not fields.keys().isdisjoint(TIMEOUTS):
            try:
                timeout = timeout_of(fields.items())
            except ProblemError:
                return None
        return batcher, head, timeout
