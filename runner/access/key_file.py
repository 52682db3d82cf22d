"""Read and write a file of keys: on each line a name, a key's hash, and perhaps a rate.

    # comment
    alice:2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90
    batch:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752 rate=50/s

The rules of this file:

1. Nobody but its owner and the group may read it, and nobody but the owner may write to it.
2. It is taken as a whole or not at all: one line that is none, or no key, and it is refused.
3. A name may have several keys, so that one can be replaced by another.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import re
import stat
from pathlib import Path

from runner.access.rate import Rate
from runner.errors import ConfigurationError

_MOST_BYTES = 4_194_304
_MOST_KEYS = 10_000
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_LINE = re.compile(
    rf"(?P<name>{_NAME.pattern}):(?P<hash>[0-9a-fA-F]{{64}})"
    r"(?:[ \t]+rate=(?P<count>(?=[0-9.]*[1-9])[0-9]{1,9}(?:\.[0-9]{1,6})?)/(?P<unit>s|min|h))?"
)
_SECONDS = {"s": 1, "min": 60, "h": 3600}

# What tells that a file is another than it was, or may be read by others; None if there is none.
Stamp = tuple[int, ...] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Key:
    """Be what is known of a key.

    Attributes:
        name: Whose it is.
        sha256: Its hash.
        per_second: How many requests are allowed; 0: no limit.
        rate: Counts them; None likewise.
    """

    name: str
    sha256: bytes
    per_second: float = 0.0
    rate: Rate | None = dataclasses.field(default=None, compare=False)


def key_of(name: str, sha256: bytes, per_second: float = 0.0) -> Key:
    """Make what is known of a key."""
    rate = Rate(per_second) if per_second else None
    return Key(name=name, sha256=sha256, per_second=per_second, rate=rate)


def stamp_of(file: Path) -> Stamp:
    """Give what changes when a file does."""
    try:
        found = file.stat()
    except OSError:
        return None
    times = (found.st_mtime_ns, found.st_ctime_ns)
    return (found.st_dev, found.st_ino, found.st_size, found.st_mode, *times)


def read_keys(file: Path) -> list[Key]:
    """Read a file of keys.

    Raises:
        ConfigurationError: It cannot be read, others can read it, or it is no file of keys.
    """
    keys: dict[bytes, Key] = {}
    for number, line in enumerate(_text_of(file).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:  # the line is not quoted: it may hold a key
            raise ConfigurationError(
                f"{file}: line {number} is not `name:sha256` with `rate=50/s` behind it or nothing",
                hint="`runner key NAME` makes such a line",
            )
        key = _key_of_line(found)
        if key.sha256 in keys:
            raise ConfigurationError(f"{file}: line {number} has a key that another line has")
        keys[key.sha256] = key
    if not 0 < len(keys) <= _MOST_KEYS:
        count = f"more than {_MOST_KEYS} keys" if keys else "no key"
        raise ConfigurationError(
            f"{file}: there is {count} in it", hint=f"`runner key NAME --file {file}` adds one"
        )
    return [*keys.values()]


def _key_of_line(found: re.Match[str]) -> Key:
    per_second = float(found["count"]) / _SECONDS[found["unit"]] if found["count"] else 0.0
    return key_of(found["name"], bytes.fromhex(found["hash"]), per_second)


def _text_of(file: Path) -> str:
    try:
        with open(file, "rb", opener=_open_at_once) as opened:
            _check_mode(file, os.fstat(opened.fileno()))
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{file}: the keys cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise ConfigurationError(f"{file}: longer than {_MOST_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")  # some editors begin with its mark
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: no text, so no file of keys") from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; one that is a pipe holds nobody up."""
    return os.open(path, flags | os.O_NONBLOCK)


def _check_mode(file: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"{file}: no file, so no file of keys")
    if found.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ConfigurationError(
            f"{file}: others can read or change it (its mode is {stat.S_IMODE(found.st_mode):o})",
            hint=f"chmod 600 {file}",
        )


def hash_of(key: str) -> bytes:
    """Give the hash by which a key is known."""
    return hashlib.sha256(key.encode()).digest()


def line_of(name: str, key: str, rate: str = "") -> str:
    """Write the line by which a key is known.

    Args:
        name: Whose it is.
        key: The key itself.
        rate: How many requests it may make, such as ``50/s``; empty: no limit.

    Raises:
        ConfigurationError: The name or the rate is none.
    """
    line = f"{name}:{hash_of(key).hex()}" + (f" rate={rate}" if rate else "")
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r:.80} is no name of a key",
            hint="1 to 64 of the characters A-Z a-z 0-9 . _ @ -",
        )
    if not _LINE.fullmatch(line):
        raise ConfigurationError(f"{rate!r:.80} is no rate", hint="such as 50/s, 100/min or 1000/h")
    return line


def append_line(file: Path, line: str) -> None:
    """Add a line to a file of keys, by one write; a new file is its owner's alone.

    Raises:
        ConfigurationError: Others can read it, it is no file of keys, or it is full.
        OSError: It cannot be written to.
    """
    held = file.stat().st_size if file.exists() else 0
    if held and (len(read_keys(file)) == _MOST_KEYS or held + len(line) + 2 > _MOST_BYTES):
        raise ConfigurationError(f"{file}: it holds as many keys as are read of a file")
    with open(file, "a+b", buffering=0, opener=_open_for_owner) as opened:
        _check_mode(file, os.fstat(opened.fileno()))
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - 1))
        is_begun = opened.read(1) not in (b"", b"\n")
        added = ("\n" if is_begun else "").encode() + line.encode() + b"\n"
        if opened.write(added) != len(added):  # half a line would spoil the whole file
            opened.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK, 0o600)
