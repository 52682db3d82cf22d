"""Hold what one process alone may do in a sweep's folder, which many processes and hosts share.

The rules of this file:

1. Who runs a point holds its lock; who writes what all points share holds that of the table.
2. A lock goes with its holder, however that ends, and stays with it while it lives.
3. What is held says what for, in a word of the holder's.

That is all that a sweep asks (`Locks`), so that what has no ``flock`` can stand behind it, such as
an object storage's conditional write.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from runner import files
from runner.errors import ConfigurationError
from runner.record.private_files import make_private_folder

SETUP = "setup"  # of the folder: held for milliseconds
TABLE = "table"  # and report: held for seconds
SEARCH = "search"  # for the next point: held for milliseconds; a folder of this name is its own
JOURNAL_NAME = "optuna-journal.log"
_TRY_EVERY = 0.1


class Locks(Protocol):
    """Have locks with names, which all drivers of a folder see."""

    def claim(self, name: str, word: str = "") -> contextlib.AbstractContextManager[bool]:
        """Hold a lock within a ``with`` block; it is entered with False if another holds it.

        Args:
            name: Which.
            word: What the others are told that look meanwhile.
        """

    def word_of(self, name: str) -> str:
        """Give the word of who holds a lock, or of who held it last; empty if nobody did."""

    def catch_up(self) -> None:
        """Have, in the folder, the records that others have written without our lock.

        Raises:
            RunnerError: They cannot be had now.
        """


class FolderLocks:
    """Have locks in files, by ``flock``: on one host, or on a disk that shares them, as NFS does.

    The files stay. One that is removed as another host opens it would be held twice.

    Args:
        folder: The sweep's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / ".locks"

    @contextlib.contextmanager
    def claim(self, name: str, word: str = "") -> Iterator[bool]:
        """Hold a lock, as `Locks` says.

        Raises:
            ConfigurationError: The disk has no locks.
        """
        path = self._path(name)
        with contextlib.ExitStack() as held:
            try:
                make_private_folder(self._folder)
                is_ours = held.enter_context(files.claim(path, lasts=True, word=word))
            except OSError as error:
                raise ConfigurationError(
                    f"{path}: cannot be locked: {error.strerror}",
                    hint="--out names a folder on another disk",
                ) from error
            yield is_ours

    def word_of(self, name: str) -> str:
        """Give a holder's word, as `Locks` says."""
        try:
            return self._path(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def catch_up(self) -> None:
        """Do nothing: they are there."""

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"


@contextlib.contextmanager
def waited_for(
    claim: Callable[[], contextlib.AbstractContextManager[bool]],
    seconds: float,
    gives_up: Callable[[], object] = lambda: False,
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[bool]:
    """Hold a lock, but wait for it before; entered with False if another still holds it then.

    Args:
        claim: Tries to hold it, as `Locks.claim` does.
        seconds: How long to wait.
        gives_up: Asked again and again whether to wait no longer.
        on_wait: Called once if there is a wait.
    """
    deadline = time.monotonic() + seconds
    has_waited = False
    while True:
        with claim() as is_ours:
            if is_ours or gives_up() or time.monotonic() > deadline:
                yield is_ours
                return
        if not has_waited:
            on_wait()
            has_waited = True
        time.sleep(_TRY_EVERY)
