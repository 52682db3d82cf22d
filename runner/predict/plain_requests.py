"""Tell the plain requests, which the fast route answers, from all others."""

from __future__ import annotations

from collections.abc import Mapping

from runner.access.gate import Gate
from runner.config import Limits
from runner.http.plain_head import PLAIN_FIELDS, head_expression
from runner.predict.batching import Batcher
from runner.telemetry.request_trace import VALUE

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


class PlainRequests:
    """Say which requests are plain; `FastRouteConnection.take_plain` reads them.

    Args:
        batchers: By path.
        limits: How large a head and a body may be.
        gate: Says which hosts may be asked for, whether sites may ask, and who needs a key.

    Attributes:
        match: Finds a plain head: its target, whether it has ``accept`` and ``connection``, the
            length of its body, whether it has ``content-type``, its host, its ``traceparent``,
            and the milliseconds that the client waits; None for what it has not.
        batchers: Who predicts, by the target.
        hosts: Says whether a host may be asked for; None if any may.
        name_in: Gives the name of the key in a head, or None if there is no right one, or more
            than one; None if no key is needed.
        largest_head: In bytes.
        largest_body: Likewise.
    """

    def __init__(self, batchers: Mapping[str, Batcher], limits: Limits, gate: Gate) -> None:
        self.match, self.hosts = _match, gate.hosts
        if gate.cors is not None:  # the answer depends on the site whose page asks
            self.match = head_expression(b"POST", _FIELDS, ("origin",)).match
        self.batchers = {path.encode(): batcher for path, batcher in batchers.items()}
        self.name_in = gate.name_in if gate.is_on else None
        self.largest_head = limits.max_header
        self.largest_body = min(limits.max_body, _LONGEST_BODY)
