"""Write files so that whoever reads them, at any moment, reads a whole one."""

from __future__ import annotations

import contextlib
import errno
import functools
import glob
import hashlib
import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)


@contextlib.contextmanager
def if_possible(what: str) -> Iterator[None]:
    """Go on where the disk refuses: what is recorded is no condition for what is done.

    Args:
        what: What is not done then, for the log.
    """
    try:
        yield
    except OSError as error:
        log.warning("%s: %s", what, error)


def write_atomically(
    path: Path, content: str | bytes, *, durable: bool = False, mode: int = 0o666
) -> None:
    """Replace a file by a new one in one step, or write into it where it cannot be replaced.

    A link is followed. The new file has the old one's owner and permissions. Other names of the
    old file (hard links) keep showing what it was.

    Args:
        path: The file; its folder must exist.
        content: All of it; a text is written as UTF-8.
        durable: Also wait until the disk has it (a power cut then loses nothing).
        mode: The permissions if there was none, from which the umask is taken.
    """
    data = content.encode() if isinstance(content, str) else content
    place = target_of(path)
    if is_replaceable(place):
        try:
            _replace(place, data, durable=durable, mode=mode)
        except OSError as error:  # a bind mount; another's file in a folder such as /tmp
            if error.errno not in (errno.EBUSY, errno.EPERM, errno.EXDEV):
                raise
        else:
            return
    _overwrite(place, data, durable=durable)


def target_of(path: Path) -> Path:
    """Give the file that a link leads to; another path as it is, be it relative or not."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def is_replaceable(place: Path) -> bool:
    """Tell whether a file, which is no link, can be replaced by a new one of the same owner."""
    try:
        found = place.lstat()
    except FileNotFoundError:
        return True
    is_ours = not hasattr(os, "geteuid") or os.geteuid() in (0, found.st_uid)
    return stat.S_ISREG(found.st_mode) and is_ours and may_write(place.parent)


def may_write(path: Path) -> bool:
    """Tell whether we, as whom we act now, may write a file, or make some in a folder."""
    mode = os.W_OK | os.X_OK if path.is_dir() else os.W_OK
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def can_be_made(folder: Path) -> bool:
    """Tell whether we may write in a folder, or in the one in which it would have to be made.

    Of a path that can be no folder this is not the place to tell.
    """
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return not folder.is_dir() or may_write(folder)


def make_folders(path: Path, mode: int) -> None:
    """Make a folder and those above it that are missing, all with these permissions."""
    if not path.parent.exists():
        make_folders(path.parent, mode)
    path.mkdir(mode=mode, exist_ok=True)


def _replace(place: Path, data: bytes, *, durable: bool, mode: int) -> None:
    partial = _partial_of(place)
    try:
        # Made anew: one that a process of our number has left would keep its permissions.
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123 - by its number
            _take_over_rights(place, file.fileno())
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


def _take_over_rights(place: Path, fd: int) -> None:
    if not hasattr(os, "fchown"):
        return
    try:
        old = place.stat()
    except FileNotFoundError:
        return
    with contextlib.suppress(OSError):  # a group that we are not in
        os.fchown(fd, old.st_uid, old.st_gid)
    with contextlib.suppress(OSError):  # a disk without permissions
        os.fchmod(fd, stat.S_IMODE(old.st_mode))


def _overwrite(place: Path, data: bytes, *, durable: bool) -> None:
    with open(os.open(place, os.O_WRONLY | os.O_NOCTTY), "wb", buffering=0) as file:  # noqa: PTH123 - by its number
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.truncate()
            if durable:
                os.fsync(file.fileno())


_LONGEST_NAME = 255  # bytes, of nearly every file system
_ADDED = 64  # what names beside a file's have more than it, at most


def _beside(path: Path) -> str:
    """Give the name of a file to make names beside it from, shortened where these were too long."""
    name = os.fsencode(path.name)
    if len(name) + _ADDED <= _LONGEST_NAME:
        return path.name
    return hashlib.sha256(name).hexdigest()


def _partial_of(place: Path) -> Path:
    return place.with_name(f".{_beside(place)}.{os.getpid()}.{_start_of(os.getpid())}.tmp")


@functools.cache
def _start_of(pid: int) -> str:
    return process_start(pid)


def lock_of(path: Path) -> Path:
    """Name the file that who writes a file holds, by whichever link that is named."""
    place = target_of(path)
    return place.with_name(f".{_beside(place)}.lock")


def found_above(path: Path) -> Path | None:
    """Find the file that a relative path names, from the working folder upwards.

    Jupyter starts in a notebook's own folder, papermill above it.
    """
    folders = [Path.cwd(), *Path.cwd().parents]
    return next((folder / path for folder in folders if (folder / path).is_file()), None)


def show_at(record: Path, path: Path) -> None:
    """Let ``path`` show the file ``record`` as it is now, replacing in one step what was there."""
    place = target_of(path)
    if not is_replaceable(place):
        write_atomically(place, record.read_bytes(), mode=_mode_of(record))
        return
    partial = _partial_of(place)
    try:
        os.link(record, partial)
        partial.replace(place)
    except FileNotFoundError:
        return
    except OSError:  # another disk, or one without hard links; a bind mount
        write_atomically(place, record.read_bytes(), mode=_mode_of(record))
    finally:
        # Renaming onto another link of the same file does nothing, and leaves it.
        partial.unlink(missing_ok=True)


def _mode_of(path: Path) -> int:
    """Give a file's permissions, for a copy: that its owner may not write it now is no matter."""
    return stat.S_IMODE(path.stat().st_mode) | stat.S_IWUSR


