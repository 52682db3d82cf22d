"""Keep a lock while it is wanted, and until what was written under it has been copied."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path

from runner.storage.faults import StorageError, UnreachableError
from runner.storage.lock import REFRESH, StorageLock
from runner.storage.mirror import Mirror

log = logging.getLogger(__name__)

_TRY_AGAIN = 2.0


class Hold:
    """Hold one lock of a folder that is mirrored.

    Args:
        lock: Which.

    Attributes:
        folder: What is written under it; None for nothing of its own.
        is_wanted: Whether who has asked for it still needs it.
    """

    def __init__(self, lock: StorageLock) -> None:
        self.lock = lock
        self.folder: Path | None = None
        self.is_wanted = False
        self._mirror: Mirror | None = None

    def take(self, word: str, root: Path, mirrors: Sequence[Mirror]) -> bool:
        """Try to get it; tell whether it is ours now.

        Args:
            word: What others are told.
            root: The folder that is mirrored.
            mirrors: All there are.

        Raises:
            StorageError: It cannot be written there.
            UnreachableError: The storage does not answer.
        """
        self._mirror = next((each for each in mirrors if each.root == root), None)
        # Not yet given back from the last time, it is still ours.
        self.is_wanted = self.lock.is_held or self.lock.take(word, time.monotonic())
        return self.is_wanted

    def note_known(self, path: Path) -> None:
        """Take a file for copied: it came from there."""
        if self._mirror is not None:
            self._mirror.known(path)

    def step(self, now: float) -> float:
        """Show that we live, or give it back once all is copied; give the time of the next step."""
        if not self.lock.is_held:
            return math.inf
        try:
            if not self.is_wanted and self._has_copied():
                self.lock.release()
                return math.inf
            if not self.lock.refresh():
                log.warning("a lock was lost while the storage did not answer: others may have it")
                return math.inf
        except (StorageError, UnreachableError) as error:
            log.debug("a lock waits for its storage: %s", error)
            return now + _TRY_AGAIN
        return now + (REFRESH if self.is_wanted else _TRY_AGAIN)

    def let_go(self) -> None:
        """Give it back at the end, if that can be done and nothing is left to be copied."""
        with contextlib.suppress(StorageError, UnreachableError):
            if self.lock.is_held and self._has_copied():
                self.lock.release()

    def _has_copied(self) -> bool:
        if self._mirror is None or self.folder is None:
            return True
        return self._mirror.has_copied(self.folder)
