"""Cut off a client that does not take what is written, or too slowly when there is no room.

The rules of this file:

1. A client that takes no bytes for ``write_timeout`` is cut off, whether we write or have closed.
   One that takes some is waited for.
2. What clients have not taken is counted, all of them together. At the bound each has to take
   bytes at a rate that costs it as much as us. So it has where others need its place.
"""

from __future__ import annotations

import math
import struct
import sys
from typing import TYPE_CHECKING, Any

if sys.platform != "win32":  # where models are saved and read all the same
    import fcntl
    import termios

if TYPE_CHECKING:
    from runner.http.buffers import ByteCount
    from runner.http.client_link import ClientLink

_LEAST = 4_096  # bytes within the write timeout; less is no progress
_LOOK_EVERY = 5.0  # seconds at most
_LEAST_RATE = 65_536  # bytes a second, where there is no room


class SlowReader:
    """Watch one client that does not take what is written.

    Args:
        link: Aborted if it is too slow.
        unsent: Of all clients.

    Attributes:
        is_slow: It takes less than where there is no room it has to.
    """

    is_slow = False

    def __init__(self, link: ClientLink, unsent: ByteCount) -> None:
        self._link, self._unsent = link, unsent
        self._counted = 0
        timeout = link.limits.write_timeout
        self._every = timeout / max(1, math.ceil(timeout / _LOOK_EVERY))
        self._left = self._left_at_last = self._look()
        self._since = link.loop.time()
        self._arm()

    def end(self) -> None:
        """Watch it no longer."""
        self._timer.cancel()
        self._unsent.add(-self._counted)

    def _arm(self) -> None:
        self._timer = self._link.loop.call_later(self._every, self._check)

    def _check(self) -> None:
        left, now = self._look(), self._link.loop.time()
        taken, self._left_at_last = self._left_at_last - left, left
        if self._left - left >= _LEAST or not left:
            self._left, self._since = left, now
        self.is_slow = bool(left) and taken < _LEAST_RATE * self._every
        is_stalled = now - self._since > self._link.limits.write_timeout - 0.002
        if is_stalled or (self._unsent.is_full and self.is_slow):
            self._link.abort()
        else:
            self._arm()

    def _look(self) -> int:
        """Count anew, and give the bytes that the client has not taken, with the kernel's."""
        size: int = self._link.transport.get_write_buffer_size()
        self._unsent.add(size - self._counted)
        self._counted = size
        return size + _in_kernel(self._link.transport)


def left_to_take(transport: Any) -> int:
    """Count the bytes that a client has not taken, with the kernel's."""
    size: int = transport.get_write_buffer_size()
    return size + _in_kernel(transport)


def _in_kernel(transport: Any) -> int:
    """Count what the kernel has of it: it takes more by large steps only."""
    connection = transport.get_extra_info("socket")
    if connection is None:
        return 0
    try:
        answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4)
    except (OSError, ValueError):  # closed, or of another system
        return 0
    size: int
    (size,) = struct.unpack("i", answer)
    return size
