"""Bound the connections of a worker, below the files that it may have open.

Idle ones make room for new ones, those that have been idle longest first. If none is idle, those do
that send next to nothing of a request or take next to nothing of an answer. Likewise they give up
their places in flight: else a few hundred of them would keep out everybody. If there is none
either, the new one is refused. They make room for files, too, if the notebook's own leave hardly
any: without one a connection is not even accepted.
"""

from __future__ import annotations

import errno
import heapq
import logging
import os
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from runner import processes
from runner.access.refusal import RefusedRequestError
from runner.http import own_answers

if TYPE_CHECKING:
    from runner.http.connection import Connection
    from runner.http.server_state import ServerState

log = logging.getLogger(__name__)

_RESERVE = 64  # files that are opened later: by libraries, by the app
_SPARE = 16  # files that can always be opened
_LOG_EVERY = 1.0
_TOO_MANY = RefusedRequestError(503, "too many connections at once")
_LOOK_EVERY = 0.1  # for idle ones, after none was found


def most_connections(files: int, given: int) -> int:
    """Say how many connections there may be.

    Args:
        files: How many this process may have open.
        given: As it was set; 0: as many as open files allow.
    """
    free = max(files - processes.open_files(), 2)
    allowed = max(free - max(_RESERVE, files // 8), free // 2)
    return min(given, allowed) if given else allowed


class ConnectionBound:
    """Make room for new connections.

    Args:
        state: Whose connections are bounded.
        most: How many there may be.

    Attributes:
        files: How many this process may have open.
    """

    def __init__(self, state: ServerState, most: int) -> None:
        self._state, self.most = state, most
        self.files = sys.maxsize
        self._said_at = self._looked_at = self._looked_for_slow_at = float("-inf")

    def make_room(self, new: Connection) -> bool:
        """Close who is idle, or refuse who comes; tell whether it may stay."""
        self._say("%d connections are open, the most there may be: idle ones end", self.most)
        now = time.monotonic()
        idle: list[Connection] = []
        if now - self._looked_at > _LOOK_EVERY:
            idle = [each for each in self._idle() if each is not new]
        if not idle and self.end_slow():
            return True
        if not idle:
            if now - self._looked_at > _LOOK_EVERY:
                self._looked_at = now
            new.write(own_answers.refusal(_TOO_MANY))
            new.close()
            return False
        self._end_some(max(1, len(idle) // 100), idle)
        return True

    def end_slow(self, *, in_flight: bool = False) -> bool:
        """End some that are slow, the first that began; tell whether there were any.

        Args:
            in_flight: Only those whose request is in flight: its head is here.
        """
        now = time.monotonic()
        if now - self._looked_for_slow_at < _LOOK_EVERY:
            return False
        self._looked_for_slow_at = now
        slow: list[Connection] = [
            each
            for each in self._state.connections
            if each.is_slow() and (each.exchange is not None or not in_flight)
        ]
        for each in heapq.nsmallest((len(slow) + 9) // 10, slow, key=lambda one: one.deadline):
            each.give_up()
            self._state.connections.discard(each)
        return bool(slow)

    def keep_files_free(self) -> bool:
        """End some who are idle or slow if hardly a file can be opened; tell whether any were."""
        if not _lacks_files(self.files):
            return False
        idle = self._idle()
        count = min(len(idle), max(_SPARE, len(idle) // 10))
        self._say(
            "hardly any of %d files can be opened: %d idle connections end", self.files, count
        )
        self._end_some(count, idle)
        return bool(idle) or self.end_slow()

    def _idle(self) -> list[Connection]:
        return [each for each in self._state.connections if each.is_idle]

    def _end_some(self, count: int, idle: Iterable[Connection]) -> None:
        for each in heapq.nsmallest(count, idle, key=lambda one: one.deadline):
            each.close()
            self._state.connections.discard(each)

    def _say(self, what: str, *facts: int) -> None:
        now = time.monotonic()
        if now - self._said_at >= _LOG_EVERY:
            self._said_at = now
            log.warning(what, *facts)


def _lacks_files(most: int) -> bool:
    """Tell whether fewer than a few can be opened: the next one has the lowest number free."""
    try:
        fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return error.errno in {errno.EMFILE, errno.ENFILE}
    os.close(fd)
    return fd >= most - _SPARE
