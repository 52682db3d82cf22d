"""Keep copies of the files below a folder of a storage, for who only reads them.

The rules of this file:

1. A look lists the files, and reads those that are others than before, the newest first. What it
   lists, keeps and reads is bounded; what it does not reach in time is left to the next one.
2. A storage that does not answer changes nothing: the copies stay, and it is told why.
3. What is over there no more is removed here. The copies are for one reader, who ends with us.
4. Of a very large file only the end is read: its copy has its size, and nothing before the end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import errno
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from runner.files import make_folders, write_atomically
from runner.storage.faults import Fault, MissingError, StorageError, UnreachableError

if TYPE_CHECKING:
    from runner.storage.remote import Listed

_TOLD = ".look.json"
_PARTIAL = ".partial"
_READS_WITHIN = 20.0  # seconds; then it is listed anew
_MOST_AT_ONCE = 64
_BYTES_AT_ONCE = 8 * 2**20
_NO_SUCH_NAME = (
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY),
    *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ),
)


class Listable(Protocol):
    """Be what files are listed by, and read from."""

    def listed(self, url: str, most: int | None = None) -> list[Listed]:
        """List so many files of a folder."""

    def read_parts(
        self, url: str, parts: Mapping[str, tuple[int, int]]
    ) -> dict[str, bytes | Fault]:
        """Read parts of some of them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bounds:
    """Say which files are copied, and how much of them.

    Attributes:
        suffix: Their names end so.
        listed: So many files are listed, of any name.
        files: So many are copied; the oldest are left out.
        bytes: So many are kept here, likewise.
        whole: Files of so many bytes are read whole.
        end: Of larger ones the end is read, of so many bytes.
    """

    suffix: str
    listed: int
    files: int
    bytes: int
    whole: int
    end: int

    def part(self, size: int) -> tuple[int, int]:
        """Say from where to where a file is read."""
        return (0 if size <= self.whole else size - self.end), size


