"""Pass on what a process writes to its stdout and stderr, and know the last of it."""

from __future__ import annotations

import contextlib
import os
import re
import threading

_KEPT = 8_192
_LINES, _LINE = 3, 200
_SECONDS_FOR_THE_END = 0.5
# Colours and other orders to a terminal: ECMA-48, control sequences.
_TO_A_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class LastWords:
    """Be the stdout and stderr of a process that is about to start; ours gets what it writes.

    Attributes:
        fd: Where the process is to write; it is closed here by ``listen``.
    """

    def __init__(self) -> None:
        self._read, self.fd = os.pipe()
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._pass_on, name="last-words", daemon=True)

    def listen(self) -> None:
        """Begin, once the process has been started, or has failed to."""
        os.close(self.fd)
        self._thread.start()

    def forget(self) -> None:
        """Take what was written until now for no last words."""
        self._kept.clear()

    def text(self) -> str:
        """Give the last lines of a process that has ended, in one; empty if it wrote none.

        What is indented is left out, such as the middle of a traceback.
        """
        self._thread.join(_SECONDS_FOR_THE_END)  # whoever it started may live on
        text = _TO_A_TERMINAL.sub("", bytes(self._kept).decode(errors="replace"))
        lines = [line for line in text.splitlines() if line.strip() and not line[0].isspace()]
        return " | ".join(_printable(line)[:_LINE] for line in lines[-_LINES:])

    def _pass_on(self) -> None:
        with contextlib.closing(os.fdopen(self._read, "rb", buffering=0)) as pipe:
            while data := pipe.read(65_536):
                self._kept += data
                del self._kept[:-_KEPT]
                with contextlib.suppress(OSError):  # whoever read ours may be gone
                    _write_all(data)


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(2, data) :]


def _printable(line: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in line).strip()
