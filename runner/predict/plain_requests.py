"""Tell the plain requests, which the fast route answers, from all others."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.access.gate import Gate
from runner.config import Limits
from runner.http.plain_head import PLAIN_FIELDS, head_expression
from runner.predict.batching import Batcher
from runner.predict.http_messages import LONGEST_TIMEOUT

_LONGEST = LONGEST_TIMEOUT / 1000
_LONGEST_BODY = 65_536  # beyond it the ordinary way has a client wait (flow control)

# A model's client sends JSON, takes JSON, and goes on; all else is for the ordinary way.
_FIELDS = PLAIN_FIELDS | {
    "accept": rb"(?:\*/\*|application/json(?:, (?:text/plain, )?\*/\*)?)()",
    "connection": rb"(?i:keep-alive)()",
    "content-type": rb"(?i:application/json(?:; ?charset=utf-8)?)()",
}
_match = head_expression(b"POST", _FIELDS).match
# Where a key is needed. With credentials of another scheme than ``Bearer`` a request is not plain.
_KEYS = {"authorization": rb"(?i:bearer) ([!-~]++)", "x-api-key": rb"([!-~]++)"}
_KEYED_FIELDS = dict(sorted((_FIELDS | _KEYS).items()))

# The groups of the target, the length, the types, the host and the time.
_GROUPS, _KEYED_GROUPS = (1, 4, 5, 6, 7), (1, 5, 6, 7, 9)


# Who predicts, where the body begins and ends, the seconds that the client waits, None if it does
# not say, and the name of its key. A bare tuple, for there is one for each request.
PlainRequest = tuple[Batcher, int, int, float | None, str]


class PlainRequests:
    """Know which heads are plain.

    Args:
        batchers: By path.
        limits: How large a head and a body may be.
        gate: Lets requests in.
    """

    def __init__(self, batchers: Mapping[str, Batcher], limits: Limits, gate: Gate) -> None:
        self._gate, self._hosts = gate if gate.is_on else None, gate.hosts
        self._match, self._groups = _match, _KEYED_GROUPS if gate.is_on else _GROUPS
        # With CORS the answer depends on the site whose page asks.
        refused = () if gate.cors is None else ("origin",)
        if gate.is_on or refused:
            fields = _KEYED_FIELDS if gate.is_on else _FIELDS
            self._match = head_expression(b"POST", fields, refused).match
        self._batchers = {path.encode(): batcher for path, batcher in batchers.items()}
        self._largest_head = limits.max_header
        self._largest_body = min(limits.max_body, _LONGEST_BODY)

    def read(self, data: bytes) -> PlainRequest | None:
        """Read the head with which these bytes begin; None if it is not whole, or not plain."""
        found = self._match(data)
        if found is None:
            return None
        target, length, content_type, host, milliseconds = found.group(*self._groups)
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
        key_name = "" if self._gate is None else _key_name(found, self._gate)
        return None if key_name is None else (batcher, start, start + size, seconds, key_name)


def _key_name(found: re.Match[bytes], gate: Gate) -> str | None:
    """Let a request in by its one key; None if it is to be refused on the ordinary way."""
    bearer, key = found.group(3, 8)
    if (bearer is None) == (key is None):
        return None
    return gate.name_of(key if bearer is None else bearer)