class Publication:
    """Show a record at a second path after every save, while that is wanted.

    Args:
        record: The file that is saved.
    """

    def __init__(self, record: Path) -> None:
        self._record = record
        self._path: Path | None = None
        self._lock = threading.Lock()

    def begin(self, path: Path) -> None:
        """Show it at ``path`` from now on."""
        with self._lock:
            self._path = path
        self.show()

    def end(self) -> None:
        """Touch the second path no more, from the return of this call on."""
        with self._lock:
            self._path = None

    def show(self) -> None:
        """Show what was saved."""
        with self._lock:
            if self._path:
                show_at(self._record, self._path)


def sweep_partials(path: Path) -> None:
    """Remove what killed processes left of their writes to ``path``.

    What is of another boot, maybe another host's, goes when it is old: nobody here can see whether
    its writer lives.
    """
    place = target_of(path)
    for partial in place.parent.glob(f".{glob.escape(_beside(place))}.*.*.tmp"):
        with contextlib.suppress(OSError):
            if _is_left(partial):
                partial.unlink()


def _is_left(partial: Path) -> bool:
    pid, started = partial.name.split(".")[-3:-1]
    if not pid.isdecimal():
        return False
    if is_of_this_boot(started):
        return not is_process_alive(int(pid), started)
    return time.time() - partial.stat().st_mtime > _LONGEST_WRITE


def is_process_alive(pid: int, started: str = "") -> bool:
    """Tell whether a process lives, ours or not.

    Args:
        pid: Its number, which another process may have by now.
        started: What ``process_start`` said of it when it lived; empty if that is not known.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    now = process_start(pid)
    return now != ENDED and (not started or not now or now == started)


ENDED = "ended"
_LONGEST_WRITE = 3600.0  # seconds
_LOCK_MODE = 0o600  # who can open a file can lock it


def process_start(pid: int) -> str:
    """Say when a process was started, in which boot of the system: no two of a number say the same.

    Returns:
        ``ENDED`` of one that nobody has reaped yet; empty where the system does not say.
    """
    # Fields 3 and 22 of proc_pid_stat(5): the state, and the start since the boot.
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        return ""
    return ENDED if fields[0] in {b"Z", b"X"} else f"{boot[:8]}-{fields[19].decode()}"


def is_of_this_boot(started: str) -> bool:
    """Tell whether what ``process_start`` said was said here, since the system was started."""
    here = process_start(os.getpid()).partition("-")[0]
    return bool(here) and started.partition("-")[0] == here


@contextlib.contextmanager
def claim(path: Path, *, lasts: bool = False, word: str = "") -> Iterator[bool]:
    """Hold the lock file ``path`` for this process; our death, however it comes, frees it.

    Args:
        path: The file, which is removed at the end.
        lasts: It is more than a lock, and is not removed.
        word: What the file says from now on; it stays as it is if that is empty.

    Yields:
        False when another live process holds it.
    """
    import fcntl  # Windows has none, where models are saved and read all the same

    while True:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, _LOCK_MODE), "a") as file:  # noqa: PTH123 - by its number
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            if not _is_still(path, file.fileno()):  # its holder removed it as we opened it
                continue
            if word:
                os.ftruncate(file.fileno(), 0)
                os.pwrite(file.fileno(), word.encode(), 0)
            try:
                yield True
            finally:
                if not lasts:
                    with if_possible(f"{path} is left"):
                        path.unlink(missing_ok=True)
            return


def _is_still(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False
