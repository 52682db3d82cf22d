"""Notice that a notebook or a model was saved, and whether it matters."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from runner.errors import ConfigurationError
from runner.supervise.versions import digest

log = logging.getLogger(__name__)

_DEBOUNCE_MS = 50
_STEP_MS = 20


class Watcher:
    """Tell which saves matter.

    Args:
        notebook: Its code and tags matter, its outputs do not.
        model: Every save of it matters; None if there is none.
    """

    def __init__(self, notebook: Path, model: Path | None) -> None:
        self._notebook, self._model = notebook, model
        self._digest = ""
        self.seen()

    @property
    def folders(self) -> list[Path]:
        """The folders to watch: a save is often a rename, which only the folder shows."""
        files = [path for path in (self._notebook, self._model) if path]
        folders = {path.absolute().parent for path in files}
        for missing in {folder for folder in folders if not folder.is_dir()}:
            log.warning("%s is no folder, so changes below it are not seen", missing)
            folders.discard(missing)
        return sorted(folders)

    def seen(self) -> None:
        """Take the notebook as it is for known."""
        try:
            self._digest = digest(self._notebook)
        except ConfigurationError:
            self._digest = ""

    def cause(self, changed: set[Path]) -> str:
        """Say what changed, in words; empty if nothing did that matters."""
        causes = []
        if self._model and _is_among(self._model, changed) and self._model.exists():
            causes.append(f"{self._model} was saved")
        if _is_among(self._notebook, changed):
            causes.append(self._look())
        return "; ".join(cause for cause in causes if cause)

    def _look(self) -> str:
        try:
            now = digest(self._notebook)
        except ConfigurationError as error:
            log.warning("a save was ignored until the notebook is whole: %s", error)
            return ""
        before, self._digest = self._digest, now
        return f"{self._notebook} was saved" if now != before else ""


async def watch(eye: Watcher, tell: Callable[[str], None]) -> None:
    """Watch until cancelled; tell the cause of every change that matters."""
    from watchfiles import awatch

    watching = awatch(
        *eye.folders, watch_filter=None, debounce=_DEBOUNCE_MS, step=_STEP_MS, recursive=False
    )
    async for changes in watching:
        if cause := eye.cause({Path(path) for _, path in changes}):
            tell(cause)


def _is_among(path: Path, changed: set[Path]) -> bool:
    folder = path.absolute().parent.resolve()
    return any(other.name == path.name and other.parent.resolve() == folder for other in changed)
