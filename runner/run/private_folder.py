"""Make temporary folders for sockets, and remove those that killed processes left.

The rules of this file:

1. Only our user can enter such a folder: nothing listens on the network.
2. Who made it holds its lock as long as it lives; the end of the process, however it comes, frees
   that. Process numbers would not tell: in containers that share a folder they are the same. And
   what sweeps temporary folders by their age (systemd-tmpfiles) leaves alone what is locked.
3. Only what has a name of ours, is our user's and is not locked is ever removed. The end of
   such a name is a digest of what stands before, so that nobody else's folder has one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"(runner-\d+-[0-9a-f]{6})-([0-9a-f]{4})")
# A socket's path has 107 bytes at most, 103 on macOS: here /runner-4194304-abcdef-0123/socket-5.
_LONGEST_PLACE = 103 - 36


class PrivateFolder:
    """Own a temporary folder.

    Attributes:
        path: Where it is.
    """

    def __init__(self) -> None:
        sweep()
        self.path, self._lock = _make(None)

    def renew(self) -> None:
        """Make it once more at its place, if it was swept while we live."""
        if not _is_ours(self.path):
            self.forget()
            self.path, self._lock = _make(self.path)

    def forget(self) -> None:
        """Let go of it, as a forked child of its owner does; nothing happens the second time."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def close(self) -> None:
        """Remove it, and what others have left meanwhile; nothing happens the second time."""
        if self._lock < 0:
            return
        shutil.rmtree(self.path, ignore_errors=True)
        self.forget()
        sweep()


def sweep() -> None:
    """Remove the folders of processes that ended before they could."""
    for folder in _place().glob("runner-*"):
        if _is_ours(folder):
            with _locked(folder) as lock:
                if lock >= 0:
                    shutil.rmtree(folder, ignore_errors=True)


def _make(path: Path | None) -> tuple[Path, int]:
    """Make a folder and lock it, at a place of its own if none is given.

    Raises:
        OSError: It cannot be made; at the given place is another's.
    """
    while True:
        folder = path or _place() / _new_name()
        folder.parent.mkdir(parents=True, exist_ok=True)  # it may have been swept as a whole
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if os.path.lexists(folder) and not _is_ours(folder):
            raise FileExistsError(f"{folder} is not ours")
        with contextlib.suppress(FileNotFoundError):  # swept before we have locked it
            return folder, _lock_as_owner(folder)


def _lock_as_owner(folder: Path) -> int:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with contextlib.suppress(OSError):  # a disk without locks: nobody sweeps there
            _flock(lock, waits=True)  # until who sweeps it has done so
        if not os.path.samestat(os.fstat(lock), folder.stat()):
            raise FileNotFoundError(folder)
    except FileNotFoundError:
        os.close(lock)
        raise
    return lock


def _place() -> Path:
    """Say where the folders are made: among the temporary files, by a path that is short enough."""
    place = Path(tempfile.gettempdir())
    return place if len(os.fsencode(place)) <= _LONGEST_PLACE else Path("/tmp")  # noqa: S108


def _new_name() -> str:
    name = f"runner-{os.getpid()}-{secrets.token_hex(3)}"
    return f"{name}-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:4]


def _is_ours(folder: Path) -> bool:
    name = _NAME.fullmatch(folder.name)
    if name is None or name[2] != _digest(name[1]):
        return False
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Lock a folder, if nobody else has; give -1 if that cannot be."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield -1
        return
    try:
        _flock(lock)
    except OSError:
        yield -1
    else:
        yield lock
    finally:
        os.close(lock)


def _flock(fd: int, *, waits: bool = False) -> None:
    import fcntl  # Windows has none, where this is imported all the same

    fcntl.flock(fd, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
