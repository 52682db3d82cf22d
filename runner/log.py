"""Configure logging, once, for the whole process; and write lines to a log that may be stuck.

Whoever reads the log may stand still, its disk may be full, or the terminal be gone. Nobody who
has something to say waits for that: a thread writes, and what does not fit is dropped and counted.
"""

from __future__ import annotations

import collections
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from runner.telemetry.error_texts import in_a_moment
from runner.telemetry.log_lines import erasing, json_line, text_line, write_lines
from runner.telemetry.raised import raised_by
from runner.telemetry.request_trace import current

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")

_MOST_WAITING = 10_000  # lines
_MOST_BYTES = 8_388_608
_MOST_AT_ONCE = 100
_FLUSH_WITHIN = 1.0

_facts: dict[str, Any] = {}


class Lines(logging.Formatter):
    """Write a record as one line.

    Args:
        is_json: As JSON; ``extra={"facts": {...}}`` adds its facts.
        folds: Break no line, in text.
        who: Stands before what happened, in text.
        facts: Of all lines, in JSON.
    """

    def __init__(
        self,
        *,
        is_json: bool = False,
        folds: bool = True,
        who: Callable[[], str] = str,
        facts: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        super().__init__()
        self.is_json, self._folds, self._who, self._facts = is_json, folds, who, facts

    def format(self, record: logging.LogRecord) -> str:
        """Write one record, without the line's end."""
        level, trace = record.levelname.lower(), current.get()
        said, raised = record.getMessage(), ""
        if record.exc_info:
            raised = self.formatException(record.exc_info)
        if self.is_json:
            fields = {"event": said, "logger": record.name}
            fields |= self._facts() | getattr(record, "facts", {})
            fields |= {"traceback": raised} if raised else {}
            line = json_line(record.created, level, fields, trace)
        else:
            text = "\n".join(filter(None, (self._who() + said, raised)))
            line = text_line(record.created, level, text, trace, folds=self._folds)
        return line.decode().removesuffix("\n")

    def formatException(self, ei: Any) -> str:  # noqa: N802 - its name there
        """Write what was raised; nobody who logs waits for an author's class to say it."""
        error, write = ei[1], super().formatException
        if error is None:
            return write(ei)
        return in_a_moment(error, lambda: write(ei)) or raised_by(error).traceback


class WriterThread:
    """Be a thread that begins when there is something to write: none survives a fork.

    Args:
        write: What it does.
        name: What it is called.

    Attributes:
        thread: None until it has begun.
    """

    def __init__(self, write: Callable[[], None], name: str) -> None:
        self._write, self._name = write, name
        self.thread: threading.Thread | None = None

    def begin(self) -> bool:
        """Begin, unless it has; tell whether it has: if not, the next call tries again."""
        if self.thread is None:
            thread = threading.Thread(target=self._write, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self.thread = thread
        return True

    def join(self, seconds: float) -> None:
        """Wait for its end, so long at most."""
        if self.thread is not None:
            self.thread.join(seconds)


class PatientHandler(logging.Handler):
    """Write events to an open file from a thread of its own.

    Args:
        fd: Its number.
    """

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._waiting: collections.deque[bytes] = collections.deque()
        self._bytes = self._dropped = 0
        self._counting = threading.Lock()
        self._has_some, self._is_idle = threading.Event(), threading.Event()
        self._writer = WriterThread(self._write, "log")

    def emit(self, record: logging.LogRecord) -> None:
        """Take an event; logging sees to it that one comes at a time."""
        try:
            line = f"{self.format(record)}\n".encode(errors="backslashreplace")
        except Exception:  # noqa: BLE001 - as logging's own handlers do
            self.handleError(record)
            return
        self.take(line)

    def take(self, line: bytes) -> None:
        """Take what is to be written, be it one line or several, behind what waits."""
        if self._pid != os.getpid():
            self._begin()  # no thread survives a fork, and what waits is another's
        with self._counting:
            if len(self._waiting) >= _MOST_WAITING or self._bytes + len(line) > _MOST_BYTES:
                self._dropped += 1
                return
            self._bytes += len(line)
        self._waiting.append(line)
        self._is_idle.clear()  # only now: the writer may have been about to say that it is idle
        self._has_some.set()
        self._writer.begin()

    def show(self, text: str) -> None:
        """Take a text for people, if they are at a terminal."""
        if erased := erasing(self._fd):
            self.acquire()
            try:
                self.take(erased + text.encode(errors="replace"))
            finally:
                self.release()

    def flush(self) -> None:
        """Wait until all is written, for a second at most."""
        if self._writer.thread is not None and self._pid == os.getpid():
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
        with self._counting:
            self._bytes -= sum(map(len, lines))
        if dropped:
            lines.append(self._notice(f"{dropped} lines of the log were dropped"))
        if lost := write_lines(self._fd, b"".join(lines)):
            with self._counting:
                self._dropped += dropped + lost - bool(dropped)

    def _notice(self, said: str) -> bytes:
        record = logging.LogRecord(__name__, logging.WARNING, "", 0, said, None, None)
        return f"{self.format(record)}\n".encode(errors="backslashreplace")


def configure(level: str, form: str = "text") -> None:
    """Send our events to stderr, and of the libraries' only warnings and errors.

    Args:
        level: One of ``LEVELS``.
        form: One of ``FORMATS``.
    """
    handler = _handler_for(sys.stderr)
    folds = not (sys.stderr and sys.stderr.isatty())
    handler.setFormatter(Lines(is_json=form == "json", folds=folds, facts=_own_facts))
    lowest = getattr(logging, level.upper())
    logging.basicConfig(level=max(logging.WARNING, lowest), handlers=[handler], force=True)
    logging.getLogger("runner").setLevel(lowest)
    logging.captureWarnings(True)


def add_facts(**facts: Any) -> None:
    """Have all lines of this process say more, in JSON."""
    _facts.update(facts)


def _own_facts() -> dict[str, Any]:
    return {"pid": os.getpid(), **_facts}


def is_json() -> bool:
    """Tell whether lines of JSON are written."""
    return any(
        isinstance(handler.formatter, Lines) and handler.formatter.is_json
        for handler in logging.getLogger().handlers
    )


def flush() -> None:
    """Wait a moment for what is logged: something is to be said behind it."""
    show("")
    for logger in (logging.getLogger(), logging.getLogger("runner")):
        for handler in logger.handlers:
            handler.flush()


def show(text: str) -> None:
    """Write a text as it is, in its order among the lines, for people at a terminal.

    A line that stands below the log is taken away first.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PatientHandler):
            handler.show(text)


def _handler_for(stream: TextIO | None) -> logging.Handler:
    try:
        return PatientHandler(stream.fileno()) if stream else logging.NullHandler()
    except (OSError, ValueError):  # no file of the system's, such as a notebook's stderr
        return logging.StreamHandler(stream)
