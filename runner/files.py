"""Write files so that whoever reads them, at any moment, reads a whole one."""

from __future__ import annotations

import contextlib
import glob
import os
import threading
from collections.abc import Iterator
from pathlib import Path


def write_atomically(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Replace a file by a new one in one step.

    The new file has the permissions that a plain ``open`` would give it, so that
    it can be read from outside a container.

    Args:
        path: The file; its folder must exist.
        content: All of it; a text is written as UTF-8.
        durable: Also wait until the disk has it (a power cut then loses nothing).
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def found_above(path: Path) -> Path | None:
    """Find the file that a relative path names, from the working folder upwards.

    Jupyter starts in a notebook's own folder, papermill above it.
    """
    folders = [Path.cwd(), *Path.cwd().parents]
    return next((folder / path for folder in folders if (folder / path).is_file()), None)


def show_at(record: Path, path: Path) -> None:
    """Let ``path`` show the file ``record`` as it is now, replacing in one step what was there."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        os.link(record, partial)
        partial.replace(path)
    except FileNotFoundError:
        return
    except OSError:  # another disk, or one without hard links
        write_atomically(path, record.read_text(encoding="utf-8"))
    finally:
        # Renaming onto another link of the same file does nothing, and leaves it.
        partial.unlink(missing_ok=True)


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
    """Remove what killed processes left of their writes to ``path``."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        pid = partial.name.split(".")[-2]
        if pid.isdecimal() and not is_process_alive(int(pid)):
            partial.unlink(missing_ok=True)


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


@contextlib.contextmanager
def claim(path: Path) -> Iterator[bool]:
    """Hold the lock file ``path`` for this process; our death, however it comes, frees it.

    Yields:
        False when another live process holds it.
    """
    import fcntl  # Windows has none, where models are saved and read all the same

    file = path.open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        if not _is_still(path, file.fileno()):  # its holder removed it as we opened it
            yield False
            return
        try:
            yield True
        finally:
            path.unlink(missing_ok=True)


def _is_still(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False
