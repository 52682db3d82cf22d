"""Find the services of a folder, running or ended, and ask those that run.

The rules of this file:

1. A service is a folder below ``runs`` in which a supervisor listens, or has kept versions.
2. What is asked of one supervisor is asked once at a time, and waited for a moment only: one that
   stands still must not hold up the page that shows the others.
3. A service is known by its folder's path below ours. What comes from a browser is looked up among
   those that were found: it never becomes a path.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.cockpit.run_values import text_of
from runner.errors import ConfigurationError, RunnerError
from runner.record import folders, history
from runner.storage import urls
from runner.supervise import control, running
from runner.supervise.questions import Questions

_PATIENCE = 0.5
_TRUE_FOR = {"history": 5.0}  # it has a point more every 10 seconds
_LOOK_EVERY = 2.0
_LOOK_ELSEWHERE_EVERY = 10.0
_MOST = 500
LARGEST_RECORD = 64_000_000
_SOURCES = "sources"
_MAPPINGS = ("serving", "candidate", "failure", "traffic")
_LISTS = ("versions", "points")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Service:
    """Know a service by its folder.

    Attributes:
        key: Stands for it in addresses.
        folder: Its own, below ``runs``.
        place: The folder that it was started in.
    """

    key: str
    folder: Path
    place: Path

    @property
    def name(self) -> str:
        """Give its folder's name."""
        return self.folder.name

    @property
    def notebook(self) -> str:
        """Give its notebook's path, as seen from where it was started; empty if unknown."""
        path = folders.notebook_of(self.folder, self.place)
        if path is None:
            return ""
        return str(path.relative_to(self.place) if path.is_relative_to(self.place) else path)

    @property
    def out(self) -> Path:
        """Say where its newest record is shown."""
        return self.folder / "out.ipynb"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """Be what a supervisor has said, or why it has not.

    Attributes:
        said: Its answer; None if there is none.
        is_running: There is a supervisor, though it may not answer.
        reason: Why there is no answer.
    """

    said: dict[str, Any] | None = None
    is_running: bool = True
    reason: str = ""


_SILENT = Answer(reason="it does not answer")


class Services:
    """Know the services of a folder.

    Args:
        folder: Where they were started, or a folder above that, or the one with all records.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, Service] = {}
        self._looked_elsewhere = -_LOOK_ELSEWHERE_EVERY
        self._elsewhere: list[running.RunningService] = []
        self._questions = Questions()

    async def found(self, *, waits: bool = False) -> list[Service]:
        """List all there are, by name; those of the last look, while another is under way.

        Args:
            waits: For its end.
        """
        patience = None if waits or not self._found else 0.0
        with contextlib.suppress(TimeoutError):
            await self._questions.ask("all", self._look, patience, stays_true=_LOOK_EVERY)
        return [*self._found.values()]

    async def find(self, key: str) -> Service | None:
        """Find one by its key."""
        for waits in (False, True):
            await self.found(waits=waits)
            if key in self._found:
                break
        return self._found.get(key)

    async def ask(self, service: Service, question: str) -> Answer:
        """Ask a supervisor what changes nothing, and wait for a moment."""
        about, stays_true = (service.folder, question), _TRUE_FOR.get(question, 0.0)
        try:
            return await self._questions.ask(
                about, lambda: _ask(service.folder, question), _PATIENCE, stays_true=stays_true
            )
        except TimeoutError:
            return _SILENT

    def _look(self) -> None:
        """Find them, whether or not somebody still waits for that."""
        places = dict(itertools.islice(self._places(), _MOST))
        services = (
            Service(key=_key(folder.relative_to(self._folder)), folder=folder, place=place)
            for folder, place in places.items()
        )
        self._found = {each.key: each for each in sorted(services, key=lambda each: each.name)}

    def _places(self) -> Iterator[tuple[Path, Path]]:
        """Give the services' folders, and where each was started."""
        runs = urls.runs()
        below = [self._folder / runs] if not runs.is_absolute() else [runs]
        with contextlib.suppress(OSError):
            below += [each / runs for each in self._folder.iterdir() if each.is_dir()]
        for place in [*below, self._folder]:
            for each in _services_in(place):
                if each.is_relative_to(self._folder):
                    yield each, place.parent
        for service in self._running_elsewhere():
            if service.folder.is_relative_to(self._folder):
                yield service.folder, service.working_folder

    def _running_elsewhere(self) -> list[running.RunningService]:
        """Look for those that run deeper below, which takes longer."""
        if time.monotonic() - self._looked_elsewhere > _LOOK_ELSEWHERE_EVERY:
            self._elsewhere = running.services()
            self._looked_elsewhere = time.monotonic()
        return self._elsewhere


def _services_in(place: Path) -> list[Path]:
    try:
        entries = [each for each in place.iterdir() if not each.name.startswith(".")]
    except OSError:
        return []
    marks = (control.NAME, _SOURCES)
    return [each for each in entries if any((each / mark).exists() for mark in marks)]


def _key(below: Path) -> str:
    """Name a service in addresses: a folder of ours by its name, another one by its path."""
    parts = below.parts[1:] if below.parts[:1] == urls.runs().parts else below.parts
    return "~".join(parts or below.parts).encode(errors="backslashreplace").decode()


def _ask(folder: Path, question: str) -> Answer:
    try:
        said = control.ask(folder, question)
    except ConfigurationError:
        return Answer(is_running=False)
    except RunnerError as error:
        return Answer(reason=str(error))
    if not said.get("ok"):
        return Answer(reason=str(said.get("reason", "")))
    return Answer(said={name: value for name, value in said.items() if _is_known(name, value)})


def _is_known(name: str, value: Any) -> bool:
    """Tell what can be read from what a supervisor of another release says in a way of its own."""
    if name in _LISTS:
        return isinstance(value, list)
    return name not in _MAPPINGS or isinstance(value, dict)


def facts_of(record: Path) -> dict[str, Any]:
    """Give what a record says of its run; empty when it is none of ours, or too large."""
    try:
        found = record.stat()
    except OSError:
        return {}
    if found.st_size > LARGEST_RECORD or not stat.S_ISREG(found.st_mode):
        return {}
    return dict(_facts_of(record, found.st_mtime_ns, found.st_size))


def commit_of(facts: dict[str, Any]) -> str:
    """Give the commit that a record names, unless what has run was changed since."""
    return "" if facts.get("git_dirty") else text_of(facts.get("git_commit"))


@functools.lru_cache(maxsize=512)
def _facts_of(record: Path, changed: int, size: int) -> dict[str, Any]:
    return history.facts_of(record)
