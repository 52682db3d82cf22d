"""Write a worker's part of the request log, into one file after the other.

The rules of this file:

1. A file begins and ends with whole lines: what the disk has refused of a line is taken back. So
   whoever dies at any moment leaves half a line at most, at a file's end.
2. Whatever has become of the folder, the next write makes it anew. What cannot be written is the
   caller's to drop.
3. Nothing is removed here: the supervisor does that, by its ledger.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from runner.files import make_folders

_LONGEST_OPEN = 3600.0  # seconds; what is older than its days goes by whole files


class RequestFile:
    """Append lines, and begin a new file when one is large or old.

    Args:
        folder: Where the files are.
        run: Which run the worker is of.
        most: Bytes of a file.
    """

    def __init__(self, folder: Path, run: str, most: int) -> None:
        self._folder, self._run, self._most = folder, run, most
        self._fd = -1
        self._path = folder
        self._size, self._opened = 0, 0.0

    def write(self, lines: bytes) -> None:
        """Append lines, all of them or none.

        Raises:
            OSError: They cannot be written.
        """
        if self._fd >= 0 and not self._is_usable(len(lines)):
            self.close()
        if self._fd < 0:
            self._open()
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._fd, lines[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            self.close()
            raise
        self._size += written

    def close(self) -> None:
        """Begin a new file at the next write."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _is_usable(self, more: int) -> bool:
        now = time.monotonic()
        if self._size + more > self._most or now - self._opened > _LONGEST_OPEN:
            return False
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._fd))
        except OSError:  # it was pruned, or somebody has moved the folder
            return False

    def _open(self) -> None:
        self._make_folder()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self._path = self._folder / f"{stamp}-{self._run}-{os.getpid()}.jsonl"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._fd).st_size
        self._opened = time.monotonic()

    def _make_folder(self) -> None:
        try:
            mode = self._folder.stat().st_mode
        except FileNotFoundError:
            make_folders(self._folder, 0o700)
        else:
            if mode & 0o077:
                self._folder.chmod(0o700)
