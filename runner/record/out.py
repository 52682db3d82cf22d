"""Bring a record to where it was asked for: to a file, or into a stream.

A file is written at every save: replaced in one step where that can be, else in place. While its
run goes on nobody may write it otherwise, as what they write were lost at the next save: so what
can be replaced has no permission to be written to until the last save. A stream
(a pipe, a device, a file that is open already, ``-``) cannot be written twice. It gets the
record once, when the run has ended.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner import files, processes
from runner.config import record_mode
from runner.errors import ConfigurationError, RunnerError
from runner.record import history
from runner.record.private_files import make_private_folder, write_private

log = logging.getLogger(__name__)

_STREAM_WAIT = 30.0  # seconds without a byte taken
_ASK_EVERY = 0.05
_AT_ONCE = 4096  # PIPE_BUF: what can be written without blocking when poll says so
_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_OPEN_FILE = re.compile(r"/proc/(\d+)/fd/(\d+)")


class OutFile:
    """Write a record to a file, again and again.

    Attributes:
        path: As it was named. A relative one is found also when our working folder was moved.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rights: int | None = None

    def write(self, text: str, *, durable: bool = False, is_open: bool = False) -> None:
        """Write all of it.

        Args:
            text: It.
            durable: Also wait until the disk has it.
            is_open: It is going to be written again: until then it is read-only.
        """
        if not is_open:
            self._give_rights_back()
        before = _identity(self.path)
        write_private(self.path, text, durable=durable)
        # What was written in place we could not write again.
        if is_open and self._rights is None and _identity(self.path) != before:
            self._take_rights()

    def _take_rights(self) -> None:
        """Make it read-only."""
        with contextlib.suppress(OSError):  # a disk without permissions
            found = stat.S_IMODE(self.path.stat().st_mode)
            # One that a killed run has left is read-only, which nobody has asked for.
            self._rights = found | stat.S_IWUSR
            self.path.chmod(found & ~_WRITE)

    def _give_rights_back(self) -> None:
        """Give it the permissions that it had, unless somebody has changed them meanwhile."""
        with contextlib.suppress(OSError):
            if self._rights is not None:
                if stat.S_IMODE(self.path.stat().st_mode) == self._rights & ~_WRITE:
                    self.path.chmod(self._rights)
                self._rights = None

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Hold it, so that no other run writes it; its folder is made.

        Yields:
            False when another run holds it.
        """
        place = files.target_of(self.path)
        make_private_folder(place.parent)
        is_new = files.is_replaceable(place)
        lock = files.lock_of(place) if is_new else place
        with files.claim(lock, lasts=not is_new) as is_ours:
            if is_ours:
                files.sweep_partials(place)
            yield is_ours


class OutStream:
    """Give a stream the record as it is at the end.

    Args:
        path: As it was named.
        fd: The open file that it stands for, if any.
    """

    def __init__(self, path: Path, fd: int | None = None) -> None:
        self.path = path
        self._place, self._fd = path.absolute(), fd
        self._text = ""

    def write(self, text: str, *, durable: bool = False, is_open: bool = False) -> None:
        """Take it for what is to be sent."""
        self._text = text

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Send what was written last when the body is over, if there is anything."""
        try:
            yield True
        except BaseException:
            self.send_after_failure()
            raise
        self.send()

    def send_after_failure(self) -> None:
        """Send it likewise; that nobody takes it is only logged, as another error is to be told."""
        try:
            self.send()
        except RunnerError as error:
            log.error("%s", error)

    def send(self) -> None:
        """Send what was written last, once.

        Raises:
            RunnerError: Nobody takes it.
        """
        data, self._text = self._text.encode(), ""
        if not data:
            return
        deadline = time.monotonic() + _STREAM_WAIT
        try:
            with open(self._opened(deadline), "wb", buffering=0) as file:  # noqa: PTH123 - a number
                _send(file.fileno(), data)
        except OSError as error:
            raise RunnerError(f"{self.path}: the record was not taken: {error.strerror}") from error

    def _opened(self, deadline: float) -> int:
        if self._fd is not None:
            return os.dup(self._fd)
        while True:
            try:
                return os.open(self._place, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            except OSError as error:  # a FIFO that nobody reads yet
                if error.errno != errno.ENXIO or time.monotonic() > deadline:
                    raise
            time.sleep(_ASK_EVERY)


def _identity(path: Path) -> tuple[int, int] | None:
    """Tell a file from the one that takes its place; None if there is none."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


def _send(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        if not processes.is_writable(fd, _STREAM_WAIT):
            raise TimeoutError(errno.ETIMEDOUT, f"nothing was read for {_STREAM_WAIT:g} s")
        left = left[os.write(fd, left[:_AT_ONCE]) :]


Out = OutFile | OutStream


def out_at(path: Path) -> Out:
    """Say how a record is to be written to ``path``; nothing is opened or made yet.

    Raises:
        ConfigurationError: It cannot be written, or not with the permissions that are asked for.
    """
    record_mode()
    if str(path) == "-":
        return OutStream(path, 1)
    try:
        fd = _open_file(path)
        if fd is not None:
            _check_open(fd)
            return OutStream(path, fd)
        mode = path.stat().st_mode
    except FileNotFoundError:
        _check_folder(path)
        return OutFile(path)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{path}: the record cannot be written: {said}") from error
    if stat.S_ISDIR(mode):
        raise ConfigurationError(
            f"{path}: the record cannot be written: it is a folder",
            hint=f"name a file in it: {path / 'out.ipynb'}",
        )
    if stat.S_ISSOCK(mode) or not (files.may_write(path) or history.is_left_open(path)):
        kind = "a socket" if stat.S_ISSOCK(mode) else "read-only"
        raise ConfigurationError(f"{path}: the record cannot be written: it is {kind}")
    return OutFile(path) if stat.S_ISREG(mode) else OutStream(path)


def _open_file(path: Path) -> int | None:
    """Find the number of the open file that a path such as ``/dev/stdout`` stands for."""
    for _ in range(40):  # links to follow, as the system does
        place = Path(os.path.realpath(path.parent), path.name)
        found = _OPEN_FILE.fullmatch(str(place))
        if found and int(found[1]) == os.getpid():
            return int(found[2])
        if not place.is_symlink():
            return None
        path = place.parent / place.readlink()
    return None


def _check_open(fd: int) -> None:
    """Make sure that who started us gave us an open file to write to, and that it is not ours."""
    can_write = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    if not can_write or not os.get_inheritable(fd):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _check_folder(path: Path) -> None:
    """Make sure that the folder of a file that is not there exists, or can be made."""
    folder = Path(os.path.realpath(path)).parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise ConfigurationError(f"{path}: the record cannot be written: {folder} is no folder")
    if not files.may_write(folder):
        raise ConfigurationError(
            f"{path}: the record cannot be written: the folder {folder} is not ours to write in"
        )


def with_values(path: Path, values: Mapping[str, Any]) -> Path:
    """Put parameters into a path that names them in braces, as papermill does.

    Args:
        path: Such as ``out_{alpha}.ipynb``.
        values: The parameters by name.

    Raises:
        ConfigurationError: What stands in braces is no parameter.
    """
    text = str(path)
    if "{" not in text and "}" not in text:
        return path
    if "{pm" in text:
        from papermill.parameterize import add_builtin_parameters

        values = add_builtin_parameters(dict(values))
    try:
        return Path(text.format(**values))
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"{path}: what stands in braces is no parameter: {error}",
            hint=f"it may be one of: {', '.join(values) or 'none'}; two braces are a brace: {{{{",
        ) from error
