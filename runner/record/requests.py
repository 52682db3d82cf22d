"""Read the request log of a service, the newest first, whatever has become of its files.

The rules of this file:

1. A file is read from its end, a block at a time; of the files only those are open whose requests
   may be the next.
2. What is no whole record is passed over: half a line that a killed worker left, one that somebody
   has edited, one that is too long. Nobody's damage hides what stands beside it.
3. Nothing here writes: see `runner.record.request_files` for what is pruned.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime as dt
import fnmatch
import heapq
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from runner import wire
from runner.telemetry.statuses import is_failure
from runner.wire import WireError

NAME = "requests"
"""Of the folder within a service's folder below ``runs``."""

SUFFIX = ".jsonl"

NO_BODY = "not recorded: it has more than 64 KiB, is broken, or was refused before it was read"
"""Says why a request lacks the body that was sent."""

_BLOCK = 65_536
_LONGEST_SAID = 150  # letters


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordedFailure:
    """Say what was raised as a request was answered, and where, but for what is masked.

    Attributes:
        id: By which the log has it; empty if it is not ours.
        error: The name of the exception's class; empty if none was raised.
        message: What it says, or what failed.
        cell: The cell that it came from, as a reader counts; 0 if that is not known.
        line: In that cell; 0 likewise.
        text: Of that line.
        traceback: How it came, the frames of libraries folded.
    """

    id: str = ""
    error: str = ""
    message: str = ""
    cell: int = 0
    line: int = 0
    text: str = ""
    traceback: str = ""

    @property
    def said(self) -> str:
        """Say it in a line, of which the place is the end."""
        message = " ".join(self.message.split())
        message = message if len(message) <= _LONGEST_SAID else f"{message[:_LONGEST_SAID]}…"
        said = f"{self.error}: {message}" if self.error and message else self.error or message
        return f"{said} (cell {self.cell}, line {self.line})" if self.cell else said


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordedRequest:
    """Be a request and its answer, as they were recorded.

    Attributes:
        id: Of this record.
        time: When it was answered, with its zone.
        run: Which run has answered.
        model: The model's hash; None if it is not known.
        key: The name of the key by which it was asked; empty if there was none.
        trace_id: Of its trace; empty if there was none.
        method: In capitals.
        path: Decoded.
        query: As it was sent, but for what is masked.
        headers: Those that say how the body is to be read, by names in lower case.
        body: What was sent, but for what is masked; None if it is left out.
        status: Of the answer; 101 of a WebSocket.
        answer: Its body; None if it is left out.
        answer_type: Its media type.
        ms: Milliseconds that it took.
        is_cut: Of the body or the answer not all is here.
        is_masked: Something in the query, the body or the answer is masked.
        failure: What was raised; None if nothing was, or it was not told.
        fields: The record as it is written.
    """

    id: str
    time: dt.datetime
    run: str
    model: str | None
    key: str
    trace_id: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes | None
    status: int
    answer: bytes | None
    answer_type: str
    ms: float
    is_cut: bool
    is_masked: bool
    failure: RecordedFailure | None
    fields: dict[str, Any] = dataclasses.field(repr=False)

    @property
    def is_failure(self) -> bool:
        """Tell whether the service has failed at it, maybe behind the head of its answer."""
        return is_failure(self.status) or self.failure is not None

    @property
    def lacks_body(self) -> bool:
        """Tell whether a body that was sent is left out; one of a stream's beginning is not."""
        return self.is_cut and self.body is None

    @property
    def target(self) -> str:
        """Give the path with the query, as a reader writes it."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """Say which requests are wanted; without a word all.

    Attributes:
        statuses: Of the answers.
        since: Not before.
        key: The name of the key.
        path: A pattern of the shell, such as ``/predict*``.
        failures: Only those at which the service has failed.
    """

    statuses: frozenset[int] = frozenset()
    since: dt.datetime | None = None
    key: str | None = None
    path: str = ""
    failures: bool = False

    def has(self, request: RecordedRequest) -> bool:
        """Tell whether this one is wanted."""
        return (
            (not self.statuses or request.status in self.statuses)
            and (self.since is None or request.time >= self.since)
            and (self.key is None or request.key == self.key)
            and (not self.path or fnmatch.fnmatchcase(request.path, self.path))
            and (not self.failures or request.is_failure)
        )


_ALL = Wanted()


def folder_of(service: Path) -> Path:
    """Name the folder of a service's request log, from its own below ``runs``."""
    return service / NAME


