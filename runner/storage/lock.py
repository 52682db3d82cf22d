"""Be a lock that many machines see, by a small file which a storage writes only on a condition.

The rules of this file:

1. Who makes the file holds the lock: of all who try, the storage lets one be first
   (`If-None-Match`).
2. Who holds it writes it again and again. So who finds it unchanged for `EXPIRES` seconds, by a
   clock of its own, knows that its holder is gone, and puts itself into its place (`If-Match`).
3. No clock is compared with another machine's.
4. The file says who holds it. So who has it knows it again when the answer to its own writing was
   lost, or when it is a process that came in the place of one that has ended.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import Any, Protocol

from runner.storage.faults import MissingError

EXPIRES = 60.0
REFRESH = 15.0
_MOST = 65536


class Conditional(Protocol):
    """Be what writes on a condition."""

    def create(self, url: str, data: bytes) -> bool:
        """Write a file that is not there; tell whether it was not."""

    def replace(self, url: str, data: bytes, stamp: str) -> bool:
        """Write a file whose content is still known by a stamp; tell whether it was."""

    def remove(self, url: str) -> None:
        """Remove a file, if it is there."""

    def stamp(self, url: str) -> str:
        """Say by what a file's present content is known."""

    def read(self, url: str, most: int) -> tuple[bytes, str]:
        """Give a file's content, and its stamp."""


class StorageLock:
    """Hold one lock, or find out who does.

    Args:
        url: Of its file.
        remote: Where that is.
        owner: By what we know that it is ours; something that nobody else has by default.

    Attributes:
        word: Of who holds it, or has held it last, as far as we know.
    """

    def __init__(self, url: str, remote: Conditional, owner: str = "") -> None:
        self._url, self._remote = url, remote
        self._owner = owner or uuid.uuid4().hex
        self._stamp = ""
        self._times = 0
        self._seen, self._since = "", 0.0
        self.word = ""

    @property
    def is_held(self) -> bool:
        """Tell whether we hold it."""
        return bool(self._stamp)

    def take(self, word: str, now: float) -> bool:
        """Try to hold it; tell whether we do.

        Args:
            word: What others are told.
            now: The time, in seconds, by a clock that runs on.

        Raises:
            StorageError: It cannot be written there.
            UnreachableError: The storage does not answer.
        """
        ours = self._content(word)
        if self._remote.create(self._url, ours):
            return self._note_held(word)
        try:
            found, stamp = self._remote.read(self._url, _MOST)
        except MissingError:  # given back just now: the next try may have it
            return False
        said = _said(found)
        self.word = str(said.get("word", ""))
        if self._is_ours(said):
            self._stamp = stamp
            return True
        if stamp != self._seen:
            self._seen, self._since = stamp, now
        is_left = now - self._since >= EXPIRES
        return is_left and self._remote.replace(self._url, ours, stamp) and self._note_held(word)

    def refresh(self) -> bool:
        """Show that we live; tell whether it is still ours.

        Raises:
            StorageError: It cannot be written there.
            UnreachableError: The storage does not answer.
        """
        if self._remote.replace(self._url, self._content(self.word), self._stamp):
            return self._note_held(self.word)
        self._stamp = ""
        with contextlib.suppress(MissingError):
            found, stamp = self._remote.read(self._url, _MOST)
            if self._is_ours(_said(found)):
                self._stamp = stamp
        return self.is_held

    def release(self) -> None:
        """Give it back.

        Raises:
            StorageError: It cannot be removed there.
            UnreachableError: The storage does not answer.
        """
        with contextlib.suppress(MissingError):
            found, _ = self._remote.read(self._url, _MOST)
            if self._is_ours(_said(found)):
                self._remote.remove(self._url)
        self._stamp = ""

    def _note_held(self, word: str) -> bool:
        self.word, self._stamp = word, self._remote.stamp(self._url)
        return True

    def _content(self, word: str) -> bytes:
        self._times += 1  # an ETag is a content's
        return json.dumps({"word": word, "times": self._times, "owner": self._owner}).encode()

    def _is_ours(self, said: dict[str, Any]) -> bool:
        """Tell whether it says that we hold it; we go on counting from there."""
        if said.get("owner") != self._owner:
            return False
        times = said.get("times")
        self._times = max(self._times, times if isinstance(times, int) else 0)
        return True


def _said(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
