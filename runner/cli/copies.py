"""Have local copies of what a command was given by URL, and copy there what it writes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli.options import given_urls
from runner.config import setting, variable
from runner.errors import RunnerError
from runner.identity import replica
from runner.storage import urls

if TYPE_CHECKING:
    from runner.storage.client import StorageProcess
    from runner.sweep.locks import Locks

log = logging.getLogger(__name__)


class Copies:
    """Hold what a command was given by URL; nothing is done of what was given as a path.

    Args:
        process: Reads and writes by URL.
        given: By the path of its local copy, each URL that was given.
        every: Seconds between two copies of a file that is written again and again.
    """

    def __init__(self, process: StorageProcess, given: dict[Path, str], every: float) -> None:
        self._process, self._given, self._every = process, given, every
        self._mirrored: dict[str, str] = {}
        self._followed: set[str] = set()

    def fetch(self, path: Path, to: Path | None = None) -> None:
        """Bring a file here.

        Args:
            path: Of the local copy.
            to: Where that is, if it is another working folder's.

        Raises:
            StorageError: It cannot be read.
            UnreachableError: The storage does not answer.
        """
        if url := self._given.get(path):
            self._process.ask(do="fetch", url=url, path=str(to or path))
            log.info("%s was fetched to %s", urls.shown(url), path)

    def follow(self, path: Path, every: float) -> None:
        """Keep the copy of a file as the storage has it, by looking every so many seconds."""
        if url := self._given.get(path):
            self._process.ask(do="follow", url=url, path=str(path), every=every)

    def follow_model(self, url: str, path: Path, every: float) -> Path:
        """Note in a file which content a model and its card have over there; give that file."""
        noted = path.with_name(path.name + urls.ETAG)
        key = str(noted)
        if key not in self._followed:
            self._followed.add(key)
            with contextlib.suppress(OSError):  # of another time: what is first is no change
                noted.unlink()
            card = urls.with_suffix(url, ".json")
            self._process.tell(do="follow etags", urls=[url, card], path=key, every=every)
        return noted

    def mirror(self, path: Path) -> None:
        """Copy a file there from now on, whenever it is written.

        Raises:
            StorageError: It can be seen already that it will not be taken.
        """
        url = self._url_of_written(path)
        if not url:
            return
        self._mirror(path, url)

    def mirror_records(self, folder: Path) -> None:
        """Copy the notebooks of a folder of records, if all records are to be in a storage.

        Raises:
            StorageError: It can be seen already that they will not be taken.
        """
        root = setting("runs", "")
        if urls.is_url(root):
            named = root if "{host}" in root else urls.below(root, "{host}")
            url = urls.below(named.replace("{host}", replica()), folder.name)
            self._mirror(folder, urls.check(url, writes=True), suffix=".ipynb")

    def share(self, folder: Path, *, writes: bool) -> None:
        """Bring the newest records of a folder here, and copy there what is written into it.

        Args:
            folder: The folder.
            writes: Whether anything will be written.

        Raises:
            StorageError: It cannot be read, or it can be seen that it cannot be written.
            UnreachableError: The storage does not answer.
        """
        from runner.storage.client import LISTS_WITHIN
        from runner.storage.mirror import RECORD
        from runner.sweep.locks import JOURNAL_NAME, SEARCH

        if url := self._given.get(folder):
            self._process.ask(do="check", url=url)
            # Who writes gets the journal with its lock.
            names = [RECORD] if writes else [RECORD, JOURNAL_NAME]
            order = {"url": url, "path": str(folder), "names": names}
            fetched = self._process.ask(LISTS_WITHIN, do="fetch all", **order)["fetched"]
            log.info("%s has %d newer records", urls.shown(url), len(fetched))
            if writes:
                self._mirror(folder, url, known=fetched, locked=[SEARCH], is_shared=True)

    def locks(self, folder: Path) -> Locks:
        """Give the locks of a folder, which all who share its URL have in common."""
        from runner.sweep.bucket_locks import BucketLocks
        from runner.sweep.locks import FolderLocks

        here = FolderLocks(folder)
        if url := self._given.get(folder):
            return BucketLocks(here, url, str(folder), self._process)
        return here

    def _mirror(self, path: Path, url: str, **more: Any) -> None:
        from runner.storage.faults import UnreachableError

        try:
            self._process.ask(do="check", url=url)
        except UnreachableError as error:
            log.warning("it goes on, and what it writes is in %s: %s", path, error)
        self._mirrored[str(path)] = urls.shown(url)
        self._process.ask(do="mirror", url=url, path=str(path), every=self._every, **more)

    def finish(self, seconds: float) -> str:
        """Copy what is left, for some seconds; say what is not copied, empty if nothing is."""
        left, reason = self._process.finish(seconds)
        if not left:
            for shown in self._mirrored.values():
                log.info("%s is uploaded", shown)
            return ""
        roots = (
            root for root in self._mirrored if any(Path(each).is_relative_to(root) for each in left)
        )
        where = ", ".join(sorted(self._mirrored[root] for root in roots))
        copies = ", ".join(left[:3]) + (f" and {len(left) - 3} others" if len(left) > 3 else "")
        return f"{where}: not uploaded within {seconds:g} s ({reason}); the local copy is {copies}"

    def _url_of_written(self, path: Path) -> str:
        """Find the URL for a path in which names in braces may have become values."""
        for given, url in self._given.items():
            if path == given:
                return url
            if "{" in str(given) and urls.url_of(path):
                return urls.moved(url, path)
        return ""


@contextlib.contextmanager
def copies_of(given: dict[str, Any], *, has_ended_well: bool = False) -> Iterator[Copies]:
    """Have what the running command was given by URL, and copy what is left at the end.

    Args:
        given: Its options.
        has_ended_well: Also when something is not copied in time: its purpose was another.

    Raises:
        RunnerError: Something is not copied in time.
    """
    from runner.storage.client import StorageProcess

    names = ("log_level", "log_format")
    environ = {variable(name): given[name] for name in names if name in given}
    with StorageProcess(environ) as process:
        copies = Copies(process, given_urls(), given.get("save_every", 0.0))
        seconds = given.get("upload_timeout", 0.0)
        try:
            yield copies
        except BaseException:
            if said := copies.finish(seconds):
                log.error("%s", said)
            raise
        if said := copies.finish(seconds):
            if not has_ended_well:
                raise RunnerError(said, hint="copy it by hand, or run it once more")
            log.error("%s", said)
