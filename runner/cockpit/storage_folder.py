"""Have copies of the records below a URL, which are shown as those of a folder are.

Who is asked for a page never waits for the storage: a process of its own keeps the copies true, as
far as it is reached.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from runner.cockpit.run_summary import MOST_READ, TAIL
from runner.config import variable
from runner.run.private_folder import PrivateFolder
from runner.storage import urls
from runner.storage.client import StorageProcess
from runner.storage.folder_copy import Bounds, Look

_EVERY = 10.0  # seconds
_BOUNDS = Bounds(
    suffix=".ipynb", listed=30_000, files=10_000, bytes=2**30, whole=MOST_READ, end=TAIL
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StorageFolder:
    """Be a folder of a storage.

    Attributes:
        name: Its URL, without what is secret.
        copies: The folder with its copies.
    """

    name: str
    copies: Path

    def look(self) -> Look:
        """Say how true the copies are."""
        return Look.of(self.copies)


@contextlib.contextmanager
def storage_folder(url: str) -> Iterator[StorageFolder]:
    """Keep copies of a folder's records until the end, which removes them.

    Args:
        url: The folder.

    Raises:
        StorageError: It can be seen already that it cannot be read.
    """
    with (
        contextlib.closing(PrivateFolder()) as folder,
        StorageProcess({variable("log_level"): "warning"}) as process,
    ):
        path, bounds = str(folder.path), dataclasses.asdict(_BOUNDS)
        process.ask(do="follow folder", url=url, path=path, every=_EVERY, bounds=bounds)
        yield StorageFolder(name=urls.shown(url), copies=folder.path.resolve())
