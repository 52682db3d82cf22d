"""Tell by its status whose failure an answer is: for logs, counts, records and spans alike."""

from __future__ import annotations

# No such method, or transfer coding; no such version of HTTP. There is no 4xx for these.
_ASKED_AMISS = frozenset([501, 505])


def is_failure(status: int) -> bool:
    """Tell whether the service has failed, and not who asked: 5xx, but for 501 and 505."""
    return status >= 500 and status not in _ASKED_AMISS
