"""Notice that a notebook or a model was saved, and whether it matters.

The files are looked at by their paths, a few times in a second. So it makes no difference how they
come to have another content: a write, a rename, a folder or a link that is replaced (a checkout, a
ConfigMap of Kubernetes), another machine. The system's own messages tell of a folder that was
opened once, and are silent when another one takes its place.

They are looked at in a thread, since a network mount may not answer for hours: then no save is
seen, and all else goes on. Nobody waits for that thread at the end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runner.errors import ConfigurationError
from runner.spawn.working_folder import WorkingFolder
from runner.storage import urls
from runner.supervise.detached_thread import in_a_thread
from runner.supervise.kept_notebooks import digest

log = logging.getLogger(__name__)

_EVERY = 0.1
_READ_AGAIN = 10  # looks
_PATIENCE = 10.0  # seconds

# What changes whenever a file's content does, and when another file takes its place.
_Stamp = tuple[int, ...]
_MISSING: _Stamp = ()
_Stamps = tuple[_Stamp, ...]  # of what is watched as a whole
_Seen = tuple[bool, dict[Path, _Stamps]]  # whether another folder is ours, and the files


class Watcher:
    """Tell which saves matter.

    Args:
        notebook: Its code and tags matter, its outputs do not.
        models: Gives the models that it loads as it is now. Every save of one matters, and of its
            card, which is watched with it: neither is of use without the other.
        on_read: Told what keeps a save from being read, when that changes; nothing once one was.
            Not yet of one that is whole a second later.
    """

    def __init__(
        self,
        notebook: Path,
        models: Callable[[], Sequence[Path]] = list,
        on_read: Callable[[str], object] = str,
    ) -> None:
        self._notebook, self._models, self._on_read = notebook, models, on_read
        self._told = ""
        self._digest = ""
        self._known: dict[Path, _Stamps] = {}
        self._changing: dict[Path, _Stamps] = {}
        self._looks_until_read, self._fault = 0, ""
        self.seen()

    def seen(self) -> None:
        """Take the notebook as it is for known, and look at the models that it loads now."""
        try:
            self._digest = digest(self._notebook)
            watched = [self._notebook, *self._models()]
        except ConfigurationError:
            self._digest = ""
            watched = list(self._known) or [self._notebook]
        self._known = {path: self._known.get(path) or self._stamps(path) for path in watched}

    def stamps(self) -> dict[Path, _Stamps]:
        """Look at the files; callable from any thread."""
        return {path: self._stamps(path) for path in list(self._known)}

    def look(self, stamps: Mapping[Path, _Stamps] | None = None) -> str:
        """Say what has changed, in words; empty if nothing has that matters.

        A file counts once it stays as it is from one look to the next: it may be half written.

        Args:
            stamps: What ``stamps`` has just given, if it was called.
        """
        causes = []
        found = self.stamps() if stamps is None else stamps
        for path, before in self._known.items():
            now = found.get(path, before)  # one that is looked at since then
            if now != before and now == self._changing.get(path):
                self._known[path] = now
                causes.append(self._cause(path, before, now))
            self._changing[path] = now
        if self._looks_until_read:
            self._looks_until_read -= 1
            causes += [] if self._looks_until_read else [self._read()]
        return "; ".join(cause for cause in causes if cause)

    def _stamps(self, path: Path) -> _Stamps:
        files = [path] if path == self._notebook else [path, path.with_suffix(".json")]
        return tuple(map(_stamp, files))

    def _cause(self, path: Path, before: _Stamps, now: _Stamps) -> str:
        if path == self._notebook:
            return self._read()
        if not now[0]:  # a model that is gone is no new one
            return ""
        if path.suffix == urls.ETAG:  # which is written first when somebody looks first
            return f"{urls.url_of(path.with_suffix(''))} was saved" if before[0] else ""
        return f"{path if now[0] != before[0] else path.with_suffix('.json')} was saved"

    def _read(self) -> str:
        try:
            now = digest(self._notebook)
        except ConfigurationError as error:
            if str(error) != self._fault:
                log.warning("a save is ignored until the notebook is whole: %s", error)
            else:
                self._tell(str(error))
            # What keeps it from being read may go without a save: no more files can be opened.
            self._fault, self._looks_until_read = str(error), _READ_AGAIN
            return ""
        self._fault = ""
        self._tell("")
        before, self._digest = self._digest, now
        return f"{self._notebook} was saved" if now != before else ""

    def _tell(self, fault: str) -> None:
        if fault != self._told:
            self._told = fault
            self._on_read(fault)


async def watch(eye: Watcher, place: WorkingFolder, tell: Callable[[str], None]) -> None:
    """Watch until cancelled; tell the cause of every change that matters.

    Args:
        eye: Sees them.
        place: Where relative paths begin.
        tell: Gets each cause.
    """

    def look() -> _Seen:
        return place.is_elsewhere(), eye.stamps()

    while True:
        await asyncio.sleep(_EVERY)
        looking = in_a_thread(look)
        done, _ = await asyncio.wait({looking}, timeout=_PATIENCE)
        if not done:
            log.warning("no save is seen until the disk of what is watched answers")
        is_elsewhere, stamps = await looking
        if is_elsewhere:  # here, where nothing else is done by a relative path meanwhile
            place.follow()
        elif cause := eye.look(stamps):
            tell(cause)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return _MISSING
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
