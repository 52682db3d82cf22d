"""Keep a local copy as the storage has the file, by asking for its ETag again and again.

A storage that does not answer, or has the file no more, changes nothing: the copy stays as it is.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from runner.config import record_folder_mode, record_mode
from runner.files import make_folders, write_atomically
from runner.storage.faults import StorageError, UnreachableError
from runner.storage.urls import shown

log = logging.getLogger(__name__)

MOST = 256 * 1024 * 1024  # bytes of a notebook
MOST_OF_MODEL = 4 * 1024 * 1024 * 1024
_SPREAD = 0.2


class Readable(Protocol):
    """Be what files are read from."""

    def stamp(self, url: str) -> str:
        """Say by what the file's content is known; empty if only reading tells."""

    def read(self, url: str, most: int) -> tuple[bytes, str]:
        """Give its content, and by what that is known."""


class LocalCopy:
    """Own the local copy of one file.

    Args:
        url: The file.
        path: Of the copy.
        remote: Where the file is.
        most: Bytes that it may have.
    """

    def __init__(self, url: str, path: Path, remote: Readable, most: int = MOST) -> None:
        self.url, self.path = url, path
        self._remote, self._most = remote, most
        self._stamp = ""

    def fetch(self) -> bool:
        """Make the copy what the storage has now; tell whether it is another one than before.

        Raises:
            StorageError: The file is not there, or cannot be read.
            UnreachableError: The storage does not answer.
        """
        if self._stamp and self.path.exists() and self._remote.stamp(self.url) == self._stamp:
            return False
        data, stamp = self._remote.read(self.url, self._most)
        is_new = not _has(self.path, data)
        if is_new:
            _write(self.path, data)
        self._stamp = stamp
        return is_new

    def fetch_if(self, is_newer: Callable[[bytes, bytes], bool]) -> bool:
        """Make the copy what the storage has, if that is newer; tell whether it is that now.

        Args:
            is_newer: Compares what is here and what is there.

        Raises:
            StorageError: The file is not there, or cannot be read.
            UnreachableError: The storage does not answer.
        """
        data, self._stamp = self._remote.read(self.url, self._most)
        here = self.path.read_bytes() if self.path.is_file() else b""
        if here and here != data and not is_newer(here, data):
            return False
        if here != data:
            _write(self.path, data)
        return True


class ETags:
    """Own a small local file that says which content some files have over there.

    Args:
        urls: The files.
        path: Of the local one.
        remote: Where the files are.
    """

    def __init__(self, urls: Sequence[str], path: Path, remote: Readable) -> None:
        self.url, self.path = urls[0], path
        self._urls, self._remote = urls, remote

    def fetch(self) -> bool:
        """Ask for the ETags; tell whether they are others than before.

        Raises:
            StorageError: A file is not there, or cannot be read.
            UnreachableError: The storage does not answer.
        """
        said = "".join(f"{self._remote.stamp(url)}\n" for url in self._urls).encode()
        is_new, is_first = not _has(self.path, said), not self.path.exists()
        if is_new:
            _write(self.path, said)
        return is_new and not is_first


class Followed(Protocol):
    """Be what is kept as the storage has it."""

    @property
    def url(self) -> str:
        """Say where it is over there."""

    def fetch(self) -> bool:
        """Bring here what is over there now; tell whether it is another than before."""


class Follower:
    """Fetch a file, its ETag, or a folder's files, again whenever they have changed.

    Args:
        copy: What is fetched.
        every: Seconds between two looks, of which each is up to a fifth more or less, so that
            many who follow one file do not all ask at the same time.
    """

    def __init__(self, copy: Followed, every: float) -> None:
        self._copy, self._every = copy, every
        self._is_lost = False

    def step(self, now: float) -> float:
        """Look; give the time of the next look."""
        where = shown(self._copy.url)
        try:
            if self._copy.fetch():
                log.info("%s has changed", where)
        except (StorageError, UnreachableError, OSError) as error:
            if not self._is_lost:
                log.warning("what is here stays until %s is read again: %s", where, error)
            self._is_lost = True
        else:
            if self._is_lost:
                log.info("%s is read again", where)
            self._is_lost = False
        return now + self._every * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - no secret


def is_newer(name: str, here: bytes, there: bytes) -> bool:
    """Tell whether what is there is newer than a file's copy here.

    A notebook says when it was saved. Of all else lines are only added, and that by one at a time:
    what does not begin with all that is there lacks something.
    """
    if name.endswith(".ipynb"):
        return _saved_at(here) < _saved_at(there)
    return not here.startswith(there)


def _saved_at(record: bytes) -> str:
    """Say when a record was saved, so that two can be compared; empty if it does not say."""
    try:
        return str(json.loads(record)["metadata"]["runner"]["saved"])
    except (ValueError, KeyError, TypeError):
        return ""


def _write(path: Path, data: bytes) -> None:
    make_folders(path.parent, record_folder_mode())
    write_atomically(path, data, mode=record_mode())


def _has(path: Path, data: bytes) -> bool:
    try:
        if path.stat().st_size != len(data):
            return False
        return path.read_bytes() == data
    except OSError:
        return False
