"""Tell the plain requests, which the fast route answers, from all others."""

from __future__ import annotations

from collections.abc import Mapping

from runner.access.gate import Gate
from runner.config import Limits
from runner.http.plain_head import PLAIN_FIELDS, head_expression
from runner.predict.batching import Batcher
from runner.predict.http_messages import LONGEST_TIMEOUT
from runner.telemetry.request_trace import VALUE

_LONGEST = LONGEST_TIMEOUT / 1000
_LONGEST_BODY = 65_536  # beyond it the ordinary way has a client wait (flow control)

# A model's client sends JSON, takes JSON, and goes on; all else is for the ordinary way.
_OURS = {
    "accept": rb"(?:\*/\*|application/json(?:, (?:text/plain, )?\*/\*)?)()",
    "connection": rb"(?i:keep-alive)()",
    "content-type": rb"(?i:application/json(?:; ?charset=utf-8)?)()",
    "traceparent": rb"(%b)" % VALUE,
}
_FIELDS = dict(sorted((PLAIN_FIELDS | _OURS).items()))
_match = head_expression(b"POST", _FIELDS).match


# Who predicts, where the body begins and ends, the seconds that the client waits, None if it does
# not say, the name of its key, and its `traceparent`, None if it has none. A bare tuple, for there
# is one for each request.
PlainRequest = tuple[Batcher, int, int, float | None, str, bytes | None]


class PlainRequests:
    """Know which heads are plain.

    Args:
        batchers: By path.
        limits: How large a head and a body may be.
        gate: Says which hosts may be asked for, and whether sites may ask.
    """

    def __init__(self, batchers: Mapping[str, Batcher], limits: Limits, gate: Gate) -> None:
        self._match, self._hosts = _match, gate.hosts
        if gate.cors is not None:  # the answer depends on the site whose page asks
            self._match = head_expression(b"POST", _FIELDS, ("origin",)).match
        self._batchers = {path.encode(): batcher for path, batcher in batchers.items()}
        self._largest_head = limits.max_header
        self._largest_body = min(limits.max_body, _LONGEST_BODY)

    def read(self, data: bytes) -> PlainRequest | None:
        """Read the head with which these bytes begin; None if it is not whole, or not plain."""
        match = self._match  # called at once, it would be looked for among the methods first
        found = match(data)
        if found is None:
            return None
        target, _, _, length, content_type, host, traceparent, milliseconds = found.groups()
        batcher = self._batchers.get(target)
        if batcher is None or length is None or content_type is None or host is None:
            return None
        if self._hosts is not None and not self._hosts[host]:
            return None
        start, size = found.end(), int(length)
        seconds = None if milliseconds is None else int(milliseconds) / 1000
        if (
            not 0 < size <= self._largest_body
            or start > self._largest_head
            or (seconds is not None and not 0 < seconds <= _LONGEST)
        ):
            return None
        return batcher, start, start + size, seconds, "", traceparent


class KeyedRequests(PlainRequests):
    """Know likewise, where a key is needed: who gives none, or more than one, is not plain.

    Args:
        batchers: By path.
        limits: How large a head and a body may be.
        gate: Lets requests in.
    """

    def __init__(self, batchers: Mapping[str, Batcher], limits: Limits, gate: Gate) -> None:
        super().__init__(batchers, limits, gate)
        self._gate = gate

    def read(self, data: bytes) -> PlainRequest | None:
        """Read the head with which these bytes begin; None if the ordinary way is to answer."""
        plain = PlainRequests.read(self, data)  # which costs less than by `super`
        if plain is None:
            return None
        batcher, start, end, seconds, _, traceparent = plain
        name = self._gate.name_in(data, start)
        return None if name is None else (batcher, start, end, seconds, name, traceparent)
