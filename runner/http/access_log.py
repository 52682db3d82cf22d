"""Write one line for each request to the process's log, without ever making a worker wait."""

from __future__ import annotations

import collections
import json
import threading
import time
from collections.abc import Callable, Container
from typing import Any

from runner.log import WriterThread
from runner.telemetry.log_lines import folded, json_line, named, text_line, time_of, write_lines
from runner.telemetry.request_trace import RequestTrace, new_ids
from runner.telemetry.statuses import is_failure

_MOST_WAITING = 20_000  # lines
_MOST_BYTES = 4_194_304  # of the paths that wait
_LONGEST_PATH = 1_800  # characters as written, so that a line has 2 KB at most
_LENGTHS = (1_600, 300, 140)  # to which a longer one is cut: a character may become twelve
_EVERY = 0.1
_MOST_AT_ONCE = 250  # lines; what a load of thousands would take stays with the process
# What pages are made of, and no model answers by.
_STATIC = (
    *(".css", ".gif", ".ico", ".jpeg", ".jpg", ".js", ".map", ".mjs", ".png", ".svg", ".ttf"),
    *(".webmanifest", ".webp", ".woff", ".woff2"),
)
# What is known of one request: client, method, path, status, seconds, trace, the key's name, and
# when it was answered. A bare tuple, for there is one for each.
_Answered = tuple[str, str, str, int, float, RequestTrace | None, str, str, float]


class AccessLog:
    """Collect lines and write them to a file descriptor from a thread of its own.

    If whoever reads the log is too slow, lines are dropped and counted; a worker never waits.

    Args:
        fd: Where the lines go, usually a copy of stderr.
        is_json: Write JSON lines instead of text.
        left_out: Paths that are asked for all the time, and have no line; nor have static files.
            None: all have one.
        only_errors: Only failures of the service have a line.
        facts: Of all lines, in JSON.
    """

    def __init__(
        self,
        fd: int,
        *,
        is_json: bool = False,
        left_out: Container[str] | None = None,
        only_errors: bool = False,
        facts: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._fd = fd
        self._is_json, self._facts = is_json, facts
        self._left_out, self._only_errors = left_out, only_errors
        self._waiting: collections.deque[_Answered] = collections.deque()
        self._dropped = 0
        self._adding = threading.Lock()
        self._added = self._taken = 0  # bytes of paths
        self._has_some = threading.Event()
        self._is_closed = False
        self._writer = WriterThread(self._write, "access log")

    def add(  # noqa: PLR0913 - the fields of a line
        self,
        *,
        client: str,
        method: str,
        path: str,
        status: int,
        seconds: float,
        trace: RequestTrace | None = None,
        key_name: str = "",
        scheme: str = "http",
    ) -> None:
        """Note one answered request; in any thread."""
        if (self._only_errors and not is_failure(status)) or self._leaves_out(method, path, status):
            return
        path = path[: _LENGTHS[0]] + "…" if len(path) > _LONGEST_PATH else path
        with self._adding:
            size = self._added + len(path)
            if len(self._waiting) >= _MOST_WAITING or size - self._taken > _MOST_BYTES:
                self._dropped += 1
                return
            self._added = size
            line = (client, method, path, status, seconds, trace, key_name, scheme, time.time())
            self._waiting.append(line)
            # Not before the fork: threads do not survive it.
            if not self._has_some.is_set() and self._writer.begin():
                self._has_some.set()

    def _leaves_out(self, method: str, path: str, status: int) -> bool:
        left_out = self._left_out
        if left_out is None or method not in ("GET", "HEAD"):
            return False
        return path in left_out or (status < 400 and path.endswith(_STATIC))

    def close(self) -> None:
        """Write what waits, for a second at most."""
        self._is_closed = True
        self._has_some.set()
        self._writer.join(1)

    def _write(self) -> None:
        while not self._is_closed or self._waiting:
            self._has_some.wait()
            time.sleep(0 if self._is_closed else _EVERY)
            self._has_some.clear()
            while self._waiting or self._dropped:
                if not self._write_some():
                    break  # the log takes nothing; with the next line it is tried again

    def _write_some(self) -> bool:
        count = min(len(self._waiting), _MOST_AT_ONCE)
        lines = [self._line(self._waiting.popleft(), name) for name in new_ids(count)]
        with self._adding:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(self._notice(f"{dropped} access log lines dropped"))
        lost = write_lines(self._fd, b"".join(lines))
        if lost:
            with self._adding:
                self._dropped += dropped + lost - bool(dropped)
        return not lost

    def _notice(self, said: str) -> bytes:
        if self._is_json:
            fields = {"event": said, **self._facts()}
            return json_line(time.time(), "warning", fields, None)
        return text_line(time.time(), "warning", said)

    def _line(self, answered: _Answered, new_id: str) -> bytes:
        client, method, path, status, seconds, trace, key_name, scheme, moment = answered
        trace = trace or RequestTrace()
        trace.take_id(new_id)
        self._taken += len(path)
        level = "error" if is_failure(status) else "info"
        if not self._is_json:
            # As `text_line` writes it, but for what is bounded and in one line already.
            shown = path if _is_simple(path) else _escaped(_cut(path, _escaped))
            key = f" key={key_name}" if key_name else ""
            said = f"{method} {shown} {status} {seconds * 1000:.2f} ms{key} {named(trace)}\n"
            return f"{time_of(moment)} {level.upper():<7} {folded(client)} {said}".encode(
                errors="backslashreplace"
            )
        fields: dict[str, Any] = {
            "event": "request answered",
            **self._facts(),
            "client": client,
            "scheme": scheme,
            "method": method,
            "path": _cut(path, _as_json),
            "status": status,
            "seconds": round(seconds, 6),
        }
        if key_name:
            fields["key"] = key_name
        return json_line(moment, level, fields, trace)


def _is_simple(path: str) -> bool:
    return len(path) <= _LENGTHS[-1] and path.isascii() and path.isprintable() and "\\" not in path


def _cut(path: str, written: Callable[[str], str | bytes]) -> str:
    """Give as much of a path as fits in a line once it is written."""
    if len(path) <= _LENGTHS[-1] or len(written(path)) <= _LONGEST_PATH:
        return path
    cuts = (f"{path[:length]}…" for length in _LENGTHS)
    return next((cut for cut in cuts if len(written(cut)) <= _LONGEST_PATH), "…")


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode()


def _as_json(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode(errors="backslashreplace")
