"""Accept connections on listening sockets that other processes accept on too."""

from __future__ import annotations

import logging
import math
import selectors
import socket
import time
from collections.abc import Iterator
from typing import Any

_LOG = logging.getLogger("runner.http.wsgi")
_AT_ONCE = 64  # connections accepted before the others get their turn
_PAUSE_SECONDS = 0.5


class Listeners:
    """Hold the sockets, registered with a selector for as long as we can accept.

    Attributes:
        resume_at: When a pause ends, on the monotonic clock; infinite while there is none. We
            pause when the system has no file descriptor left for a connection.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self.resume_at = math.inf
        self._selector = selector
        self._sockets: list[socket.socket] = []

    def add(self, sock: socket.socket) -> None:
        """Accept on this one too."""
        self._sockets.append(sock)
        if self.resume_at == math.inf:
            self._selector.register(sock, selectors.EVENT_READ, sock)

    def accept(self, listener: socket.socket) -> Iterator[tuple[socket.socket, Any]]:
        """Give the connections that wait, with the addresses they come from."""
        for _ in range(_AT_ONCE):
            try:
                # The flag belongs to all who share the socket: socket.dup() elsewhere clears it.
                listener.setblocking(False)
                yield listener.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError as error:
                self._pause(error)
                return

    def resume(self) -> None:
        """End a pause if it is time."""
        if time.monotonic() >= self.resume_at:
            self.resume_at = math.inf
            for sock in self._sockets:
                self._selector.register(sock, selectors.EVENT_READ, sock)

    def close(self) -> None:
        """Close our copies; whoever shares the sockets goes on accepting."""
        for sock in self._sockets:
            if self.resume_at == math.inf:
                self._selector.unregister(sock)
            sock.close()
        self._sockets.clear()
        self.resume_at = math.inf

    def _pause(self, error: OSError) -> None:
        if self.resume_at < math.inf:
            return
        _LOG.warning("accepting paused for %s s: %s", _PAUSE_SECONDS, error)
        self.resume_at = time.monotonic() + _PAUSE_SECONDS
        for sock in self._sockets:
            self._selector.unregister(sock)
