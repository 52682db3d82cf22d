"""Show on a terminal what is under way, in one line below the log that is no part of it.

The rules of this file:

1. Several processes write to one terminal, and none knows of another. So the cursor goes back to
   the beginning of the line that is shown, and whoever writes next writes over it.
2. Whoever writes takes the line away first, by what `log_lines.erasing` gives, as all logs do.
3. Nothing is shown before something has taken a second, and nothing on what is no terminal.
4. Nobody waits for a terminal that stands still.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import unicodedata
from collections.abc import Callable

from runner import processes
from runner.telemetry.log_lines import erasing, folded

_EVERY = 1.0
_WITHIN = 0.5  # seconds, for taking it away
_USUAL = 80  # columns

Said = Callable[[float], str]
"""Gives what to show of something that takes so many seconds by now."""


class LiveLine:
    """Show a line for what is under way, until that is over.

    Args:
        fd: Where; nothing is ever shown if that is no terminal.
        every: Seconds between two looks.
    """

    def __init__(self, fd: int = 2, every: float = _EVERY) -> None:
        self._fd, self._every, self._erase = fd, every, erasing(fd)
        self._shown: tuple[float, Said] | None = None
        self._stands = False
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, said: Said) -> None:
        """Show what this says, of something that begins now."""
        self._shown = (time.monotonic(), said)
        if self._erase and self._thread is None and not self._over.is_set():
            self._thread = threading.Thread(target=self._draw, name="live line", daemon=True)
            self._thread.start()

    def hide(self) -> None:
        """Show nothing any more, until something else begins."""
        self._shown = None

    def close(self) -> None:
        """Take the line away, for good."""
        self._shown = None
        self._over.set()
        if self._thread is not None:
            self._thread.join(_WITHIN)

    def _draw(self) -> None:
        while not self._over.wait(self._every):
            self._write(self._now())
        self._write(b"")

    def _now(self) -> bytes:
        if self._shown is None:
            return b""
        since, said = self._shown
        seconds = time.monotonic() - since
        if seconds < self._every:
            return b""
        return fitted(folded(said(seconds)), self._columns() - 1).encode(errors="replace")

    def _columns(self) -> int:
        with contextlib.suppress(OSError):
            return os.get_terminal_size(self._fd).columns or _USUAL
        return _USUAL

    def _write(self, line: bytes) -> None:
        if not (line or self._stands):
            return
        with contextlib.suppress(OSError):  # the terminal is closed
            if processes.is_writable(self._fd, 0):
                os.write(self._fd, self._erase + line + b"\r")
                self._stands = bool(line)


def fitted(text: str, columns: int) -> str:
    """Give as much of a text as so many columns of a terminal show."""
    room = columns
    for place, character in enumerate(text):
        room -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if room < 0:
            return text[:place]
    return text
