"""Prune the files of a service's request log, by its bounds and by a ledger.

The rules of this file:

1. Workers write files, whose names say of which run they are. One process, the supervisor, notes
   those of its own runs, and removes of what is noted the oldest. Nothing else is touched.
2. So much is removed that there is room for what workers may write until the next look.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Collection
from pathlib import Path

from runner.config import RequestLogSettings
from runner.files import if_possible
from runner.identity import RUN_ID
from runner.record import requests
from runner.record.ledger import Ledger

_NAME = re.compile(r"\d{8}T\d{6}-(.+)-\d+\.jsonl")
_RUN = re.compile(RUN_ID)
_FULL = 3 / 4  # of what there may be
_DAY = 86_400.0
_NOTE_AGAIN_AFTER = 60.0  # seconds


class RequestFiles:
    """Own the files of a service's request log.

    Args:
        service: The service's folder below ``runs``.
        settings: How much may be kept, and how long.
    """

    def __init__(self, service: Path, settings: RequestLogSettings) -> None:
        self._folder = requests.folder_of(service)
        self._settings = settings
        self._ledger = Ledger(self._folder)
        # A supervisor that was killed may have left files that it had not noted yet.
        records = (Path(name).stem for name in Ledger(service).names())
        self._runs = {name for name in records if _RUN.fullmatch(name)}
        self._tried: dict[str, float] = {}

    @property
    def every(self) -> float:
        """Say in how many seconds to look again: nobody else may write while it is off."""
        return 1.0 if self._settings.record_requests else 60.0

    def look(self, runs: Collection[str]) -> None:
        """Note what is new of some runs, and remove what is beyond the bounds."""
        self._runs.update(runs)
        with if_possible(f"{self._folder}: its files stay as they are"):
            if self._folder.is_dir():
                self._note()
                self._prune()

    def _note(self) -> None:
        known, now = {*self._ledger.names()}, time.monotonic()
        for path in self._folder.iterdir():
            found = _NAME.fullmatch(path.name)
            if found is None or found[1] not in self._runs or path.name in known:
                continue
            # On a full disk it cannot be noted, which is not to be told at each look.
            if now >= self._tried.get(path.name, 0.0) and not self._ledger.add(path.name):
                self._tried[path.name] = now + _NOTE_AGAIN_AFTER

    def _prune(self) -> None:
        files = self._files()
        total = sum(size for _, size, _ in files)
        most, oldest = self._settings.record_bytes, self._earliest()
        if total > most * _FULL or (files and files[0][0] < oldest):
            gone = []
            for changed, size, name in files:
                if changed >= oldest and total <= most * _FULL:
                    break
                gone.append(name)
                total -= size
            self._ledger.remove(gone)
            self._ledger.forget_missing()

    def _files(self) -> list[tuple[float, int, str]]:
        """Give when each was written to last, its size and its name, the oldest first."""
        found = []
        for name in self._ledger.names():
            with contextlib.suppress(FileNotFoundError):
                stat = (self._folder / name).stat()
                found.append((stat.st_mtime, stat.st_size, name))
        return sorted(found)

    def _earliest(self) -> float:
        days = self._settings.record_days
        return time.time() - days * _DAY if days else 0.0
