"""Bring what an app prints to the log, at a bounded rate, without making a request wait.

What is printed goes into a buffer in memory, whose ``write`` is C code: a method of ours would
cost a fast app a tenth of its speed. Four times a second a thread takes the buffer away and
writes its lines to the log, each with the worker's number; of a flood it writes the first
lines of each second, and counts the rest.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from runner import processes

LINES_PER_SECOND = 100
LONGEST_LINE = 2_000

_FORWARD_EVERY = 0.25
_LOG_TIMEOUT = 0.25  # so long the log may take nothing


class PrintForwarder:
    """Let streams print to the log, until closed.

    The streams stay what they are, for logging handlers and others hold them already; they
    only write elsewhere.

    Args:
        fd: Where the lines go.
        streams: Such as ``sys.stdout``.
        is_json: Write JSON lines instead of text.
        clock: Seconds, for the rate.
    """

    def __init__(
        self,
        fd: int,
        streams: Iterable[TextIO],
        *,
        is_json: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fd, self._is_json, self._clock = fd, is_json, clock
        self._streams: list[Any] = [stream for stream in streams if hasattr(stream, "__dict__")]
        self._left, self._dropped = LINES_PER_SECOND, 0
        self._second = self._clock()
        self._partial_line = ""
        self._previous = io.StringIO()
        self._over = threading.Event()
        self._redirect()
        self._writer = threading.Thread(target=self._work, name="prints", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Give the streams back, and write what waits, for a second at most."""
        for stream in self._streams:
            for name in ("write", "flush"):
                vars(stream).pop(name, None)
        self._over.set()
        self._writer.join(timeout=1)

    def _redirect(self) -> None:
        self._buffer = io.StringIO()
        for stream in self._streams:
            stream.write, stream.flush = self._buffer.write, _do_nothing

    def _work(self) -> None:
        while not self._over.wait(_FORWARD_EVERY):
            before, now = self._previous, self._buffer
            self._redirect()
            self._forward(before.getvalue())  # a thread may still be writing to what it was then
            self._previous = now
        self._forward(self._previous.getvalue() + self._buffer.getvalue())
        self._write(
            [self._partial_line, *self._begin_second()]
            if self._partial_line
            else self._begin_second()
        )

    def _forward(self, text: str) -> None:
        text = self._partial_line + text
        *kept, _ = text.split("\n", self._left)
        self._partial_line = text.rpartition("\n")[2][:LONGEST_LINE]
        self._left -= len(kept)
        self._dropped += text.count("\n") - len(kept)
        if self._clock() - self._second >= 1:
            kept += self._begin_second()
        self._write(kept)

    def _begin_second(self) -> list[str]:
        """Begin a new second, and say what was left out of the last."""
        dropped, self._dropped = self._dropped, 0
        self._second, self._left = self._clock(), LINES_PER_SECOND
        return [f"… {dropped:,} more lines were printed"] if dropped else []

    def _write(self, lines: list[str]) -> None:
        now = time.time()
        shown = "".join(self._line(now, line[:LONGEST_LINE]) for line in lines)
        text = shown.encode(errors="backslashreplace")
        with contextlib.suppress(OSError):  # the log was closed: the app goes on
            while text and processes.is_writable(self._fd, _LOG_TIMEOUT):
                text = text[os.write(self._fd, text[: select.PIPE_BUF]) :]
        self._dropped += text.count(b"\n")  # nobody reads the log

    def _line(self, moment: float, said: str) -> str:
        if self._is_json:
            fields = {"event": "printed", "worker": os.getpid(), "line": said}
            return json.dumps({"time": round(moment, 3), "level": "info", **fields}) + "\n"
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
        at += f",{int(moment % 1 * 1000):03d}"
        return f"{at} INFO    worker {os.getpid()}: {said}\n"


def forward_prints(fd: int) -> PrintForwarder:
    """Send what this process prints to the log, until that is closed."""
    is_json = os.environ.get("RUNNER_LOG_FORMAT") == "json"
    return PrintForwarder(fd, [sys.stdout, sys.stderr], is_json=is_json)


def _do_nothing() -> None:
    """Be what logging handlers call after every line."""
