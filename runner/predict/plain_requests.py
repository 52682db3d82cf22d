"""Tell the plain requests, which the fast route answers, from all others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from runner.predict.batching import Batcher
from runner.predict.http_messages import JSON, timeout_of
from runner.predict.problem_error import ProblemError

_MOST_HEADS = 512
_LONGEST_HEAD = 4_096
_LONGEST_BODY = 65_536  # beyond it the ordinary way has a client wait (flow control)

# What may stand in a plain head, besides headers that nobody here reads.
_TYPES = {JSON, JSON + b"; charset=utf-8", JSON + b";charset=utf-8"}
_ACCEPTED = {b"*/*", JSON, JSON + b", */*", JSON + b", text/plain, */*"}
_UNUSUAL = {b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"trailer", b"te"}
_ONCE = (b"content-type", b"content-length", b"host", b"connection", b"accept")


@dataclasses.dataclass(frozen=True, slots=True)
class PlainRequest:
    """Say what a plain head asks for.

    Attributes:
        batcher: Who predicts.
        path: Where.
        length: Bytes of the body.
        timeout: Seconds that the client waits; None if it does not say.
    """

    batcher: Batcher
    path: str
    length: int
    timeout: float | None


class PlainRequestCache:
    """Know which heads are plain.

    Args:
        batchers: By path.

    Attributes:
        by_head: What those heads ask for that came lately, by their bytes.
    """

    def __init__(self, batchers: Mapping[str, Batcher]) -> None:
        self.by_head: dict[bytes, PlainRequest] = {}
        self._batchers = {path.encode(): batcher for path, batcher in batchers.items()}

    def parse(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> PlainRequest | None:
        """Find out whether a head is plain.

        Args:
            url: Of a POST in HTTP/1.1 that keeps the connection, as the parser read it.
            headers: Likewise, with names in lower case.
        """
        batcher = self._batchers.get(url)
        if batcher is None:
            return None
        given = dict(headers)
        if not _is_plain(given, [name for name, _ in headers]):
            return None
        try:
            timeout = timeout_of(headers)
        except ProblemError:
            return None
        return PlainRequest(batcher, url.decode(), int(given[b"content-length"]), timeout)

    def remember(self, head: bytes, plain: PlainRequest, lines: int) -> None:
        """Know a plain head by its bytes from now on.

        Args:
            head: What came up to the first empty line.
            plain: What it asks for.
            lines: How many headers the parser has found.
        """
        # Each line is one header: so the parser has seen the head begin and end where we do.
        is_regular = head.count(b"\r\n") == head.count(b"\n") == lines + 2
        if not is_regular or len(head) > _LONGEST_HEAD or not head.startswith(b"POST "):
            return
        if len(self.by_head) >= _MOST_HEADS:
            self.by_head.clear()
        self.by_head[head] = plain


def _is_plain(given: Mapping[bytes, bytes], names: Sequence[bytes]) -> bool:
    if any(names.count(name) > 1 for name in _ONCE) or not _UNUSUAL.isdisjoint(names):
        return False
    length = given.get(b"content-length", b"")
    accept = given.get(b"accept", b"*/*")
    return (
        given.get(b"content-type", b"").lower() in _TYPES
        and length.isdigit()
        and 0 < int(length[:9]) <= _LONGEST_BODY
        and len(length) < 9
        and given.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        and accept in _ACCEPTED
    )