def read(folder: Path, wanted: Wanted = _ALL) -> Iterator[RecordedRequest]:
    """Give the requests that are recorded in a folder, the newest first.

    Args:
        folder: It need not exist.
        wanted: Which of them.
    """
    earliest = 0.0 if wanted.since is None else wanted.since.timestamp()
    files = [found for found in _files(folder) if found[0] >= earliest]
    return filter(wanted.has, _merged(files))


def _files(folder: Path) -> Iterator[tuple[float, Path]]:
    """Give the files, and when each was written to last: nothing in it is newer than that."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(SUFFIX) and entry.is_file():
            try:
                yield entry.stat().st_mtime, Path(entry.path)
            except OSError:  # it is pruned by now
                continue


def _merged(files: list[tuple[float, Path]]) -> Iterator[RecordedRequest]:
    """Give the requests of all files, each of which has its newest last."""
    files.sort()
    numbers = itertools.count()  # so that two of the same time are not compared
    heads: list[tuple[float, int, RecordedRequest, Iterator[RecordedRequest]]] = []

    def push(requests: Iterator[RecordedRequest]) -> None:
        request = next(requests, None)
        if request is not None:
            heapq.heappush(heads, (-request.time.timestamp(), next(numbers), request, requests))

    while files or heads:
        while files and (not heads or files[-1][0] >= -heads[0][0]):
            push(_requests_in(files.pop()[1]))
        if heads:
            _, _, request, requests = heapq.heappop(heads)
            yield request
            push(requests)


def _requests_in(path: Path) -> Iterator[RecordedRequest]:
    try:
        with path.open("rb") as file:
            yield from filter(None, map(request_of, _lines_backwards(file)))
    except OSError:  # it is pruned by now, or the disk fails
        return


def _lines_backwards(file: IO[bytes]) -> Iterator[bytes]:
    """Give the lines of a file, the last one first, but for those that are too long."""
    end = file.seek(0, os.SEEK_END)
    parts: list[bytes] = []  # of one line, the last one first
    size = 0
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        begun, *pieces = file.read(end - start).split(b"\n")
        for piece in reversed(pieces):
            if size + len(piece) <= wire.LONGEST:
                yield piece + b"".join(reversed(parts))
            parts, size = [], 0
        size += len(begun)
        parts = [*parts, begun] if size <= wire.LONGEST else []
        end = start
    if size <= wire.LONGEST:
        yield b"".join(reversed(parts))


def request_of(line: bytes) -> RecordedRequest | None:
    """Read one record; None if it is not whole."""
    if not line:
        return None
    try:
        fields = wire.decode(line)
        return RecordedRequest(
            time=_time(fields["time"]),
            method=_text(fields["method"]),
            path=_text(fields["path"]),
            status=int(fields["status"]),
            ms=float(fields["ms"]),
            body=_content(fields.get("body")),
            answer=_content(fields.get("answer")),
            model=_text(fields["model"]) if fields.get("model") is not None else None,
            headers={_text(k): _text(v) for k, v in (fields.get("headers") or {}).items()},
            is_cut=bool(fields.get("is_cut")),
            is_masked=bool(fields.get("is_masked")),
            failure=_failure(fields.get("failure")),
            fields=fields,
            **{name: _text(fields.get(name, "")) for name in _TEXTS},
        )
    except (WireError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


_TEXTS = ("id", "run", "key", "trace_id", "query", "answer_type")


def _failure(value: Any) -> RecordedFailure | None:
    if value is None:
        return None
    known = RecordedFailure()
    given = {name: value[name] for name in dataclasses.asdict(known) if name in value}
    if not isinstance(value, dict) or any(
        type(each) is not type(getattr(known, name)) for name, each in given.items()
    ):
        raise TypeError("a failure of other types")
    return RecordedFailure(**given)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of a text")
    return value


def _time(value: Any) -> dt.datetime:
    time = dt.datetime.fromisoformat(_text(value))
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _content(value: Any) -> bytes | None:
    """Give a body as bytes; None if it is left out."""
    if value is None:
        return None
    if isinstance(value, dict):
        try:
            return base64.b64decode(value["base64"], validate=True)
        except binascii.Error as error:
            raise ValueError("no base64") from error
    return _text(value).encode("utf-8", errors="surrogatepass")
