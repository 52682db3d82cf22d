"""Ask storages, by fsspec: each question has a deadline, each answer a bound.

It is imported by the storage process only: fsspec and the clouds' libraries take a second to
import, 50 MB, and threads of their own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple

from runner.storage.faults import (
    Fault,
    MissingError,
    TakenError,
    UnreachableError,
    fault_of,
    too_large,
)
from runner.storage.urls import EXTRAS, below, scheme_of

ANSWERS_WITHIN = 20.0  # seconds, for what is small
_SLOWEST = 256 * 1024  # bytes a second
_AT_ONCE = 256 * 1024
_FILES_AT_ONCE = 16
_TIMES = ("LastModified", "updated", "last_modified")
_SETTLED = 2.0  # seconds, in which a page may change once more without another time

_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": 5,
            "read_timeout": 15,
            "retries": {"max_attempts": 2},
        }
    },
    "http": {"client_kwargs": {"trust_env": True}},  # proxies, as all other programs know them
}

Ask = Callable[..., Coroutine[Any, Any, Any]]


class Listed(NamedTuple):
    """Be a file as a storage lists it.

    Attributes:
        name: Within the folder that was listed.
        size: Its bytes.
        stamp: By which its content is known.
        modified: When it was written, in seconds since 1970; 0 if the storage does not say.
    """

    name: str
    size: int
    stamp: str
    modified: float


class Remote:
    """Read and write files by URL."""

    def stamp(self, url: str) -> str:
        """Say by what a file's present content is known: its ETag, or what there is like it.

        Returns:
            Empty if the storage says nothing of the kind: only reading tells then.

        Raises:
            StorageError: It is not there, or not ours to read.
            UnreachableError: The storage does not answer.
        """
        return _stamp(self._ask(url, ANSWERS_WITHIN, _info))

    def read(self, url: str, most: int) -> tuple[bytes, str]:
        """Give a file's content, and its stamp.

        Args:
            url: The file.
            most: Bytes that it may have.

        Raises:
            StorageError: It is not there, not ours to read, or too large.
            UnreachableError: The storage does not answer.
        """
        if EXTRAS[scheme_of(url)] == "http":
            data, stamp = self._ask(url, ANSWERS_WITHIN + most / _SLOWEST, _download, most)
            return data, stamp
        found = self._ask(url, ANSWERS_WITHIN, _info)
        size = int(found.get("size") or 0)
        if size > most:
            raise too_large(url, size, most)
        if not size:
            return b"", _stamp(found)
        return self._ask(url, _time_for(size), _cat, size), _stamp(found)

    def write(self, url: str, content: bytes | Path, seconds: float | None = None) -> None:
        """Write a file: the bytes, or what another file has.

        Raises:
            StorageError: It is not ours to write.
            UnreachableError: The storage does not answer.
        """
        if isinstance(content, bytes):
            self._ask(url, seconds or _time_for(len(content)), _pipe, content)
        else:
            self._ask(url, seconds or _time_for(content.stat().st_size), _put, content)

    def create(self, url: str, data: bytes) -> bool:
        """Write a file that is not there; tell whether it was not. Of all who try one is first.

        Raises:
            StorageError: It is not ours to write.
            UnreachableError: The storage does not answer.
        """
        return self._is_first(url, _create, data)

    def replace(self, url: str, data: bytes, stamp: str) -> bool:
        """Write a file whose content is still known by a stamp; tell whether it was.

        Only S3 looks and writes in one step.

        Raises:
            StorageError: It is not ours to write.
            UnreachableError: The storage does not answer.
        """
        try:
            if EXTRAS[scheme_of(url)] == "s3":
                return self._is_first(url, _replace, data, stamp)
            is_same = self.stamp(url) == stamp
        except MissingError:
            return False
        if is_same:
            self.write(url, data)
        return is_same

    def remove(self, url: str) -> None:
        """Remove a file, if it is there.

        Raises:
            StorageError: It is not ours to remove.
            UnreachableError: The storage does not answer.
        """
        with contextlib.suppress(MissingError):
            self._ask(url, ANSWERS_WITHIN, _remove)

    def _is_first(self, url: str, ask: Ask, *words: Any) -> bool:
        try:
            self._ask(url, ANSWERS_WITHIN, ask, *words)
        except TakenError:
            return False
        return True

    def names(self, url: str) -> list[str]:
        """List the files below a folder, by their names within it; none if it is not there.

        Raises:
            StorageError: It is not ours to read.
            UnreachableError: The storage does not answer.
        """
        return [each.name for each in self.listed(url)]

    def listed(self, url: str, most: int | None = None) -> list[Listed]:
        """List the files below a folder, by their names; none if it is not there.

        Args:
            url: The folder.
            most: How many are given. Only S3 is asked for no more than that.

        Raises:
            StorageError: It is not ours to read.
            UnreachableError: The storage does not answer.
        """
        is_s3 = EXTRAS[scheme_of(url)] == "s3"
        bound = {} if most is None or not is_s3 else {"max_items": most}
        found: list[Listed] = self._ask(url, 3 * ANSWERS_WITHIN, _find, bound)
        return found[:most]

    def read_parts(
        self, url: str, parts: Mapping[str, tuple[int, int]]
    ) -> dict[str, bytes | Fault]:
        """Read parts of some files of a folder; of each, give its bytes, or why there are none.

        Args:
            url: The folder.
            parts: The files' names in it, and of each the first byte and that behind the last.

        Raises:
            StorageError: They are not ours to read.
            UnreachableError: The storage does not answer in time.
        """
        size = sum(end - start for start, end in parts.values())
        said = self._ask(url, _time_for(size), _cat_parts, parts)
        return {
            name: each if isinstance(each, bytes) else fault_of(below(url, name), each)
            for name, each in zip(parts, said, strict=True)
        }

    def _ask(self, url: str, seconds: float, ask: Ask, *words: Any) -> Any:
        """Ask, and wait for the answer so long at most."""
        try:
            import fsspec
            from fsspec.asyn import sync

            options = _OPTIONS.get(EXTRAS[scheme_of(url)], {})
            system, path = fsspec.core.url_to_fs(url, use_listings_cache=False, **options)
            return sync(system.loop, ask, system, path, *words, timeout=seconds)
        except Exception as error:  # noqa: BLE001 - each cloud's library has errors of its own
            raise fault_of(url, error) from None


def _time_for(size: int) -> float:
    return ANSWERS_WITHIN + size / _SLOWEST


def _stamp(info: Mapping[str, Any]) -> str:
    """Give the first of what changes with a content; empty if there is nothing of the kind."""
    names = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "updated")
    found = next((str(info[name]) for name in names if info.get(name)), "")
    return found or _of_a_page(str(info.get("Last-Modified", "")))


def _of_a_page(modified: str) -> str:
    """Give the time of a page, once nothing else can have the same: it is one of whole seconds.

    Source: RFC 9110, section 8.8.2.2.
    """
    try:
        age = time.time() - parsedate_to_datetime(modified).timestamp()
    except ValueError:
        return ""
    return modified if age > _SETTLED else ""


def _modified(info: Mapping[str, Any]) -> float:
    """Say when a file was written, as each cloud's library gives that."""
    found = next((info[name] for name in _TIMES if info.get(name)), None)
    with contextlib.suppress(ValueError):
        found = dt.datetime.fromisoformat(found) if isinstance(found, str) else found
    return found.timestamp() if isinstance(found, dt.datetime) else 0.0


