"""Notice that a notebook or a model was saved, and whether it matters.

The files are looked at by their paths, a few times in a second. So it makes no difference how they
come to have another content: a write, a rename, a folder or a link that is replaced (a checkout, a
ConfigMap of Kubernetes), another machine. The system's own messages tell of a folder that was
opened once, and are silent when another one takes its place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from runner.errors import ConfigurationError
from runner.supervise.versions import digest

log = logging.getLogger(__name__)

_EVERY = 0.1

# What changes whenever a file's content does, and when another file takes its place.
_Stamp = tuple[int, ...]
_MISSING: _Stamp = ()


class Watcher:
    """Tell which saves matter.

    Args:
        notebook: Its code and tags matter, its outputs do not.
        model: Every save of it matters; None if there is none.
    """

    def __init__(self, notebook: Path, model: Path | None) -> None:
        self._notebook, self._model = notebook, model
        self._digest = ""
        self._files = {path: _stamp(path) for path in (notebook, model) if path}
        self._changing: dict[Path, _Stamp] = {}
        self.seen()

    def seen(self) -> None:
        """Take the notebook as it is for known."""
        try:
            self._digest = digest(self._notebook)
        except ConfigurationError:
            self._digest = ""

    def look(self) -> str:
        """Say what has changed, in words; empty if nothing has that matters.

        A file counts once it stays as it is from one look to the next: it may be half written.
        """
        changed = set()
        for path, before in self._files.items():
            now = _stamp(path)
            if now != before and now == self._changing.get(path):
                self._files[path] = now
                changed.add(path)
            self._changing[path] = now
        return self._cause(changed) if changed else ""

    def _cause(self, changed: set[Path]) -> str:
        causes = []
        if self._model in changed and self._model and self._files[self._model]:
            causes.append(f"{self._model} was saved")
        if self._notebook in changed:
            causes.append(self._read())
        return "; ".join(cause for cause in causes if cause)

    def _read(self) -> str:
        try:
            now = digest(self._notebook)
        except ConfigurationError as error:
            log.warning("a save was ignored until the notebook is whole: %s", error)
            return ""
        before, self._digest = self._digest, now
        return f"{self._notebook} was saved" if now != before else ""


async def watch(eye: Watcher, tell: Callable[[str], None]) -> None:
    """Watch until cancelled; tell the cause of every change that matters."""
    while True:
        await asyncio.sleep(_EVERY)
        if cause := eye.look():
            tell(cause)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return _MISSING
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
