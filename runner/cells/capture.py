"""Take what a cell prints and displays, from its thread only, within a bound.

The rules of this file:

1. Only what the cell's own thread prints is taken; all others print where they did.
2. What is displayed comes through IPython's display publisher, which is replaced:
   in a forked worker the kernel's own would wait for threads that are not there.
3. A cell that prints beyond the bound is ended, even if it catches every error.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import sys
import threading
from collections.abc import Iterator
from typing import Any


class TooMuchOutputError(BaseException):  # no Exception: a cell that catches all must end too
    """End a cell that prints without end."""


@dataclasses.dataclass(kw_only=True)
class CellOutput:
    """Collect the output of one cell.

    Attributes:
        most: Bytes that may be printed.
        displays: The data of each display, by media types.
        is_too_large: More was printed.
    """

    most: int
    displays: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    is_too_large: bool = False
    _parts: list[bytes] = dataclasses.field(default_factory=list)
    _size: int = 0

    def write(self, data: bytes) -> None:
        """Add what was printed.

        Raises:
            TooMuchOutputError: It was too much.
        """
        self._size += len(data)
        if self._size > self.most:
            self.is_too_large = True
            self._parts.clear()
            raise TooMuchOutputError
        self._parts.append(data)

    @property
    def has_printed(self) -> bool:
        """Tell whether anything was printed, which makes a result unimportant."""
        return self._size > 0

    def printed(self) -> bytes:
        """Give all that was printed."""
        return b"".join(self._parts)


class OutputCapture:
    """Stand in for ``sys.stdout`` and IPython's display publisher while cells are served."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._ident = 0
        self._output: CellOutput | None = None
        self._stream: ThreadStream | None = None

    def current(self) -> CellOutput | None:
        """Give what collects this thread's output; None if nothing does."""
        return self._output if threading.get_ident() == self._ident else None

    @contextlib.contextmanager
    def collect(self) -> Iterator[CellOutput]:
        """Take what this thread prints and displays in the body."""
        self._install()
        self._ident, self._output = threading.get_ident(), CellOutput(most=self.most)
        try:
            yield self._output
        finally:
            self._output = None

    def publish(self, data: dict[str, Any], *_: Any, **__: Any) -> None:
        """Take a display; IPython calls it."""
        output = self.current()
        if output is not None:
            output.displays.append(dict(data))

    def clear_output(self, wait: bool = False) -> None:
        """Forget the displays so far; IPython calls it."""
        output = self.current()
        if output is not None:
            output.displays.clear()

    def _install(self) -> None:
        """Take the streams; again, if a cell has put something else in our place."""
        if self._stream is None or sys.stdout is not self._stream:
            self._stream = ThreadStream(self, sys.stdout)
            sys.stdout = self._stream
        shell = shell_of_ipython()
        if shell is not None and shell.display_pub is not self:
            shell.display_pub = self


class ThreadStream(io.TextIOBase):
    """Print to the capture from the cell's thread, and as before from every other one."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, capture: OutputCapture, other: Any) -> None:
        self._capture = capture
        self._other = other
        self.buffer = _ThreadBinaryStream(capture, other)

    def write(self, text: str) -> int:
        """Print text."""
        output = self._capture.current()
        if output is None:
            return int(self._other.write(text) or 0)
        output.write(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Flush what others have printed."""
        if self._capture.current() is None:
            self._other.flush()

    def writable(self) -> bool:
        """Be a stream to write to."""
        return True

    def fileno(self) -> int:
        """Give the file that others print to."""
        return int(self._other.fileno())

    def close(self) -> None:
        """Stay open: a cell that closes its output closes nothing of ours."""


class _ThreadBinaryStream(io.RawIOBase):
    """Be ``sys.stdout.buffer``, by which a cell prints bytes."""

    def __init__(self, capture: OutputCapture, other: Any) -> None:
        self._capture = capture
        self._other = other

    def write(self, data: Any) -> int:
        """Print bytes."""
        output = self._capture.current()
        if output is None:
            return int(self._other.buffer.write(data))
        output.write(bytes(data))
        return len(data)

    def writable(self) -> bool:
        """Be a stream to write to."""
        return True

    def close(self) -> None:
        """Stay open, as the text stream does."""


def shell_of_ipython() -> Any:
    """Give the shell that runs this kernel's cells; None outside of IPython."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
