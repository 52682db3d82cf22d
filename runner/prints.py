"""Bring what an app prints to the log, at a bounded rate, without making a request wait.

A print costs an append. Twice a second a thread writes the lines to the log, each with the
worker's number; of a flood it writes the first lines of each second, and counts the rest.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

LINES_PER_SECOND = 100
LONGEST_LINE = 2_000

_EVERY = 0.5


class Prints(io.TextIOBase):
    """Be a stream whose lines go to the log; any thread may write.

    Args:
        fd: Where the lines go.
        is_json: Write JSON lines instead of text.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, fd: int, *, is_json: bool = False) -> None:
        self._fd, self._is_json = fd, is_json
        self._lock = threading.Lock()
        self._begun: dict[int, str] = {}  # by thread: a line without its end
        self._lines: list[tuple[float, str]] = []
        self._left = LINES_PER_SECOND
        self._missed = self._missed_bytes = 0
        self._second = time.monotonic()
        self._over = threading.Event()
        self._writer: threading.Thread | None = None

    def writable(self) -> bool:
        """Be written to."""
        return True

    def fileno(self) -> int:
        """Give the log's own file descriptor, for those who write by themselves."""
        return self._fd

    def write(self, text: str) -> int:
        """Take a piece of text; only whole lines are shown."""
        thread = threading.get_ident()
        with self._lock:
            if self._left <= 0:  # the quick way, in a flood
                self._missed += text.count("\n")
                self._missed_bytes += len(text)
                return len(text)
            *lines, rest = (self._begun.pop(thread, "") + text).split("\n")
            if rest:
                self._begun[thread] = rest[:LONGEST_LINE]
            if lines:
                self._take(lines)
        return len(text)

    def flush(self) -> None:
        """Do nothing: logging handlers flush after every line, and a writer has its own clock."""

    def close(self) -> None:
        """Write what waits."""
        self._over.set()
        with self._lock:
            self._lines += [(time.time(), rest) for rest in self._begun.values()]
            self._begun.clear()
        self._write_out()

    def _take(self, lines: list[str]) -> None:
        kept, missed = lines[: self._left], lines[self._left :]
        now = time.time()
        self._lines += [(now, line[:LONGEST_LINE]) for line in kept]
        self._left -= len(kept)
        self._missed += len(missed)
        self._missed_bytes += sum(map(len, missed))
        if self._writer is None:  # not before the fork: threads do not survive it
            self._writer = threading.Thread(target=self._work, name="prints", daemon=True)
            self._writer.start()

    def _work(self) -> None:
        while not self._over.wait(_EVERY):
            self._write_out()

    def _write_out(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            if self._over.is_set() or time.monotonic() - self._second >= 1:
                lines += self._account()
        text = "".join(self._line(*line) for line in lines).encode(errors="backslashreplace")
        with contextlib.suppress(OSError):  # nobody reads the log: the app goes on
            while text:
                text = text[os.write(self._fd, text) :]

    def _account(self) -> list[tuple[float, str]]:
        """Begin a new second, and say what was left out of the last."""
        missed, size = self._missed, self._missed_bytes
        self._second, self._left = time.monotonic(), LINES_PER_SECOND
        self._missed = self._missed_bytes = 0
        said = f"… {missed:,} more lines ({size:,} characters) were printed"
        return [(time.time(), said)] if missed else []

    def _line(self, moment: float, said: str) -> str:
        if self._is_json:
            fields = {"event": "printed", "worker": os.getpid(), "line": said}
            return json.dumps({"time": round(moment, 3), "level": "info", **fields}) + "\n"
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
        at += f",{int(moment % 1 * 1000):03d}"
        return f"{at} INFO    worker {os.getpid()}: {said}\n"


def divert(fd: int) -> Prints:
    """Send what this process prints to the log, until ``restore``.

    The streams stay what they are, for logging handlers and others hold them already; they
    only write elsewhere.
    """
    prints = Prints(fd, is_json=os.environ.get("RUNNER_LOG_FORMAT") == "json")
    for stream in _streams():
        stream.write, stream.flush = prints.write, prints.flush
    return prints


def restore() -> None:
    """Let the streams write where they did before."""
    for stream in _streams():
        for name in ("write", "flush"):
            vars(stream).pop(name, None)


def _streams() -> list[Any]:
    return [stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "__dict__")]


@contextlib.contextmanager
def diverted(fd: int) -> Iterator[None]:
    """Send what this process prints to the log meanwhile."""
    prints = divert(fd)
    try:
        yield
    finally:
        restore()
        prints.close()
