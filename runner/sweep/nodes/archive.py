"""Put files into a zip, and take them out again, within bounds and never outside of a folder."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from runner.errors import RunnerError

_WHEN = (1980, 1, 1, 0, 0, 0)  # the same files make the same zip
_FASTEST = 1


class ArchiveError(RunnerError):
    """Report a zip that holds what it may not, or more than it may."""


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Bound what a zip may hold.

    Attributes:
        size: Bytes of all its files.
        files: Their number.
    """

    size: int
    files: int


@dataclasses.dataclass(frozen=True)
class Member:
    """Be a file in a zip.

    Attributes:
        name: Its path, which is relative and goes nowhere up.
        content: Its bytes.
        is_executable: Whether its owner may execute it.
    """

    name: PurePosixPath
    content: bytes
    is_executable: bool = False


def member_of(path: Path, name: str) -> Member:
    """Read a file."""
    with path.open("rb") as file:
        mode = path.stat().st_mode
        return Member(PurePosixPath(name), file.read(), bool(mode & stat.S_IXUSR))


def packed(members: Iterable[Member]) -> bytes:
    """Make a zip; the same files make the same bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=_FASTEST) as archive:
        for member in sorted(members, key=lambda member: str(member.name)):
            info = zipfile.ZipInfo(str(member.name), _WHEN)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o755 if member.is_executable else 0o644) << 16
            archive.writestr(info, member.content)
    return data.getvalue()


def members(data: bytes, bounds: Bounds) -> Iterator[Member]:
    """Read a zip's files, one after the other.

    Raises:
        ArchiveError: It is no zip, holds more than it may, or a path that leads out of a folder.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check(infos, bounds)
            for info in infos:
                # Its size was checked; what is longer than it says fails by its checksum.
                is_executable = bool(info.external_attr >> 16 & stat.S_IXUSR)
                content = archive.read(info)
                yield Member(PurePosixPath(info.filename), content, is_executable)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise ArchiveError(f"not a whole zip: {error}") from error


def unpack(data: bytes, folder: Path, bounds: Bounds) -> None:
    """Write a zip's files into a folder that is ours alone.

    Raises:
        ArchiveError: As of `members`.
    """
    for member in members(data, bounds):
        path = folder / member.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(member.content)
        if member.is_executable:
            path.chmod(path.stat().st_mode | stat.S_IXUSR)


def digest(data: bytes) -> str:
    """Name a zip by its content."""
    return hashlib.sha256(data).hexdigest()


def _check(infos: list[zipfile.ZipInfo], bounds: Bounds) -> None:
    if len(infos) > bounds.files:
        raise ArchiveError(f"{len(infos)} files, more than {bounds.files}")
    if (size := sum(info.file_size for info in infos)) > bounds.size:
        raise ArchiveError(f"{size} bytes, more than {bounds.size}")
    for info in infos:
        name = PurePosixPath(info.filename)
        if name.is_absolute() or ".." in name.parts or not name.parts or info.is_dir():
            raise ArchiveError(f"{info.filename!r}: no file below a folder")
