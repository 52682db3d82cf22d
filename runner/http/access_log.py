"""Write one line for each request to the process's log, without ever making a worker wait."""

from __future__ import annotations

import collections
import functools
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from runner.log import write_lines

_MOST_WAITING = 20_000  # lines
_MOST_BYTES = 4_194_304  # of the paths that wait
_LONGEST_PATH = 1_800  # characters as written, so that a line has 2 KB at most
_LENGTHS = (1_600, 300, 140)  # to which a longer one is cut: a character may become twelve
_EVERY = 0.1
_MOST_AT_ONCE = 250  # lines; what a load of thousands would take stays with the process


class AccessLog:
    """Collect lines and write them to a file descriptor from a thread of its own.

    If whoever reads the log is too slow, lines are dropped and counted; a worker never waits.

    Args:
        fd: Where the lines go, usually a copy of stderr.
        is_json: Write JSON lines instead of text.
    """

    def __init__(self, fd: int, *, is_json: bool = False) -> None:
        self._fd = fd
        self._is_json = is_json
        self._waiting: collections.deque[tuple[float, str, str, str, int, float, str]] = (
            collections.deque()
        )
        self._dropped = 0
        self._adding = threading.Lock()
        self._added = self._taken = 0  # bytes of paths
        self._has_some = threading.Event()
        self._is_closed = False
        self._writer: threading.Thread | None = None

    def add(  # noqa: PLR0913 - the fields of a line
        self,
        *,
        client: str,
        method: str,
        path: str,
        status: int,
        seconds: float,
        key_name: str = "",
    ) -> None:
        """Note one answered request; in any thread."""
        path = path[: _LENGTHS[0]] + "…" if len(path) > _LONGEST_PATH else path
        with self._adding:
            size = self._added + len(path)
            if len(self._waiting) >= _MOST_WAITING or size - self._taken > _MOST_BYTES:
                self._dropped += 1
                return
            self._added = size
            line = (time.time(), client, method, path, status, seconds, key_name)
            self._waiting.append(line)
            if not self._has_some.is_set():
                if self._writer is None:  # not before the fork: threads do not survive it
                    self._writer = threading.Thread(target=self._write, daemon=True)
                    self._writer.start()
                self._has_some.set()

    def close(self) -> None:
        """Write what waits, for a second at most."""
        self._is_closed = True
        self._has_some.set()
        if self._writer is not None:
            self._writer.join(timeout=1)

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
        lines = [self._write_one(*self._waiting.popleft()) for _ in range(count)]
        with self._adding:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(f"{dropped} access log lines dropped\n")
        lost = write_lines(self._fd, "".join(lines).encode(errors="backslashreplace"))
        if lost:
            with self._adding:
                self._dropped += dropped + lost - bool(dropped)
        return not lost

    def _write_one(self, *facts: Any) -> str:
        self._taken += len(facts[3])
        return self._line(*facts)

    def _line(  # noqa: PLR0913, PLR0917 - the fields of a line
        self,
        moment: float,
        client: str,
        method: str,
        path: str,
        status: int,
        seconds: float,
        key_name: str,
    ) -> str:
        if self._is_json:
            fields: dict[str, object] = {
                "time": round(moment, 3),
                "level": "info",
                "event": "request answered",
                "client": client,
                "method": method,
                "path": _cut(path, json.dumps),
                "status": status,
                "seconds": round(seconds, 6),
            }
            if key_name:
                fields["key"] = key_name
            return json.dumps(fields) + "\n"
        at = f"{_second(int(moment))},{int(moment % 1 * 1000):03d}"
        shown = _escaped(_cut(path, _escaped))
        key = f" key={key_name}" if key_name else ""
        return f"{at} INFO    {client} {method} {shown} {status} {seconds * 1000:.2f} ms{key}\n"


@functools.lru_cache(4)
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode()


def _cut(path: str, written: Callable[[str], str]) -> str:
    """Give as much of a path as fits in a line once it is written."""
    if len(path) <= _LENGTHS[-1] or len(written(path)) <= _LONGEST_PATH:
        return path
    cuts = (f"{path[:length]}…" for length in _LENGTHS)
    return next((cut for cut in cuts if len(written(cut)) <= _LONGEST_PATH), "…")
