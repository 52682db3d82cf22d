"""Record requests and their answers, without ever making a worker wait.

The rules of this file:

1. A share of all is recorded, and what failed: each 5xx, and a few a second of those that many
   clients get at once for a reason of their own: 4xx, 501, 505, and 503, by which a busy service
   is spared.
2. What is recorded waits, within a bound in bytes, for a thread that masks and writes it, a little
   at a time, so that whoever answers is not held up by Python's lock. What does not fit is dropped,
   counted, and told once a minute at most. Who answers does no more than hand it over: what few
   requests need is in no cache of the processor, and takes several times as long as for many in
   a row.
3. A worker writes no more in a second than its share of all that may be kept: so the supervisor,
   which prunes, keeps up.
4. While the disk takes nothing, all is dropped but for a try each second.
"""

from __future__ import annotations

import collections
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from runner.config import REQUEST_LOG_FOLDER, RequestLogSettings, setting
from runner.http.recording import Exchanged, Recording
from runner.http.request_file import RequestFile
from runner.http.request_line import Answered, LineWriter
from runner.identity import Identity
from runner.log import WriterThread
from runner.telemetry.raised import MOST as MOST_RAISED
from runner.telemetry.request_trace import RequestTrace, new_ids
from runner.telemetry.statuses import is_failure

if TYPE_CHECKING:
    from runner.http.exchange import Exchange

log = logging.getLogger(__name__)

_MOST_WAITING, _LEAST_WAITING = 8_388_608, 262_144  # bytes
_SIZE = 1_000  # bytes of one that waits, besides what it keeps
_EVERY = 0.5  # each time that the thread is woken takes as long as some ten lines
_MUCH = 1_048_576  # bytes that do not wait for that
_ROOM_EVERY = 0.1
_MOST_AT_ONCE = 16  # lines: about a tenth of a millisecond without a pause
_MOST_BYTES_AT_ONCE = 131_072
_RETRY_AFTER = 1.0
_SAY_EVERY = 60.0
_MOST_REFUSED, _MOST_BUSY = 10, 100  # a second
# Of all that may be kept a run writes an eighth a second: two runs, of which one takes over from
# the other, write no more between two looks of the supervisor than that leaves room for.
_SHARES, _LEAST = 8, 4_096  # bytes
_draw = random.random

_Facts: TypeAlias = tuple[float, float, str, str, int, str, RequestTrace | None]  # of `Answered`


