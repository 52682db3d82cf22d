"""Bound the bytes that all requests of a worker hold together.

Whoever has more to send is not read beyond the bound, but for the one that has been at it longest:
so there is always one that ends and gives its bytes back, or whose time is over. What asks without
a body, such as health, is never held up; a long head that comes in pieces is refused.
"""

from __future__ import annotations

import itertools
from typing import Protocol

TOO_MUCH = "too many bytes at once"
_MOST_AT_ONCE = 262_144  # bytes that a loop reads before it looks again
_LARGE = 1_048_576  # bytes in hand whose memory is worth returning


class Sender(Protocol):
    """Be a client that has more to send."""

    def hold_up(self) -> None:
        """Have it wait."""

    def let_go_on(self) -> None:
        """Have it wait no longer."""


class ByteCount:
    """Count bytes up to a bound.

    Args:
        most: Bytes; 0: no bound.

    Attributes:
        held: Bytes that are in hand.
    """

    def __init__(self, most: int) -> None:
        self._most = most or float("inf")
        self.held = 0
        self._most_held = 0  # since the last time that few were left

    @property
    def is_full(self) -> bool:
        """Tell that there is no room."""
        return self.held >= self._most

    def add(self, size: int) -> None:
        """Count bytes in; below 0: out."""
        self.held += size
        self._most_held = max(self._most_held, self.held)

    def has_emptied(self) -> bool:
        """Tell, once, that much was in hand and is not any more."""
        if self._most_held < _LARGE or self.held >= _LARGE:
            return False
        self._most_held = self.held
        return True


class Buffers(ByteCount):
    """Count the bytes of requests, and hold up those who send them."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._senders: dict[Sender, None] = {}  # who has more to send, the oldest first
        self._held_up: dict[Sender, None] = {}
        self._was_full = False  # all but the first are held up

    def add(self, size: int) -> None:
        """Count bytes in; below 0: out."""
        super().add(size)
        self._was_full = self._was_full and self.is_full
        if self._held_up and not self.is_full:
            room = max(1, int(self._most - self.held) // _MOST_AT_ONCE)
            for sender in list(itertools.islice(self._held_up, room)):
                self._let_go_on(sender)

    def expect_more(self, sender: Sender) -> None:
        """Note that a client has more to send, and hold it up if there is no room."""
        self._senders.setdefault(sender)
        if not self.is_full:
            return
        first = next(iter(self._senders))
        for each in [sender] if self._was_full else list(self._senders):
            if each is not first and each not in self._held_up:
                self._held_up[each] = None
                each.hold_up()
        self._was_full = True

    def expect_no_more(self, sender: Sender) -> None:
        """Note that it has sent all, or is gone."""
        if sender in self._senders:
            del self._senders[sender]
            if self._held_up:
                self._let_go_on(sender)
                first = next(iter(self._senders), None)
                if first is not None:
                    self._let_go_on(first)

    def _let_go_on(self, sender: Sender) -> None:
        if sender in self._held_up:
            del self._held_up[sender]
            sender.let_go_on()