# What fsspec documents for its file systems that are asynchronous, as all of these are.


async def _info(system: Any, path: str) -> dict[str, Any]:
    found: dict[str, Any] = await system._info(path)  # noqa: SLF001 - documented so
    if found.get("type") == "directory":
        raise FileNotFoundError(path)
    return found


async def _cat(system: Any, path: str, size: int) -> bytes:
    found: bytes = await system._cat_file(path, start=0, end=size + 1)  # noqa: SLF001 - likewise
    if len(found) > size:  # half of another content than that which was looked at
        raise UnreachableError("it was replaced as it was read")
    return found


async def _pipe(system: Any, path: str, data: bytes) -> None:
    await system._pipe_file(path, data)  # noqa: SLF001 - likewise


async def _create(system: Any, path: str, data: bytes) -> None:
    await system._pipe_file(path, data, mode="create")  # noqa: SLF001 - likewise


async def _replace(system: Any, path: str, data: bytes, stamp: str) -> None:
    await system._pipe_file(path, data, IfMatch=stamp)  # noqa: SLF001 - likewise


async def _remove(system: Any, path: str) -> None:
    await system._rm_file(path)  # noqa: SLF001 - likewise


async def _put(system: Any, path: str, file: Path) -> None:
    await system._put_file(os.fspath(file), path)  # noqa: SLF001 - likewise


async def _find(system: Any, path: str, bound: dict[str, int]) -> list[Listed]:
    root = path.rstrip("/") + "/"
    found = await system._find(path, detail=True, **bound)  # noqa: SLF001 - likewise
    return sorted(
        Listed(name.removeprefix(root), int(info.get("size") or 0), _stamp(info), _modified(info))
        for name, info in found.items()
        if name.startswith(root)
    )


async def _cat_parts(system: Any, path: str, parts: Mapping[str, tuple[int, int]]) -> list[Any]:
    root = path.rstrip("/") + "/"
    names = [f"{root}{name}" for name in parts]
    starts, ends = ([part[at] for part in parts.values()] for at in (0, 1))
    found: list[Any] = await system._cat_ranges(  # noqa: SLF001 - likewise
        names, starts, ends, batch_size=_FILES_AT_ONCE
    )
    return found


async def _download(system: Any, url: str, most: int) -> tuple[bytes, str]:
    """Read a page as it comes: its size is not known before, nor whether parts can be had."""
    session = await system.set_session()
    async with session.get(system.encode_url(url)) as answer:
        answer.raise_for_status()
        data = bytearray()
        async for part in answer.content.iter_chunked(_AT_ONCE):
            data += part
            if len(data) > most:
                raise too_large(url, len(data), most)
        return bytes(data), _stamp(answer.headers)
