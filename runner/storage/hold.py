"""Keep a lock while it is wanted, and until what was written under it has been copied.

It is kept by a thread of its own: to copy a file may take longer than a lock that nobody keeps
lasts. Who has lost a lock, or given it back, copies nothing more of what was written under it:
others may.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from pathlib import Path

from runner.storage.faults import StorageError, UnreachableError
from runner.storage.lock import EXPIRES, StorageLock
from runner.storage.mirror import Mirror

log = logging.getLogger(__name__)

_TRY_AGAIN = 2.0
_SURE_FOR = 0.75 * EXPIRES  # seconds after which others may have it soon


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
        self._asking = threading.Lock()
        self._regains: str | None = None
        self._kept_at = -math.inf
        self._is_newest_here = False

    def take(self, word: str, folder: Path | None, mirror: Mirror | None, newest: str = "") -> bool:
        """Try to get it, and bring here what others wrote under it; tell whether it is ours now.

        Args:
            word: What others are told.
            folder: What is written under it; None for nothing of its own.
            mirror: Copies that.
            newest: The file of the folder that tells whether it is newer over there.

        Raises:
            StorageError: It cannot be written there.
            UnreachableError: The storage does not answer.
        """
        self._belongs_to(folder, mirror)
        self.is_wanted = False
        with self._asking:
            if not self.lock.is_held:  # else not yet given back from the last time
                self._is_newest_here = False
                now = time.monotonic()
                self.lock.take(word, now)
                self._kept_at = now
        if self.lock.is_held and not self._is_newest_here:
            self._bring(newest)
        self.is_wanted = self.lock.is_held
        self._leave(not self.is_wanted)
        return self.is_wanted

    def _bring(self, newest: str) -> None:
        if self.folder is not None and self._mirror is not None and self._mirror.brings:
            path = self.folder / newest
            is_same = self._mirror.brings(path)
            self._leave(False)
            if is_same:
                self._mirror.known(path)
        self._is_newest_here = True

    def regain(self, word: str, folder: Path | None, mirror: Mirror | None) -> None:
        """Keep what the process before us held, as soon as the storage answers."""
        self._belongs_to(folder, mirror)
        self.is_wanted, self._regains = True, word
        self.keep()

    def keep(self) -> None:
        """Show that we live; to be called by a thread that does nothing else."""
        with self._asking:
            now = time.monotonic()
            try:
                if self._is_kept():
                    self._kept_at = now
                    return
            except (StorageError, UnreachableError) as error:
                log.debug("a lock waits for its storage: %s", error)
                return
        log.warning("a lock was lost while the storage did not answer: others may have it")
        self._leave(True)
        if self._mirror is not None and self.folder is not None:
            log.warning("what is in %s stays here, and is not copied", self.folder)

    def confirm(self) -> None:
        """Make sure that it is still ours before more is copied of what is written under it.

        Raises:
            UnreachableError: That cannot be told just now.
        """
        if self._is_sure():
            return
        self.keep()
        if not self._is_sure():
            raise UnreachableError("whether its lock is still ours is not known")

    def _is_sure(self) -> bool:
        if not self.lock.is_held and self._regains is None:
            return True
        return time.monotonic() - self._kept_at < _SURE_FOR

    def _belongs_to(self, folder: Path | None, mirror: Mirror | None) -> None:
        self.folder, self._mirror = folder, mirror
        if mirror is not None and folder is not None:
            mirror.confirms[folder] = self.confirm

    def _is_kept(self) -> bool:
        if self._regains is None:
            return not self.lock.is_held or self.lock.refresh()
        is_ours = self.lock.take(self._regains, time.monotonic())
        self._regains = None
        self._is_newest_here = is_ours
        self._leave(not is_ours)
        return is_ours

    def _leave(self, is_left: bool) -> None:
        if self._mirror is not None and self.folder is not None:
            self._mirror.leaves(self.folder, is_left)

    def step(self, now: float) -> float:
        """Give it back once all is copied, if it is not wanted; give the time of the next step."""
        if self.is_wanted:
            return math.inf
        try:
            if self._is_given_back():
                return math.inf
        except (StorageError, UnreachableError) as error:
            log.debug("a lock waits until all is copied: %s", error)
        return now + _TRY_AGAIN

    def let_go(self) -> None:
        """Give it back at the end, if that can be done and nothing is left to be copied."""
        with contextlib.suppress(StorageError, UnreachableError):
            self._is_given_back()

    def _is_given_back(self) -> bool:
        if not self.lock.is_held:
            self._regains = None
            return True
        if not self._has_copied():
            return False
        self._leave(True)
        with self._asking:
            self.lock.release()
        return True

    def _has_copied(self) -> bool:
        if self._mirror is None or self.folder is None:
            return True
        return self._mirror.has_copied(self.folder)
