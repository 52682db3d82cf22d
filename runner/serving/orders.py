"""Name what the kernel and its workers say to each other, by two pipes for each worker.

An order is two bytes: what to do, and a number, mostly a queue's, which only some need. A report is
one byte; behind that of a failure its reason stands.
"""

from __future__ import annotations

import enum


class Order(enum.StrEnum):
    """Name what a worker is told."""

    ACCEPT = "A"
    DRAIN = "D"
    GIVE_WAY = "G"  # drain, for another serves
    SAY = "S"  # whether it is free
    TAKE = "T"  # one connection of a queue, if it is free
    TAKE_SOON = "V"  # or if what it does will not take long, by what that did until now
    TAKE_ANYWAY = "U"
    SHOW = "H"  # this `runner.liveness.readiness.Readiness`

    def encode_for(self, queue: int = 0) -> bytes:
        """Write it down."""
        return bytes([ord(self), queue])


class Report(enum.StrEnum):
    """Name what a worker says."""

    READY = "R"
    FAILED = "F"
    FREE = "I"  # a request would be begun at once
    BUSY = "B"
    LEAVING = "L"  # it drains by itself, for its app asks for another
    HAS_ANSWERED = "Q"  # so does it, for it was asked as often as it may
    HAS_GROWN = "M"  # and so, for it holds more memory of its own than it may
    TOOK = "T"
    TOOK_NONE = "N"


LEAVES = {
    Report.LEAVING: "its app asked for another",
    Report.HAS_ANSWERED: "it had answered --max-requests",
    Report.HAS_GROWN: "its own memory had grown by more than --max-memory",
}
"""Why a worker drains by itself, in words."""
