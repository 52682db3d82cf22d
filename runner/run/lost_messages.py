"""Count the messages of a kernel's output channel, to know of those that never arrived.

The output channel (IOPub) drops messages when they come faster than they can be carried.
Jupyter's sessions number their messages (``<session>_<pid>_<number>``, jupyter_client's
``Session.msg_id``), so between a cell's first status and its last, every number must
have come by, but for that of the cell's own reply, which takes another channel.
"""

from __future__ import annotations

import collections
from typing import Any

from runner.run.jupyter_client_internals import sender_and_number

# A message of another thread may overtake a cell's last one: this many are looked back on.
_LOOK_BACK = 256


class MessageCounter:
    """Count the messages since a cell began."""

    def __init__(self) -> None:
        self._sender = ""
        self._first = 0
        self._count = 0
        self._recent: collections.deque[int] = collections.deque(maxlen=_LOOK_BACK)

    def begin(self, message: dict[str, Any]) -> None:
        """Start to count with a cell's first message."""
        self._sender, self._first = sender_and_number(message)
        self._count = 0
        self._recent.clear()
        self.note(message)

    def note(self, message: dict[str, Any]) -> None:
        """Count a message, whichever cell it belongs to."""
        sender, number = sender_and_number(message)
        if sender and sender == self._sender and number >= self._first:
            self._count += 1
            self._recent.append(number)

    def missing(self, last: dict[str, Any]) -> int:
        """Count those that are missing up to a cell's last message; 0 if it cannot be known."""
        sender, number = sender_and_number(last)
        if not sender or sender != self._sender:
            return 0
        later = sum(other > number for other in self._recent)
        replies = 1
        return max(number - self._first + 1 - (self._count - later) - replies, 0)
