"""Have locks that all who share a sweep's folder by URL see, each behind a lock of this machine."""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from collections.abc import Iterator
from typing import Any

from runner.storage import urls
from runner.storage.client import LISTS_WITHIN, StorageProcess
from runner.storage.faults import UnreachableError
from runner.storage.mirror import RECORD
from runner.sweep.locks import JOURNAL_NAME, SEARCH, SETUP, TABLE, FolderLocks

log = logging.getLogger(__name__)

_WRITES = {SETUP: ("", ""), TABLE: ("", ""), SEARCH: (SEARCH, JOURNAL_NAME)}
"""Of each lock that is no point's: the folder in which its holder alone writes, and the file there
by which to tell what is newer."""

_ASKS_AGAIN_AFTER = 5.0  # seconds, a storage that did not answer: each question takes many


class BucketLocks:
    """Have a folder's locks here, and by the same names over there.

    Who gets one finds, here, the newest record or journal that is over there; and nobody else gets
    it before what was written here meanwhile has been copied.

    Args:
        here: The folder's own.
        url: The folder's.
        path: Of its local copy.
        process: Reads and writes by URL.
    """

    def __init__(self, here: FolderLocks, url: str, path: str, process: StorageProcess) -> None:
        self._here, self._url, self._path, self._process = here, url, path, process
        self._owner = uuid.uuid4().hex
        self._words: dict[str, str] = {}
        self._is_lost, self._not_before = False, 0.0

    @contextlib.contextmanager
    def claim(self, name: str, word: str = "") -> Iterator[bool]:
        """Hold a lock, as `Locks` says; a storage that does not answer gives none.

        Raises:
            ConfigurationError: The disk has no locks, or the storage refuses.
        """
        with self._here.claim(name, word) as is_ours:
            if not is_ours or not self._is_held_there(name, word):
                yield False
                return
            try:
                yield True
            finally:
                self._process.tell(do="release", lock=self._lock(name))

    def word_of(self, name: str) -> str:
        """Give a holder's word, as `Locks` says; none while the storage does not answer."""
        if self._is_lost:
            return ""
        return self._words.get(name) or self._here.word_of(name)

    def catch_up(self) -> None:
        """Bring records here, as `Locks` says."""
        order = {"url": self._url, "path": self._path, "names": [RECORD]}
        self._process.ask(LISTS_WITHIN, do="fetch all", **order)

    def _lock(self, name: str) -> str:
        return urls.below(self._url, f".locks/{name}.lock")

    def _is_held_there(self, name: str, word: str) -> bool:
        if time.monotonic() < self._not_before:
            return False
        folder, newest = _WRITES.get(name, (f"points/{name}", RECORD))
        order: dict[str, Any] = {"do": "claim", "lock": self._lock(name), "word": word}
        order |= {"owner": self._owner}
        order |= {"url": self._url, "path": self._path, "folder": folder, "newest": newest}
        try:
            said = self._process.ask(**order)
        except UnreachableError as error:
            if not self._is_lost:
                log.warning("no point begins until the storage answers: %s", error)
            self._is_lost, self._not_before = True, time.monotonic() + _ASKS_AGAIN_AFTER
            return False
        self._is_lost = False
        self._words[name] = str(said["word"])
        return bool(said["held"])
