"""Bound the bytes that all requests of a worker hold together.

Whoever has more to send is not read beyond the bound, but for the one that has been at it longest:
so there is always one that ends and gives its bytes back. What asks without a body, such as health,
is never held up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.http.client_link import Pause

if TYPE_CHECKING:
    from runner.http.client_link import ClientLink

_MOST_AT_ONCE = 262_144  # bytes that a loop reads before it looks again
_LARGE = 1_048_576  # bytes in hand whose memory is worth returning


class Buffers:
    """Count bytes, and hold up those who send them.

    Args:
        most: Bytes; 0: no bound.

    Attributes:
        held: Bytes that are in hand.
    """

    def __init__(self, most: int) -> None:
        self._most = most or float("inf")
        self.held = 0
        self._most_held = 0  # since the last time that few were left
        self._senders: dict[ClientLink, None] = {}  # who has more to send, the oldest first
        self._paused: dict[ClientLink, None] = {}

    def add(self, size: int) -> None:
        """Count bytes in; below 0: out."""
        self.held += size
        self._most_held = max(self._most_held, self.held)
        if self._paused and self.held < self._most:
            self._resume_some()

    def has_emptied(self) -> bool:
        """Tell, once, that much was in hand and is not any more."""
        if self._most_held < _LARGE or self.held >= _LARGE:
            return False
        self._most_held = self.held
        return True

    def expect_more(self, link: ClientLink) -> None:
        """Note that a client has more to send, and hold it up if there is no room."""
        self._senders.setdefault(link)
        if self.held >= self._most:
            first = next(iter(self._senders))
            for each in self._senders:
                if each is not first and each not in self._paused:
                    self._paused[each] = None
                    each.pause_reading(Pause.BUFFERS)

    def expect_no_more(self, link: ClientLink) -> None:
        """Note that it has sent all, or is gone."""
        if link in self._senders:
            del self._senders[link]
            if self._paused:
                self._resume(link)
                first = next(iter(self._senders), None)
                if first is not None:
                    self._resume(first)

    def _resume_some(self) -> None:
        room = max(1, int(self._most - self.held) // _MOST_AT_ONCE)
        for link in list(self._paused)[:room]:
            self._resume(link)

    def _resume(self, link: ClientLink) -> None:
        if link in self._paused:
            del self._paused[link]
            link.resume_reading(Pause.BUFFERS)
