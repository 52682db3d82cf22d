"""Bring a model and its card here from a storage, and there from here."""

from __future__ import annotations

import contextlib
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from runner.config import variable
from runner.files import may_write
from runner.storage import urls
from runner.storage.client import StorageProcess
from runner.storage.faults import MissingError, UnreachableError
from runner.storage.follow import MOST_OF_MODEL

_SETTLING = 3.0  # seconds that a model and its card may take to be written, one after the other
_LOOK_EVERY = 0.5
_WRITTEN_WITHIN = 120.0  # seconds in which a storage that does not answer is asked again
_LONGEST_WAIT = 8.0
_WITHIN = 6 * 3600.0  # a model may be large; each call has a deadline by its size

Read = TypeVar("Read")


def read(url: str, check: Callable[[Path], Read]) -> Read:
    """Bring a model and its card here, and give what a check makes of the file.

    What was written just now may have only one of the two yet: it is read again. If the storage
    does not answer, the copy of an earlier time must do: it is the model of its card.

    Args:
        url: The model.
        check: Reads the file, whose card is beside it; raises ValueError if it is not its model.

    Raises:
        FileNotFoundError: There is no such model, or no card beside it.
        ValueError: From the check.
        RunnerError: The storage refuses, or does not answer and there is no copy.
    """
    deadline = time.monotonic() + _SETTLING
    with _folder() as folder, _storage() as storage:
        path = folder / urls.local_copy(urls.check(url))
        while True:
            try:
                _fetch(storage, url, path)
            except UnreachableError as error:
                if not path.is_file() or not path.with_suffix(".json").is_file():
                    raise
                said = f"{error}; the copy of before is read"
                warnings.warn(said, stacklevel=4)
                return check(path)
            try:
                return check(path)
            except ValueError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_LOOK_EVERY)


def write(url: str, file: Path) -> None:
    """Copy a model and its card there, the card last; a storage that is gone may come back.

    Raises:
        RunnerError: It refuses, or has not come back in time.
    """
    deadline, wait = time.monotonic() + _WRITTEN_WITHIN, 0.5
    with _storage() as storage:
        while True:
            try:
                for suffix in (file.suffix, ".json"):
                    there, here = urls.with_suffix(url, suffix), file.with_suffix(suffix)
                    storage.ask(_WITHIN, do="write", url=there, path=str(here.absolute()))
            except UnreachableError as error:
                if time.monotonic() > deadline:
                    said = f"{error}; not uploaded within {_WRITTEN_WITHIN:g} s"
                    raise UnreachableError(f"{said}: the local copy is {file}") from error
            else:
                return
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)


def _fetch(storage: StorageProcess, url: str, path: Path) -> None:
    for suffix in (path.suffix, ".json"):
        there, here = urls.with_suffix(url, suffix), path.with_suffix(suffix)
        order = {"url": there, "path": str(here.absolute()), "most": MOST_OF_MODEL}
        try:
            storage.ask(_WITHIN, do="fetch", **order)
        except MissingError as error:
            name = urls.shown(url)
            said = f"there is no {name}: train the model first"
            if suffix == ".json":
                said = f"{name} has no card {here.name} beside it"
            raise FileNotFoundError(said) from error


def _storage() -> StorageProcess:
    return StorageProcess({variable("log-level"): "error"})


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Give the folder below which copies lie: the nearest that has some; else a temporary one."""
    copies = urls.copies()
    top = copies.parts[0]
    here = Path.cwd()
    folder = next((each for each in (here, *here.parents) if (each / top).is_dir()), here)
    place = folder / copies
    deepest = next(each for each in (place, *place.parents) if each.is_dir())
    if may_write(deepest):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="runner-model-") as temporary:
        yield Path(temporary)
