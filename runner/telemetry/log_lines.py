r"""Write an event as one line, in one form, whichever process has it to say.

The rules of this file:

1. A line has at most ``LONGEST`` bytes, as many as container engines take for one. Of what is
   longer the middle is left out.
2. In text a line break is written as ``\n``, and other control characters as Python writes them.
   Only on a terminal, where people read and no program, are the lines of a traceback broken.
3. A time is of UTC, as in ISO 8601, to the millisecond.
4. No other process's line stands in the middle of one: a pipe takes a page as a whole, and for a
   line that is longer its writer waits until there is room for all of it.
5. On a terminal a line may stand that is no part of the log: it is taken away first. A time is that
   of the day here, and levels have colours, unless `NO_COLOR` is set.
"""

from __future__ import annotations

import array
import calendar
import functools
import json
import os
import re
import select
import stat
import sys
import time
from typing import Any

from runner.telemetry.request_trace import RequestTrace

LONGEST = 16_384
_AT_ONCE = 65_536  # bytes, where a pipe's bound is none
_ROOM_WITHIN = 1.0  # seconds
_LOOK_EVERY = 0.005
# What moves a terminal's cursor, breaks a line, or turns the order of what stands behind it.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_CUT = " … "
_SHORTEST = 64  # characters to which a field is cut
_ERASE = b"\r\x1b[K"
_START = re.compile(
    rb"^(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}\+00:00"
    rb" (?P<level>DEBUG|INFO|WARNING|ERROR)\b",
    re.MULTILINE,
)
_COLOURS = {
    b"DEBUG": b"\x1b[2m",
    b"INFO": b"\x1b[36m",
    b"WARNING": b"\x1b[33m",
    b"ERROR": b"\x1b[1;31m",
}
_NOT_ERASED = (None, "", "dumb", "unknown")


def time_of(moment: float) -> str:
    """Write a time of the wall clock."""
    whole = int(moment)
    return f"{_second(whole)}.{int((moment - whole) * 1000):03d}+00:00"


@functools.lru_cache(4)
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))


def folded(text: str) -> str:
    """Write a text in one line."""
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def text_line(
    moment: float, level: str, said: str, trace: RequestTrace | None = None, *, folds: bool = True
) -> bytes:
    """Write an event as text.

    Args:
        moment: When it was.
        level: Of ``log.LEVELS``.
        said: What happened.
        trace: The request of which it is told.
        folds: Break no line.
    """
    start = f"{time_of(moment)} {level.upper():<7} "
    end = "" if trace is None else f" {named(trace)}"
    if not folds:
        first, line_break, rest = in_lines(said).partition("\n")
        return f"{start}{first}{end}{line_break}{rest}\n".encode(errors="backslashreplace")
    room = LONGEST - len(start) - len(end) - 1
    line = f"{start}{_fitted(folded(said), room)}{end}\n"
    return line.encode(errors="backslashreplace")


def in_lines(text: str) -> str:
    """Write a text in its lines: whoever has given it says nothing to a terminal."""
    return "\n".join(map(folded, text.split("\n")))


def named(trace: RequestTrace) -> str:
    """Name a request in text: by its trace, else by its own name."""
    return f"trace={trace.trace_id}" if trace.trace_id else f"id={trace.id}"


def json_line(
    moment: float, level: str, fields: dict[str, Any], trace: RequestTrace | None
) -> bytes:
    """Write an event as an object of JSON."""
    line: dict[str, Any] = {"time": time_of(moment), "level": level, **fields}
    if trace is not None:
        line["id"] = trace.id
        if trace.trace_id:
            line["trace_id"] = trace.trace_id
    written = _written(line)
    while len(written) > LONGEST:
        surplus = len(written) - LONGEST
        longest = max(line, key=lambda name: len(str(line[name])))
        value = str(line[longest])
        size = len(_written({"": value}))
        length = int(len(value) * max(0, size - surplus) / size) - len(_CUT)
        line[longest] = _without_middle(value, max(_SHORTEST, length))
        if len(value) <= _SHORTEST + len(_CUT):  # there are very many of them
            return _written({name: line[name] for name in ("time", "level", "event")})
        written = _written(line)
    return written


def _written(line: dict[str, Any]) -> bytes:
    text = json.dumps(line, ensure_ascii=False, default=str)
    return f"{text}\n".encode(errors="backslashreplace")


def _fitted(text: str, most: int) -> str:
    """Leave out as much of a text's middle as it has bytes too many."""
    while (size := len(text.encode(errors="backslashreplace"))) > most:
        text = _without_middle(text, max(0, int(len(text) * most / size) - len(_CUT.encode())))
    return text


def _without_middle(text: str, length: int) -> str:
    """Keep so many characters: a third from the beginning, for the end of a traceback says most."""
    first = length // 3
    return text[:first] + _CUT + text[len(text) - (length - first) :]


def erasing(fd: int) -> bytes:
    """Give what takes a line away that `live_line` shows; nothing of what is no terminal."""
    return _ERASE if os.isatty(fd) and os.environ.get("TERM") not in _NOT_ERASED else b""


def as_shown(fd: int, lines: bytes) -> bytes:
    """Give lines as a file takes them: on a terminal with the time of day and coloured levels."""
    if not lines or not (erased := erasing(fd)):
        return lines
    start = _plain_start if os.environ.get("NO_COLOR") else _coloured_start
    return erased + _START.sub(start, lines)


def _plain_start(start: re.Match[bytes]) -> bytes:
    return b"%b %b" % (_time_of_day(start["second"]), start["level"])


def _coloured_start(start: re.Match[bytes]) -> bytes:
    moment, level = _time_of_day(start["second"]), start["level"]
    return b"\x1b[2m%b\x1b[0m %b%b\x1b[0m" % (moment, _COLOURS[level], level)


@functools.lru_cache(4)
def _time_of_day(second: bytes) -> bytes:
    moment = calendar.timegm(time.strptime(second.decode(), "%Y-%m-%dT%H:%M:%S"))
    return time.strftime("%H:%M:%S", time.localtime(moment)).encode()


def write_lines(fd: int, text: bytes) -> int:
    """Write lines, and wait as long as nobody reads them.

    Returns:
        How many were lost, since the log takes none at the moment.
    """
    text = as_shown(fd, text)
    while text:
        try:
            text = text[os.write(fd, text[: whole_lines(fd, text)]) :]
        except BlockingIOError:  # somebody who shares it has made it so
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()
        except OSError:
            return text.count(b"\n")
    return 0


def whole_lines(fd: int, text: bytes) -> int:
    """Give how many bytes of a text a log takes without another's between them.

    Raises:
        OSError: The log is closed.
    """
    is_pipe = sys.platform != "win32" and stat.S_ISFIFO(os.fstat(fd).st_mode)
    if end := text.rfind(b"\n", 0, select.PIPE_BUF if is_pipe else _AT_ONCE) + 1:
        return end
    if is_pipe:
        _await_room(fd)
    return text.find(b"\n") + 1 or len(text)


def _await_room(fd: int) -> None:
    """Wait a moment until a pipe is empty: a long line that it has no room for comes in pieces."""
    import fcntl  # here, for Windows has neither, and a notebook's `serve` is imported there
    import termios

    until = time.monotonic() + _ROOM_WITHIN
    unread = array.array("i", [1])
    while unread[0] and time.monotonic() < until:
        fcntl.ioctl(fd, termios.FIONREAD, unread)
        if unread[0]:
            time.sleep(_LOOK_EVERY)
