"""Find the services of a folder, running or ended, and ask those that run.

The rules of this file:

1. A service is a folder below ``runs``, or below a replica's folder there, in which a supervisor
   listens, or has kept versions.
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
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.cockpit.run_values import text_of
from runner.errors import ConfigurationError, RunnerError
from runner.record import folders, history
from runner.record.ledger import Ledger
from runner.storage import urls
from runner.supervise import control, running
from runner.supervise.questions import Questions

_PATIENCE = 0.5
_TRUE_FOR = {"history": 5.0}  # it has a point more every 10 seconds
_LOOK_EVERY = 2.0
_LOOK_ELSEWHERE_EVERY = 10.0
_MOST = 500
LARGEST_RECORD = 64_000_000
_SOURCES, _OUT = "sources", "out.ipynb"
_NOT_PLAIN = re.compile("[%~\udc80-\udcff]")
_MAPPINGS = ("serving", "candidate", "failure", "traffic")
_LISTS = ("versions", "points")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Service:
    """Know a service by its folder.

    Attributes:
        key: Stands for it in addresses.
        folder: Its own, below ``runs``.
        place: The folder that it was started in.
        host: The replica whose folder it is in, where each has its own.
        is_copy: Its folder has copies only: where it runs, if it does, nobody here can ask.
    """

    key: str
    folder: Path
    place: Path
    host: str = ""
    is_copy: bool = False

    @property
    def name(self) -> str:
        """Give its folder's name, and its replica's."""
        return f"{self.folder.name} on {self.host}" if self.host else self.folder.name

    @property
    def notebook(self) -> str:
        """Give its notebook's path, as seen from where it was started; empty if unknown."""
        path = folders.marked_notebook(self.folder, self.place)
        if path is None:
            facts = facts_of(self.out)
            return text_of(facts.get("notebook_url")) or text_of(facts.get("notebook"))
        return str(path.relative_to(self.place) if path.is_relative_to(self.place) else path)

    @property
    def out(self) -> Path:
        """Say where its newest record is shown."""
        return self.folder / _OUT


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
        are_copies: Nothing runs there.
    """

    def __init__(self, folder: Path, *, are_copies: bool = False) -> None:
        self._folder, self._are_copies = folder, are_copies
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
        found: dict[Path, Service] = {}
        for each in itertools.islice(self._services(), _MOST):
            found.setdefault(each.folder, each)
        for service in self._running_elsewhere():
            if service.folder.is_relative_to(self._folder):
                known = found.get(service.folder) or self._service(service.folder, Path())
                place = service.working_folder
                found[service.folder] = dataclasses.replace(known, place=place)
        services = sorted(found.values(), key=lambda each: each.name)
        self._found = {each.key: each for each in services[:_MOST]}

    def _services(self) -> Iterator[Service]:
        """Find those below the usual places, of which one may be seen in two ways."""
        runs = urls.runs()
        below = [self._folder / runs] if not runs.is_absolute() else [runs]
        with contextlib.suppress(OSError):
            below += [each / runs for each in self._folder.iterdir() if each.is_dir()]
        for place in [*below, self._folder]:
            for folder in _folders_in(place):
                if not folder.is_relative_to(self._folder):
                    continue
                if _is_service(folder):
                    yield self._service(folder, place.parent)
                    continue
                for each in _folders_in(folder):
                    if (each / _OUT).is_file() and _is_service(each):
                        yield self._service(each, place.parent, host=folder.name)

    def _service(self, folder: Path, place: Path, host: str = "") -> Service:
        key = _key(folder, self._folder)
        return Service(key=key, folder=folder, place=place, host=host, is_copy=self._are_copies)

    def _running_elsewhere(self) -> list[running.RunningService]:
        """Look for those that run deeper below, which takes longer."""
        if time.monotonic() - self._looked_elsewhere > _LOOK_ELSEWHERE_EVERY:
            self._elsewhere = running.services()
            self._looked_elsewhere = time.monotonic()
        return self._elsewhere


def _folders_in(place: Path) -> list[Path]:
    try:
        with os.scandir(place) as entries:
            return [Path(entry) for entry in entries if entry.name[0] != "." and entry.is_dir()]
    except OSError:
        return []


def _is_service(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in (control.NAME, _SOURCES))


def notebooks_in(folder: Path) -> list[str]:
    """Name the notebooks in a folder that are ours, in their order; of a copy, all that it has."""
    ledger = Ledger(folder)
    names = ledger.names() if ledger.exists else sorted(path.name for path in folder.glob("*"))
    return [name for name in names if name.endswith(".ipynb") and not name.startswith(".")]


def _key(folder: Path, top: Path) -> str:
    """Name a service in addresses, each by another: a folder of ours by its name, others by paths.

    ``~`` stands between a path's parts; within one it is escaped as in URLs, as is what is no text.
    It stands in front of what would have the name of a folder of ours, or none.
    """
    runs, below = urls.runs(), folder.relative_to(top)
    is_ours = below.parts[:1] == runs.parts and below != runs
    own = below.relative_to(runs) if is_ours else below
    key, same = "~".join(_NOT_PLAIN.sub(_escaped, part) for part in own.parts), top / runs / own
    return f"~{key}" if not key or (same != folder and same.exists()) else key


def _escaped(found: re.Match[str]) -> str:
    return f"%{os.fsencode(found[0])[0]:02X}"


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
