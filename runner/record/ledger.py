"""Know which files of a folder are ours, so that nobody else's is ever removed or changed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection
from pathlib import Path

from runner.files import sweep_partials
from runner.record.private_files import append_to_private, write_private

log = logging.getLogger(__name__)

NAME = ".ledger"
_END_OF_HALF_A_NAME = "/\n"  # what has a slash is no name


class Ledger:
    """List the files of a folder that we have made: one name a line.

    A file may be noted before it is made, but none is removed that is not noted: so what is not
    known here at worst stays for ever.

    Args:
        folder: The folder; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME

    @property
    def exists(self) -> bool:
        """Tell whether anything was ever noted here."""
        return self._path.exists()

    def names(self) -> list[str]:
        """Name the files that are ours and still there, in their order."""
        return sorted(name for name in self._noted() if (self._folder / name).is_file())

    def sweep(self) -> None:
        """Remove what killed processes left of their writes to files of ours."""
        for name in (NAME, *self._noted()):
            sweep_partials(self._folder / name)

    def add(self, name: str) -> bool:
        """Note a file as ours; what cannot be noted is kept for ever.

        Returns:
            It is noted.
        """
        text = self._text()
        if name in _names(text):
            return True
        start = _END_OF_HALF_A_NAME if text and not text.endswith("\n") else ""
        try:
            with append_to_private(self._path) as file:
                file.write(f"{start}{name}\n".encode())
        except OSError as error:
            log.warning("%s is never going to be removed: %s", self._folder / name, error)
            return False
        return True

    def remove(self, names: Collection[str]) -> None:
        """Remove files of ours; other names are left alone, and so is what has become a folder."""
        noted = self._noted()
        gone = [name for name in names if name in noted]
        if not gone:
            return
        with contextlib.suppress(OSError):
            for name in gone:
                (self._folder / name).unlink(missing_ok=True)
            self._write([name for name in noted if name not in gone])

    def forget_missing(self) -> None:
        """Note no more what is not there, such as the record of a run that wrote none.

        Only while nobody is about to make a file that is noted.
        """
        noted, there = self._noted(), self.names()
        if len(there) < len(noted):
            with contextlib.suppress(OSError):
                self._write(there)

    def _write(self, names: Collection[str]) -> None:
        write_private(self._path, "".join(f"{name}\n" for name in names))

    def _noted(self) -> list[str]:
        return _names(self._text())

    def _text(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def _names(text: str) -> list[str]:
    lines = text.split("\n")[:-1]  # but for half a name at the end
    # Names only: a path would lead out of the folder.
    return list(dict.fromkeys(line for line in lines if line and Path(line).name == line))
