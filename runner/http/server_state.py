"""Hold what the connections of one worker share: who is there, and how much is in hand."""

from __future__ import annotations

import asyncio
import collections
import sys
import threading
import time
from email.utils import formatdate
from typing import Any

from runner.http.buffers import Buffers, ByteCount
from runner.http.connection_bound import ConnectionBound


class ServerState:
    """Be what the connections of one worker share.

    Attributes:
        connections: All that are open.
        tasks: Of ASGI apps that have not ended.
        in_flight: Requests that were begun and have not ended, of every kind.
        answers: How many the loop has written.
        answered: What the app has answered and nobody has counted: the status, 0 of a client that
            has gone, and how many seconds it took. None if the app counts it itself.
        date_line: The ``date`` of an answer as a header line; another object each second.
        app_state: What the app's lifespan has set up.
        buffers: The bytes that requests hold.
        unsent: Those of answers that clients have not taken.
        bound: Of the connections.

    Args:
        max_buffered: Bytes that requests may hold together, and likewise answers.
    """

    def __init__(self, max_buffered: int) -> None:
        self.buffers = Buffers(max_buffered)
        self.unsent = ByteCount(max_buffered)
        self.bound = ConnectionBound(self, sys.maxsize)
        self.connections: set[Any] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.in_flight = 0
        self.answers = 0
        self.answered: collections.deque[tuple[int, float]] | None = None
        self._answers_in_threads, self._counting = 0, threading.Lock()
        self.date_line = b""
        self.app_state: dict[str, Any] = {}

    @property
    def requests(self) -> int:
        """How many were answered."""
        return self.answers + self._answers_in_threads

    def count_in_thread(self) -> None:
        """Count an answer that a thread has written."""
        with self._counting:
            self._answers_in_threads += 1

    async def tick(self) -> None:
        """Keep the date current."""
        while True:
            self.date_line = b"date: %b\r\n" % formatdate(time.time(), usegmt=True).encode()
            await asyncio.sleep(1)
