"""Configure logging, once, for the whole process; and write lines to a log that may be stuck.

Whoever reads the log may stand still, its disk may be full, or the terminal be gone. Nobody who
has something to say waits for that: a thread writes, and what does not fit is dropped and counted.
"""

from __future__ import annotations

import collections
import datetime as dt
import json
import logging
import os
import select
import sys
import threading
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")

_MOST_WAITING = 10_000  # lines
_MOST_AT_ONCE = 100
_FLUSH_WITHIN = 1.0


class JsonLines(logging.Formatter):
    """Write an event as one line of JSON; ``extra={"facts": {...}}`` adds its facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one event."""
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            "pid": record.process,
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class PatientHandler(logging.Handler):
    """Write events to an open file from a thread of its own.

    Args:
        fd: Its number.
    """

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._waiting: collections.deque[bytes] = collections.deque()
        self._dropped = 0
        self._counting = threading.Lock()
        self._has_some, self._is_idle = threading.Event(), threading.Event()
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Take an event; logging sees to it that one comes at a time."""
        try:
            line = f"{self.format(record)}\n".encode(errors="backslashreplace")
        except Exception:  # noqa: BLE001 - as logging's own handlers do
            self.handleError(record)
            return
        if len(self._waiting) >= _MOST_WAITING:
            with self._counting:
                self._dropped += 1
            return
        self._waiting.append(line)
        self._is_idle.clear()  # only now: the writer may have been about to say that it is idle
        self._has_some.set()
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="log", daemon=True)
            self._writer.start()

    def flush(self) -> None:
        """Wait until all is written, for a second at most."""
        if self._writer is not None:
            self._is_idle.wait(_FLUSH_WITHIN)

    def _write(self) -> None:
        while True:
            self._has_some.wait()
            self._has_some.clear()
            while self._waiting:
                self._write_some()
            self._is_idle.set()
            if self._waiting:  # it came in between
                self._is_idle.clear()

    def _write_some(self) -> None:
        lines = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_AT_ONCE))]
        with self._counting:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(b"%d lines of the log were dropped\n" % dropped)
        if lost := write_lines(self._fd, b"".join(lines)):
            with self._counting:
                self._dropped += dropped + lost - bool(dropped)


def write_lines(fd: int, text: bytes) -> int:
    """Write lines, and wait as long as nobody reads them.

    Returns:
        How many were lost, since the log takes none at the moment.
    """
    while text:
        try:
            text = text[os.write(fd, text) :]
        except BlockingIOError:  # somebody who shares it has made it so
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()
        except OSError:
            return text.count(b"\n")
    return 0


def configure(level: str, form: str = "text") -> None:
    """Send our events to stderr, and only the warnings of the libraries.

    Args:
        level: One of ``LEVELS``; it applies to ``runner``'s own events.
        form: One of ``FORMATS``.
    """
    handler = _handler_for(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else text)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("runner").setLevel(level.upper())
    logging.captureWarnings(True)


def flush() -> None:
    """Wait a moment for what is logged: something is to be said behind it."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _handler_for(stream: TextIO | None) -> logging.Handler:
    try:
        return PatientHandler(stream.fileno()) if stream else logging.NullHandler()
    except (OSError, ValueError):  # no file of the system's, such as a notebook's stderr
        return logging.StreamHandler(stream)
