"""Write orders to a run without ever waiting for it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios


class OrderPipe:
    """Own the end of a pipe by which a run gets its orders; on a running event loop.

    Args:
        fd: That end; it is closed with us.

    Attributes:
        was_read: Whether the run had taken all before, when it was last written to.
    """

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._waiting = bytearray()
        self._is_used = self.was_read = False
        self._loop = asyncio.get_running_loop()

    def write(self, line: bytes) -> None:
        """Write an order, or what the pipe takes of it now, and the rest when it takes more."""
        if self._fd >= 0:
            self.was_read = self.was_read or (self._is_used and self.is_read)
            self._is_used = True
            self._waiting += line
            self._send()

    @property
    def is_read(self) -> bool:
        """Tell whether the run has taken all that was written."""
        if self._fd < 0 or self._waiting:
            return self._fd < 0
        # FIONREAD tells at either end of a pipe how much waits in it. Source: ioctl_fionread(2).
        waits = fcntl.ioctl(self._fd, termios.FIONREAD, b"\0" * 4)
        return not struct.unpack("i", waits)[0]

    def close(self) -> None:
        """Hang up; what waits is dropped."""
        if self._fd < 0:
            return
        self._loop.remove_writer(self._fd)
        fd, self._fd = self._fd, -1
        with contextlib.suppress(OSError):
            os.close(fd)

    def _send(self) -> None:
        try:
            del self._waiting[: os.write(self._fd, self._waiting)]
        except BlockingIOError:
            pass
        except OSError:  # it is dying, and needs none
            self._waiting.clear()
        if self._waiting:
            self._loop.add_writer(self._fd, self._send)
        else:
            self._loop.remove_writer(self._fd)
