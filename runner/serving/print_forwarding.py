"""Bring what an app prints to the log, at a bounded rate, without making a request wait.

The rules of this file:

1. Whoever prints only leaves a piece of text, with the request for which it was printed. Four times
   a second a thread makes lines of the pieces: of each request and each thread its own, so that
   no two are mixed.
2. Each line is an event: of level info if it went to stdout, and warning if it went to stderr. One
   that was written in the form of `logging`, as ``ERROR:root:…``, has the level that it names.
3. What `logging` writes in one piece is one event, and so is a traceback: of level error, together
   with what was written in the same piece.
4. Of a flood the first lines of each second are written, and the rest counted.
"""

from __future__ import annotations

import collections
import contextlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TextIO

from runner import processes
from runner.config import setting
from runner.serving.logged_facts import logged_facts
from runner.telemetry.log_lines import as_shown, json_line, text_line, whole_lines
from runner.telemetry.request_trace import RequestTrace, current

LINES_PER_SECOND = 100
LONGEST_LINE = 2_000

_FORWARD_EVERY = 0.25
_LOG_TIMEOUT = 0.25  # so long the log may take nothing
_MOST_PIECES = 20_000  # that wait
_MOST_CHARACTERS = 1_048_576  # of them all
_LONGEST_PIECE = 65_536
_LONGEST_TRACEBACK = 15_000
_TRACEBACK = "Traceback (most recent call last):"
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
_NAMED_LEVEL = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL):")

Source = tuple[str, RequestTrace | int]  # the level, and the request, else the thread


class Printed(NamedTuple):
    """Be one event that was printed."""

    level: str
    said: str
    trace: RequestTrace | None


