"""Copy local files to a storage whenever they change, and catch up when it was not reached.

The rules of this file:

1. A file is copied after it was written here, never instead. A folder's files are copied at most
   once in ``every`` seconds, and less often where a copy takes long.
2. Of a folder the record, `out.ipynb`, goes last, as it was before the others were looked at, also
   those in folders below: what a record says is there has been copied before it.
3. Nothing is ever removed over there.
4. What was refused is tried again, later and later, for as long as we live.
5. Where a newer record is over there, what is here is of an earlier run: nothing of it is copied.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from runner.storage.faults import Fault, StorageError, UnreachableError
from runner.storage.urls import below, shown

log = logging.getLogger(__name__)

RECORD = "out.ipynb"
_LOOK_EVERY = 0.25
_SHARE = 20  # times as long as a look took there is no other
_PAUSE = 4  # times as long as copying a folder took it is not copied again
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 15.0
_COPIES_WITHIN = 60.0  # seconds, a folder that others wait for
_MOST_HELD = 256 * 1024 * 1024  # bytes of a record

Stamp = tuple[int, ...]


class Writable(Protocol):
    """Be where files are copied to."""

    def write(self, url: str, content: bytes | Path, seconds: float | None = None) -> None:
        """Write a file, within some seconds: the bytes, or what a local file has."""


class Mirror:
    """Copy one file, or all files of a folder.

    Args:
        root: The file or the folder.
        url: Where it goes.
        remote: To whom.
        every: Seconds between two copies of a folder's files.
        suffix: Only files that end so, such as ``.ipynb``.

    Attributes:
        brings: Is given a record before that is copied for the first time, where others write,
            too: brings here what is newer over there, and tells whether both are the same now.
        confirms: Of folders whose lock we hold, what makes sure of that before they are copied.
        reason: Why something is not copied.
    """

    def __init__(
        self,
        root: Path,
        url: str,
        remote: Writable,
        every: float,
        *,
        suffix: str,
    ) -> None:
        self.root, self.url = root, url
        self._remote, self._every, self._suffix = remote, every, suffix
        self.brings: Callable[[Path], bool] | None = None
        self._sent: dict[Path, Stamp] = {}
        self._not_before: dict[Path, float] = {}
        self._left: set[Path] = set()
        self.confirms: dict[Path, Callable[[], None]] = {}
        self._retry_at = 0.0
        self._failures = 0
        self._looked = 0.0
        self.reason = ""

    def known(self, record: Path) -> None:
        """Take a record and all beside it, as they are now, for copied: it came from there."""
        for path in [record, *self._changed_with(record.parent)]:
            self._sent[path] = _stamp(path)

    def leaves(self, folder: Path, is_left: bool) -> None:
        """Copy nothing of a folder and of what is below it, since others may; or do so again."""
        (self._left.add if is_left else self._left.discard)(folder)

    def step(self, now: float) -> float:
        """Copy what is due; give the time of the next look."""
        if now < self._retry_at:
            return self._retry_at
        self._pass(now, None)
        return max(self._retry_at, time.monotonic() + max(_LOOK_EVERY, _SHARE * self._looked))

    def has_copied(self, folder: Path) -> bool:
        """Tell whether all that is in a folder is copied; it is tried now.

        Raises:
            StorageError: Something is refused.
            UnreachableError: The storage does not answer.
        """
        if paths := self._changed_with(folder):
            self._copy(folder, paths, time.monotonic() + _COPIES_WITHIN)
        return not self._changed_with(folder)

    def finish(self, deadline: float) -> list[Path]:
        """Copy all that has changed, and try until a time; give what is not copied by then."""
        self._retry_at, self._failures = 0.0, 0
        while (now := time.monotonic()) < deadline:
            self._pass(now, deadline)
            if not self._retry_at:
                break
            time.sleep(max(0.0, min(self._retry_at, deadline) - time.monotonic()))
        return [path for files in self._changed().values() for path in files]

    @property
    def _is_folder(self) -> bool:
        return self.root.is_dir()

    def _pass(self, now: float, deadline: float | None) -> None:
        """Copy what has changed, folder by folder, until something is refused.

        Args:
            now: The time.
            deadline: When it has to be done; None: some other time will do, if it is not due.
        """
        failure: Fault | None = None
        for folder, paths in self._changed().items():
            if deadline is not None or now >= self._not_before.get(folder, 0.0):
                try:
                    self._copy(folder, paths, deadline)
                except StorageError as error:  # it may be so of this one only
                    failure = error
                except UnreachableError as error:
                    failure = error
                    break
        if failure:
            self._note_failure(failure)
            return
        if self._failures:
            log.info("%s has caught up with %s", shown(self.url), self.root)
        self._retry_at, self._failures, self.reason = 0.0, 0, ""

    def _copy(self, folder: Path, paths: list[Path], deadline: float | None) -> None:
        """Copy the files of one folder, the record last."""
        began = time.monotonic()
        for place in (folder, *folder.parents):
            if confirm := self.confirms.get(place):
                confirm()
        if self._is_left(folder):
            return
        record = self.root if not self._is_folder else folder / RECORD
        held = _read(record) if record in paths else None
        if held is not None and record not in self._sent and self._is_there(record):
            self.known(record)
            return
        # Looked at once more: what the record as it is held speaks of is whole by now.
        others = self._changed_with(folder) if self._is_folder else []
        for path in others:
            if path != record:
                stamp = _stamp(path)
                if stamp:
                    self._write(path, path, deadline)
                    self._sent[path] = stamp
        if held is not None:
            self._write(record, held[0], deadline)
            self._sent[record] = held[1]
        ended = time.monotonic()
        self._not_before[folder] = ended + max(self._every, _PAUSE * (ended - began))

    def _is_there(self, record: Path) -> bool:
        with contextlib.suppress(StorageError):  # it may be ours to write only
            return self.brings is not None and self.brings(record)
        return False

    def _write(self, path: Path, content: bytes | Path, deadline: float | None) -> None:
        left = None if deadline is None else max(1.0, deadline - time.monotonic())
        try:
            self._remote.write(self._url_of(path), content, left)
        except OSError as error:  # removed as it was to be copied, or not ours to read
            raise StorageError(f"{path}: {error.strerror or error}") from error

    def _url_of(self, path: Path) -> str:
        if path == self.root:
            return self.url
        return below(self.url, path.relative_to(self.root).as_posix())

    def _changed(self) -> dict[Path, list[Path]]:
        """List what is not as it was copied, by folder."""
        if not self._is_folder:
            is_due = bool(stamp := _stamp(self.root)) and stamp != self._sent.get(self.root)
            return {self.root.parent: [self.root]} if is_due else {}
        began = time.monotonic()
        folders = (Path(folder) for folder, _, _ in _walk(self.root))
        found = {folder: self._changed_in(folder) for folder in folders}
        self._looked = time.monotonic() - began
        return {folder: paths for folder, paths in found.items() if paths}

    def _changed_with(self, folder: Path) -> list[Path]:
        """List what is not as it was copied, of a folder with a record also below it."""
        if not (folder / RECORD).exists():
            return self._changed_in(folder)
        return [path for place, _, _ in _walk(folder) for path in self._changed_in(Path(place))]

    def _changed_in(self, folder: Path) -> list[Path]:
        found: list[Path] = []
        if self._is_left(folder):
            return found
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                if self._is_meant(entry) and _stamp(path) != self._sent.get(path):
                    found.append(path)
        return sorted(found)

    def _is_left(self, folder: Path) -> bool:
        return not self._left.isdisjoint((folder, *folder.parents))

    def _is_meant(self, entry: os.DirEntry[str]) -> bool:
        is_file = entry.is_file(follow_symlinks=False)
        return is_file and not entry.name.startswith(".") and entry.name.endswith(self._suffix)

    def _note_failure(self, error: Fault) -> None:
        self._failures += 1
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self._failures - 1))
        self._retry_at = time.monotonic() + wait
        if str(error) != self.reason:
            said = "not copied, and tried again until it is; all is in %s: %s"
            log.warning(said, self.root, error)
        self.reason = str(error)


def _walk(root: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield folder, folders, names


def _read(path: Path) -> tuple[bytes, Stamp] | None:
    """Read a file, and say which state of it was read; None of one that is gone."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            data = file.read(_MOST_HELD + 1)
    except OSError:
        return None
    if len(data) > _MOST_HELD:
        raise StorageError(f"{path}: {found.st_size} bytes; at most {_MOST_HELD} are copied")
    return data, (found.st_ino, found.st_size, found.st_mtime_ns)


def _stamp(path: Path) -> Stamp:
    """Say by what a file's state is known; empty of one that is gone."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
