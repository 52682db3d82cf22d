"""List the runs whose records lie below a folder, reading again only what has changed.

The rules of this file:

1. A file is known by its size, its change and its number on the disk; only if one of them is
   another is it read.
2. A look has a deadline: what it does not reach, the oldest, is left to the next, and counted.
3. Links are not followed, and what is hidden or installed is not entered.
4. Who asks while another looks gets what is known, and the longer a look takes, the rarer it is: a
   large folder must hold up no page.
5. A record that has two names, as ``out.ipynb`` has, is one run: the name that lasts is shown.
"""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from runner.cockpit.run_summary import Kind, RunSummary, summary_of
from runner.record.run_status import RunStatus

_MOST_ENTRIES = 200_000
_MOST_RECORDS = 10_000
_DEEPEST = 12
_LOOK_SECONDS = 2.0
_STAYS_TRUE = 1.0  # seconds; several pages that ask at once are answered by one look
_RESTS = 4.0  # times what a look has taken
_NOT_ENTERED = {"node_modules", "site-packages", "__pycache__", "sources"}
_NEWEST_NAME = "out.ipynb"

Signature = tuple[int, int, int]
Record = tuple[Path, Signature]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runs:
    """Be the runs that were found, the newest first.

    Attributes:
        all: Each of them.
        reports: The reports of sweeps, by their folders.
        unread: How many files were not read yet.
        is_cut: There are more than we list.
    """

    all: tuple[RunSummary, ...] = ()
    reports: Mapping[str, RunSummary] = dataclasses.field(default_factory=dict)
    unread: int = 0
    is_cut: bool = False


class RunIndex:
    """Know the runs below a folder.

    Any thread may ask: one looks at a time.

    Args:
        folder: The folder.
        read: Reads one record's summary.
        now: Tells the time, in seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        read: Callable[[Path, Path], RunSummary | None] = summary_of,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self._read, self._now = read, now
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[Signature, RunSummary | None]] = {}
        self._found, self._next = Runs(), float("-inf")
        self._by_path: dict[str, tuple[Path, RunSummary]] = {}

    def runs(self) -> Runs:
        """Give the runs as they are now, or were a moment ago."""
        is_first = self._next == float("-inf")
        if self._lock.acquire(blocking=is_first):
            try:
                began = self._now()
                if began >= self._next:
                    self._found = self._look()
                    ended = self._now()
                    rest = 0.0 if self._found.unread else _RESTS * (ended - began)
                    self._next = ended + max(_STAYS_TRUE, rest)
            finally:
                self._lock.release()
        return self._found

    def run(self, path: str) -> tuple[RunSummary, Path] | None:
        """Give one run, and where its record is; None if there is none at this path.

        So nothing else can be asked for by a path; a record may be by any of its names.
        """
        self.runs()
        found = self._by_path.get(path)
        return (_as_it_is(found[1]), found[0]) if found else None

    def _look(self) -> Runs:
        records = list(_records(self.folder))
        deadline = self._now() + _LOOK_SECONDS
        changed = [
            record
            for record in records
            if record[0] not in self._known or self._known[record[0]][0] != record[1]
        ]
        changed.sort(key=lambda record: record[1][1], reverse=True)
        there = {path for path, _ in records}
        self._known = {path: known for path, known in self._known.items() if path in there}
        unread = len(changed)
        for path, signature in changed:
            if self._now() > deadline:
                break
            self._known[path] = (signature, self._read(path, self.folder))
            unread -= 1
        return self._listed(unread, is_cut=len(records) >= _MOST_RECORDS)

    def _listed(self, unread: int, *, is_cut: bool) -> Runs:
        found = [(path, run) for path, (_, run) in self._known.items() if run]
        distinct = _distinct(found)
        self._by_path = {run.path: (path, run) for path, run in found}
        runs = [_as_it_is(run) for _, run in distinct if run.kind is not Kind.REPORT]
        runs.sort(key=lambda run: (run.started or 0.0, run.path), reverse=True)
        return Runs(
            all=tuple(runs),
            reports={run.sweep: run for _, run in distinct if run.kind is Kind.REPORT},
            unread=unread,
            is_cut=is_cut,
        )


def _distinct(found: Iterable[tuple[Path, RunSummary]]) -> list[tuple[Path, RunSummary]]:
    """Leave out what is another name of a record beside it."""
    own = [(path, run) for path, run in found if path.name != _NEWEST_NAME]
    named = {_identity(path, run) for path, run in own}
    newest = (each for each in found if each[0].name == _NEWEST_NAME)
    return own + [each for each in newest if _identity(*each) not in named]


def _identity(path: Path, run: RunSummary) -> tuple[object, ...]:
    return (path.parent, run.started, run.process)


def _as_it_is(run: RunSummary) -> RunSummary:
    """Say of a record that nobody closed, though its process is gone, that this was killed."""
    if not run.is_open or not run.process.is_gone:
        return run
    return dataclasses.replace(
        run, status=RunStatus.KILLED, reason="its process ended without a word"
    )


def _records(folder: Path) -> Iterator[Record]:
    """List the notebooks below a folder, ``runs`` first, each with its signature."""
    entries = records = 0
    waiting = [(folder, 0), (folder / "runs", 1)]
    seen = set()
    while waiting:
        place, depth = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        for entry in _entries(place):
            entries += 1
            if entries > _MOST_ENTRIES:
                return
            if _is_folder(entry):
                if depth < _DEEPEST and _is_entered(entry.name):
                    waiting.append((Path(entry.path), depth + 1))
            elif entry.name.endswith(".ipynb") and (signature := _signature(entry)):
                yield Path(entry.path), signature
                records += 1
                if records >= _MOST_RECORDS:
                    return


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder, and no link to one."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _entries(place: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(place) as found:
            yield from found
    except OSError:
        return


def _is_entered(name: str) -> bool:
    return not name.startswith(".") and name not in _NOT_ENTERED


def _signature(entry: os.DirEntry[str]) -> Signature | None:
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ino)