class PrintForwarder:
    """Let streams print to the log, until closed.

    The streams stay what they are, for logging handlers and others hold them already; they
    only write elsewhere.

    Args:
        fd: Where the lines go.
        streams: Such as ``sys.stdout``.
        stderr: That of them whose events are warnings.
        is_json: Write JSON lines instead of text.
        level: Events below it are left out.
        clock: Seconds, for the rate.
    """

    def __init__(  # noqa: PLR0913 - all but two have defaults
        self,
        fd: int,
        streams: Iterable[TextIO],
        *,
        stderr: TextIO | None = None,
        is_json: bool = False,
        level: str = "debug",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fd, self._is_json, self._clock = fd, is_json, clock
        self._lowest = _LEVELS[level.upper()]
        self._streams: list[Any] = [stream for stream in streams if hasattr(stream, "__dict__")]
        self._left, self._dropped = LINES_PER_SECOND, 0
        self._second = self._clock()
        self._pieces: collections.deque[tuple[Source, str]] = collections.deque()
        self._taken = _Count()
        self._partial: dict[Source, str] = {}
        self._tracebacks: dict[Source, str] = {}
        self._over = threading.Event()
        for stream in self._streams:
            said = "warning" if stream is stderr else "info"
            stream.write, stream.flush = self._writer_of(said), _do_nothing
        self._writer = threading.Thread(target=self._work, name="prints", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Give the streams back, and write what waits, for a second at most."""
        for stream in self._streams:
            for name in ("write", "flush"):
                vars(stream).pop(name, None)
        self._over.set()
        self._writer.join(timeout=1)

    def _writer_of(self, level: str) -> Callable[[str], int]:
        pieces, taken = self._pieces, self._taken
        append, trace_here, thread = pieces.append, current.get, threading.get_ident

        def write(text: str) -> int:
            if not isinstance(text, str):
                raise TypeError(f"string argument expected, got {type(text).__name__!r}")
            size = len(text)
            if size > _LONGEST_PIECE:
                taken.dropped += text.count("\n", _LONGEST_PIECE)
                text = text[: _LONGEST_PIECE - 1] + text[-1]
            if len(pieces) < _MOST_PIECES and taken.characters < _MOST_CHARACTERS:
                taken.characters += len(text)  # roughly: no lock is worth it
                append(((level, trace_here() or thread()), text))
            else:
                taken.dropped += text.count("\n")
            return size

        return write

    def _work(self) -> None:
        while not self._over.wait(_FORWARD_EVERY):
            self._forward(self._new_events())
        self._forward(self._new_events(is_last=True))
        self._write(self._begin_second())

    # -- pieces

    def _new_events(self, *, is_last: bool = False) -> Iterator[Printed]:
        self._taken.characters = 0
        waiting = len(self._pieces)
        sources: dict[Source, None] = {}
        for _ in range(waiting):
            source, text = self._pieces.popleft()
            sources[source] = None
            yield from self._events_of(source, text)
        for source in {**self._partial, **self._tracebacks}:
            # A request that prints no more has no line to end; a thread may have.
            if is_last or (isinstance(source[1], RequestTrace) and source not in sources):
                yield from self._rest_of(source)

    def _events_of(self, source: Source, text: str) -> Iterator[Printed]:
        text = self._partial.pop(source, "") + text
        whole, line_break, rest = text.rpartition("\n")
        if rest:
            self._partial[source] = rest[:LONGEST_LINE]
        if not line_break:
            return
        is_traceback = f"{_TRACEBACK}\n" in whole
        if is_traceback or ("\n" in whole and _NAMED_LEVEL.match(whole)):  # in one piece
            yield from self._rest_of_traceback(source)
            level = "error" if is_traceback else _level_of(whole, source[0])
            yield _event(level, whole[:_LONGEST_TRACEBACK], source)
            return
        for line in whole.split("\n"):
            yield from self._line_of(source, line)

    def _line_of(self, source: Source, line: str) -> Iterator[Printed]:
        begun = self._tracebacks.get(source)
        if begun is None and not line.startswith(_TRACEBACK):
            yield _event(_level_of(line, source[0]), line[:LONGEST_LINE], source)
            return
        said = line if begun is None else f"{begun}\n{line}"
        self._tracebacks[source] = said[:_LONGEST_TRACEBACK]
        if begun is not None and line and not line[0].isspace():  # the error itself
            yield from self._rest_of_traceback(source)

    def _rest_of_traceback(self, source: Source) -> Iterator[Printed]:
        if said := self._tracebacks.pop(source, ""):
            yield _event("error", said, source)

    def _rest_of(self, source: Source) -> Iterator[Printed]:
        if rest := self._partial.pop(source, ""):
            yield from self._line_of(source, rest)
        yield from self._rest_of_traceback(source)

    # -- lines

    def _forward(self, events: Iterable[Printed]) -> None:
        kept: list[Printed] = []
        for event in events:
            if _LEVELS[event.level.upper()] < self._lowest:
                continue
            if self._left:
                self._left -= 1
                kept.append(event)
            else:
                self._dropped += 1
        self._dropped += self._taken.take_dropped()
        if self._clock() - self._second >= 1:
            kept += self._begin_second()
        self._write(kept)

    def _begin_second(self) -> list[Printed]:
        """Begin a new second, and say what was left out of the last."""
        dropped, self._dropped = self._dropped, 0
        self._second, self._left = self._clock(), LINES_PER_SECOND
        return (
            [Printed("warning", f"… {dropped:,} more lines were printed", None)] if dropped else []
        )

    def _write(self, events: list[Printed]) -> None:
        now = time.time()
        text = as_shown(self._fd, b"".join(self._line(now, event) for event in events))
        with contextlib.suppress(OSError):  # the log was closed: the app goes on
            while text and processes.is_writable(self._fd, _LOG_TIMEOUT):
                text = text[os.write(self._fd, text[: whole_lines(self._fd, text)]) :]
        self._dropped += text.count(b"\n")  # nobody reads the log

    def _line(self, moment: float, event: Printed) -> bytes:
        if self._is_json:
            fields = {"event": "printed", **logged_facts(), "line": event.said}
            return json_line(moment, event.level, fields, event.trace)
        said = f"worker {os.getpid()}: {event.said}"
        return text_line(moment, event.level, said, event.trace)


class _Count:
    """Count what waits, and what was dropped since there was too much of it."""

    characters = dropped = 0

    def take_dropped(self) -> int:
        dropped, self.dropped = self.dropped, 0
        return dropped


def _event(level: str, said: str, source: Source) -> Printed:
    trace = source[1]
    return Printed(level, said, trace if isinstance(trace, RequestTrace) else None)


def _level_of(line: str, otherwise: str) -> str:
    named = _NAMED_LEVEL.match(line)
    return named[1].lower() if named else otherwise


def forward_prints(fd: int) -> PrintForwarder:
    """Send what this process prints to the log, until that is closed."""
    return PrintForwarder(
        fd,
        [sys.stdout, sys.stderr],
        stderr=sys.stderr,
        is_json=setting("log-format", "text") == "json",
        level=setting("log-level", "info"),
    )


def _do_nothing() -> None:
    """Be what logging handlers call after every line."""