class RequestLog:
    """Record requests of one worker.

    Args:
        rate: The share that is recorded.
        file: Makes what the lines are written to, in the worker.
        lines: Makes what writes them, likewise.
        most_a_second: Bytes.

    Attributes:
        rate: Likewise.
        on_dropped: Called, in any thread, with how many were not recorded.
    """

    def __init__(
        self,
        rate: float,
        file: Callable[[], RequestFile],
        lines: Callable[[], LineWriter],
        most_a_second: int,
    ) -> None:
        self.rate = rate
        self.on_dropped: Callable[[int], None] = lambda _: None
        self._make_file, self._make_lines = file, lines
        self._waiting: collections.deque[tuple[int, _Facts, Recording | Exchanged]] = (
            collections.deque()
        )
        self._adding = threading.Lock()
        self._added = self._taken = 0  # bytes
        self._dropped = self._untold = 0
        self._told_at = float("-inf")
        self._refused, self._busy = _Budget(_MOST_REFUSED), _Budget(_MOST_BUSY)
        self._written = _Budget(most_a_second)
        # No more than is soon written: what is newest must not be dropped for what is old.
        self._most_waiting = min(_MOST_WAITING, max(2 * most_a_second, _LEAST_WAITING))
        self._has_some = threading.Event()
        self._hurry = threading.Event()
        self._is_closing = False
        self._writer = WriterThread(self._write, "request log")
        self._fails_until = 0.0
        self._has_failed = False  # to write a line

    def wants(self, status: int) -> bool:
        """Tell whether an exchange of this status is to be recorded; in any thread."""
        return self.draws() or self.wants_undrawn(status)

    def draws(self) -> bool:
        """Tell whether the next exchange is of the share that is recorded; in any thread."""
        return _draw() < self.rate

    def wants_undrawn(self, status: int) -> bool:
        """Tell whether an exchange of this status is to be recorded though it was not drawn."""
        if status < 400:
            return False
        if is_failure(status):
            return status != 503 or self._busy.take(1)
        return self._refused.take(1)

    def add_exchange(self, exchange: Exchange, kept: Recording | Exchanged) -> None:
        """Record an exchange that has ended; in any thread."""
        self.add(
            kept,
            method=exchange.method,
            path=exchange.path,
            status=exchange.status,
            seconds=time.monotonic() - exchange.since,
            key_name=exchange.key_name,
            trace=exchange.trace,
        )

    def add(  # noqa: PLR0913 - the fields of a line
        self,
        kept: Recording | Exchanged,
        *,
        method: str,
        path: str,
        status: int,
        seconds: float,
        key_name: str = "",
        trace: RequestTrace | None = None,
    ) -> None:
        """Record what was asked and answered; in any thread."""
        # What was raised at a failure may be told only now.
        raised = MOST_RAISED if status >= 500 or (trace is not None and trace.failure_id) else 0
        size = _SIZE + raised + len(path) + kept.size
        facts = (time.time(), seconds, method, path, status, key_name, trace)
        with self._adding:
            added = self._added + size
            if added - self._taken > self._most_waiting:
                self._dropped += 1
                return
            self._added = added
            self._waiting.append((size, facts, kept))
            if added - self._taken > _MUCH:
                self._hurry.set()
            # Not before the fork: threads do not survive it.
            if not self._has_some.is_set() and self._writer.begin():
                self._has_some.set()

    def close(self) -> None:
        """Write what waits, for a second at most."""
        self._is_closing = True
        self._has_some.set()
        self._hurry.set()
        self._writer.join(1)

    # -- in the thread that writes

    def _write(self) -> None:
        self._file, self._lines = self._make_file(), self._make_lines()
        while not self._is_closing or self._waiting:
            self._has_some.wait(_SAY_EVERY if self._untold or self._dropped else None)
            self._hurry.wait(_EVERY)
            if not self._is_closing:
                self._hurry.clear()
            self._has_some.clear()
            while self._waiting:
                self._write_some()
                self._tell_of_dropped()
            self._tell_of_dropped()
        self._file.close()

    def _write_some(self) -> None:
        taken, lines = 0, b""
        fails = time.monotonic() < self._fails_until
        names = new_ids(_MOST_AT_ONCE)
        while self._waiting and taken < _MOST_AT_ONCE and len(lines) < _MOST_BYTES_AT_ONCE:
            size, facts, kept = self._waiting.popleft()
            self._taken += size
            taken += 1
            if not fails:
                lines += self._line(facts, kept, names.pop())
        if fails:
            self._drop(taken)
            return
        while not (self._written.take(len(lines)) or self._is_closing):
            time.sleep(_ROOM_EVERY)
        self._append(lines, taken)

    def _line(self, facts: _Facts, kept: Recording | Exchanged, new_id: str) -> bytes:
        """Write a line; nothing if that fails, which must not end the thread."""
        try:
            return self._lines.line(Answered(*facts, kept.exchanged()), new_id)
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                log.exception("a request cannot be recorded; no others like it are told of")
            self._drop(1)
            return b""

    def _append(self, lines: bytes, taken: int) -> None:
        try:
            self._file.write(lines)
        except OSError as error:
            if not self._fails_until:
                log.warning("requests cannot be recorded: %s; it is tried again", error)
            self._fails_until = time.monotonic() + _RETRY_AFTER
            self._drop(taken)
        else:
            if self._fails_until:
                log.warning("requests are recorded again")
            self._fails_until = 0.0

    def _drop(self, taken: int) -> None:
        with self._adding:
            self._dropped += taken

    def _tell_of_dropped(self) -> None:
        with self._adding:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            self._untold += dropped
            self.on_dropped(dropped)
        now = time.monotonic()
        if self._untold and now - self._told_at >= _SAY_EVERY:
            log.warning("%d requests were not recorded", self._untold)
            self._untold, self._told_at = 0, now


def request_log_of(workers: int, environ: Mapping[str, str] = os.environ) -> RequestLog | None:
    """Make the request log of each worker; nothing is written before there is something.

    Args:
        workers: How many there are.
        environ: Says what is recorded, and where.

    Returns:
        None if nothing is recorded.
    """
    settings = RequestLogSettings.from_environment(environ)
    folder = setting(REQUEST_LOG_FOLDER, "", environ)
    if not (settings.record_requests and folder):
        return None
    most = max(settings.record_bytes // (_SHARES * workers), _LEAST)
    names = [*setting("secret", "", environ).split(), *settings.record_mask.split(",")]
    secrets = {name.strip() for name in names} - {""}
    run = Identity.from_environment(environ).run_id
    return RequestLog(
        settings.record_requests,
        lambda: RequestFile(Path(folder), run, most),
        lambda: LineWriter(secrets),
        most,
    )


class _Budget:
    """Allow so much in a second; a race of threads may allow a little more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._until, self._left = 0.0, 0

    def take(self, much: int) -> bool:
        """Take so much, if there is any left; what is more than all is taken alone."""
        now = time.monotonic()
        if now >= self._until:
            self._until, self._left = now + 1.0, self._most
        if self._left <= 0:
            return False
        self._left -= much
        return True