@dataclasses.dataclass(kw_only=True)
class Look:
    """Tell how true the copies are.

    Attributes:
        at: When the folder was listed last; ISO, empty if it never was.
        fault: Why that is not now.
        unread: How many files are still to be read.
        left_out: How many are beyond the bounds.
        is_cut: There are more files than are listed.
    """

    at: str = ""
    fault: str = ""
    unread: int = 0
    left_out: int = 0
    is_cut: bool = False

    @classmethod
    def of(cls, folder: Path) -> Look:
        """Read what was told of the copies in a folder."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return cls(**json.loads((folder / _TOLD).read_bytes()))
        return cls()


class FolderCopy:
    """Own the copies of a folder's files.

    Args:
        url: The folder.
        path: Where the copies are, and nothing else.
        remote: Where the files are.
        bounds: Which are copied.
    """

    def __init__(self, url: str, path: Path, remote: Listable, bounds: Bounds) -> None:
        self.url, self.path = url, path
        self._remote, self._bounds = remote, bounds
        # What a process before us has left is not known to be as over there.
        there = path.rglob(f"*{bounds.suffix}")
        self._stamps = {each.relative_to(path).as_posix(): "" for each in there}
        self._not_here: set[str] = set()
        self._refused: set[str] = set()
        self._look = Look()

    def fetch(self) -> bool:
        """Make the copies what the storage has now; tell whether they are others than before.

        Raises:
            StorageError: The folder or a file cannot be read.
            UnreachableError: The storage does not answer.
            OSError: A copy cannot be written.
        """
        try:
            changed = self._changed()
            refused = [file for file in changed if file.name in self._refused]
            fresh = [file for file in changed if file.name not in self._refused]
            self._read([*fresh, *refused[:_MOST_AT_ONCE]])
        except (StorageError, UnreachableError, OSError) as error:
            self._tell(fault=str(error))
            raise
        return bool(changed)

    def remove(self) -> None:
        """Remove all copies."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _changed(self) -> list[Listed]:
        """Give the files that are to be read; what is no more is removed."""
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        most = self._bounds.listed
        listed = self._remote.listed(self.url, most + 1)
        meant = [each for each in listed[:most] if self._is_meant(each)]
        kept = [*self._within_bounds(meant)]
        self._remove_all_but({each.name for each in kept})
        changed = [file for file in kept if not self._is_known(file)]
        self._tell(
            at=at,
            fault="",
            unread=len(changed),
            left_out=len(meant) - len(kept),
            is_cut=len(listed) > most,
        )
        return changed

    def _is_known(self, file: Listed) -> bool:
        return bool(file.stamp) and self._stamps.get(file.name) == file.stamp

    def _is_meant(self, file: Listed) -> bool:
        name = file.name
        is_hidden = any(part.startswith(".") or not part for part in name.split("/"))
        is_name = "\0" not in name and name not in self._not_here
        return bool(file.size) and is_name and not is_hidden and name.endswith(self._bounds.suffix)

    def _within_bounds(self, files: Sequence[Listed]) -> Iterator[Listed]:
        newest_first = sorted(files, key=lambda file: file.modified, reverse=True)
        room = self._bounds.bytes
        for file in newest_first[: self._bounds.files]:
            start, end = self._bounds.part(file.size)
            room -= end - start
            if room < 0:
                return
            yield file

    def _remove_all_but(self, names: set[str]) -> None:
        for name in self._stamps.keys() - names:
            del self._stamps[name]
            path = self.path / name
            with contextlib.suppress(OSError):
                path.unlink()
                for folder in path.relative_to(self.path).parents[:-1]:
                    (self.path / folder).rmdir()

    def _read(self, files: Sequence[Listed]) -> None:
        """Read as many files as there is time for; then raise a fault, if there was one."""
        deadline = time.monotonic() + _READS_WITHIN
        faults: list[Fault] = []
        for some in self._at_once(files):
            if time.monotonic() > deadline:
                break
            faults += self._read_some(some)
            self._tell(unread=self._look.unread - len(some))
            if any(isinstance(fault, UnreachableError) for fault in faults):
                break
        if faults:
            raise faults[-1]

    def _at_once(self, files: Sequence[Listed]) -> Iterator[list[Listed]]:
        some: list[Listed] = []
        size = 0
        for file in files:
            start, end = self._bounds.part(file.size)
            if some and (len(some) >= _MOST_AT_ONCE or size + end - start > _BYTES_AT_ONCE):
                yield some
                some, size = [], 0
            some.append(file)
            size += end - start
        if some:
            yield some

    def _read_some(self, files: Sequence[Listed]) -> list[Fault]:
        parts = {file.name: self._bounds.part(file.size) for file in files}
        # One byte more: what was replaced by something longer is no whole file.
        asked = {name: (start, end + 1) for name, (start, end) in parts.items()}
        faults: list[Fault] = []
        found = self._remote.read_parts(self.url, asked)
        for file in files:
            said, (start, end) = found[file.name], parts[file.name]
            if isinstance(said, MissingError):
                continue
            if not isinstance(said, bytes):
                faults.append(said)
                if isinstance(said, StorageError):
                    self._refused.add(file.name)
            elif len(said) <= end - start:
                self._write(file, said, start)
        return faults

    def _write(self, file: Listed, data: bytes, start: int) -> None:
        path, partial = self.path / file.name, self.path / _PARTIAL
        try:
            make_folders(path.parent, 0o700)
            with partial.open("wb") as opened:
                opened.seek(start)
                opened.write(data)
            partial.replace(path)
        except OSError as error:
            if error.errno not in _NO_SUCH_NAME:
                raise
            self._not_here.add(file.name)
        else:
            self._stamps[file.name] = file.stamp
            self._refused.discard(file.name)

    def _tell(self, **news: Any) -> None:
        self._look = dataclasses.replace(self._look, **news)
        with contextlib.suppress(OSError):  # a full disk, of which the pages cannot be told either
            make_folders(self.path, 0o700)
            write_atomically(self.path / _TOLD, json.dumps(dataclasses.asdict(self._look)))
