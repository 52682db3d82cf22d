"""Hand what is to be asked to what is to serve, and its report back: files in a private folder.

The supervisor, a run and its kernel know one folder. The run leaves the requests there before its
first cell. Who plays them takes the file away, so that they are played once, whichever worker is
started anew later; and leaves the report.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.config import shared_folder
from runner.files import write_atomically
from runner.identity import Identity

_LARGEST_REPORT = 1_000_000
_LONGEST_NAME = 120
_NOTE = 1_000  # bytes: a letter may take six


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """Say how to rehearse.

    Attributes:
        most: Recorded requests that are played.
        most_changed: Percent of them that may be answered otherwise; None for all.
        seconds: For all requests together.
        takes_all: Also those are played that may change something.
        secrets: Names that are secrets besides the well-known ones.
    """

    most: int
    most_changed: float | None = None
    seconds: float = 30.0
    takes_all: bool = False
    secrets: Sequence[str] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given:
    """Be what is to be asked.

    Attributes:
        rules: How.
        left_out: How many were left out already, by reasons.
        count: How many will be asked at most.
        lines: Each request, as `runner.rehearsal.cases` reads it.
    """

    rules: Rules
    left_out: dict[str, int]
    count: int
    lines: Iterator[dict[str, Any]]


class Handover:
    """Know the files of one run's rehearsal.

    Args:
        folder: Which all three know.
        run: The run's name.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self._requests = folder / f"rehearsal-{run}.jsonl"
        self._notes: int | None = None
        self._partial = folder / f"rehearsal-{run}.part"
        self._report = folder / f"rehearsal-{run}.json"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Handover | None:
        """Find the files of the run that this process belongs to; None if it belongs to none."""
        folder, run = shared_folder(environ), Identity.from_environment(environ).run_id
        return cls(folder, run) if folder and run else None

    @property
    def is_waiting(self) -> bool:
        """Tell whether there are requests that nobody has played."""
        return self._requests.exists()

    def leave(
        self, rules: Rules, lines: Sequence[Mapping[str, Any]], left_out: Mapping[str, int]
    ) -> None:
        """Leave what is to be asked, the author's cases first.

        Raises:
            OSError: It cannot be written.
        """
        with self._partial.open("w", encoding="utf-8") as file:
            own = sum("request" in line for line in lines)
            count = own + min(len(lines) - own, rules.most)
            head = {"rules": dataclasses.asdict(rules), "left_out": {**left_out}, "count": count}
            for line in (head, *lines):
                file.write(json.dumps(line, default=str) + "\n")
        self._partial.rename(self._requests)

    @contextlib.contextmanager
    def taken(self) -> Iterator[Given | None]:
        """Take what is to be asked; None if there is nothing, or it was taken.

        A process that dies meanwhile leaves nothing to be played again.
        """
        try:
            file = self._requests.open(encoding="utf-8")
        except FileNotFoundError:
            yield None
            return
        with file, self._noting():
            self._requests.unlink(missing_ok=True)
            head = json.loads(file.readline())
            yield Given(
                rules=Rules(**head["rules"]),
                left_out=head["left_out"],
                count=head["count"],
                lines=map(json.loads, file),
            )

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        with contextlib.suppress(OSError):
            self._notes = os.open(self._report, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield
        finally:
            if self._notes is not None:
                os.close(self._notes)
                self._notes = None

    def report(self, said: Mapping[str, Any]) -> None:
        """Leave a report.

        Raises:
            OSError: It cannot be written.
        """
        write_atomically(self._report, json.dumps(said, default=str))

    def note(self, asked: int, count: int, request: str) -> None:
        """Leave word of how far it is, for whoever waits, and if the process dies of a request.

        Before each one: so the file is written in place, and the disk not waited for.
        """
        said = {"asked": asked, "of": count, "at": request[:_LONGEST_NAME]}
        if self._notes is not None:
            with contextlib.suppress(OSError):  # a full disk keeps no version from serving
                os.pwrite(self._notes, json.dumps(said).ljust(_NOTE).encode(), 0)

    def said(self) -> dict[str, Any]:
        """Give what was reported last; nothing if that is not there, or no report."""
        with contextlib.suppress(OSError, ValueError):
            if self._report.stat().st_size <= _LARGEST_REPORT:
                said = json.loads(self._report.read_bytes())
                return said if isinstance(said, dict) else {}
        return {}

    def clear(self) -> None:
        """Remove what is left."""
        for path in (self._partial, self._requests, self._report):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
