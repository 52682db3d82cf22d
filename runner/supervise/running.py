"""Find the services that run: all of this user's on this machine, wherever they were started.

A supervisor holds the lock of its folder below ``runs``, and the system names that file by where it
is now, also when the folder was moved. So there is no list that could be wrong: one of files, such
as below ``XDG_RUNTIME_DIR``, names what was killed or moved, and goes with the user's last session.
A service in a container is found in a folder that both see, by its socket. Only Linux serves.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError, RunnerError
from runner.record import folders
from runner.supervise import control

LOCK = ".lock"
_MOST_LISTED = 3
_DELETED = " (deleted)"  # as the system says behind a name


@dataclasses.dataclass(frozen=True, order=True)
class RunningService:
    """Know a service by its folder below ``runs``, and by the folder it was started in."""

    folder: Path
    working_folder: Path

    @property
    def notebook(self) -> Path | None:
        """Give its notebook, as an absolute path."""
        return folders.notebook_of(self.folder, self.working_folder)

    @property
    def is_of_here(self) -> bool:
        """Tell whether it was started in our working folder."""
        return self.working_folder == Path.cwd()

    def status(self) -> dict[str, Any]:
        """Ask what it says of itself.

        Raises:
            RunnerError: It does not answer.
        """
        return control.ask(self.folder, "status")

    def __str__(self) -> str:
        with contextlib.suppress(RunnerError, KeyError):
            status = self.status()
            notebook = self.notebook or status["notebook"]
            where = f"pid {status['pid']}, started in {self.working_folder}"
            url = status.get("url") or f"http://{status['address']}"  # one of before has none
            return f"{notebook} on {url} ({where})"
        return f"{self.notebook or self.folder}, which does not answer"


def services() -> list[RunningService]:
    """List all that run, those of the working folder first."""
    of_here = (entry.parent for entry in folders.runs().resolve().glob(f"*/{control.NAME}"))
    found = dict(_locked_folders()) | dict.fromkeys(of_here, Path.cwd())
    running = [RunningService(*place) for place in found.items() if control.is_listening(place[0])]
    return sorted(running, key=lambda service: (not service.is_of_here, service.folder))


def removed() -> list[str]:
    """Tell of those whose folders were removed for good: no command can ask them, and they serve.

    A supervisor has its folder open, and in it the lock that it holds.
    """
    return [
        f"{folder} was removed, and its service goes on: `kill {pid}` ends it"
        for folder, pid in sorted(_removed_folders())
    ]


def find(notebook: Path | None) -> RunningService:
    """Find the one service of a notebook or, without one, of the working folder.

    Raises:
        ConfigurationError: There is none, or there are several.
    """
    running = services()
    found = (
        [service for service in running if service.is_of_here]
        if notebook is None
        else _of(notebook, running)
    )
    if len(found) == 1:
        return found[0]
    of_what = "is started in this folder" if notebook is None else f"of {notebook} is running"
    if not found:
        guess = _near(notebook, running) if notebook else ""
        others = [f"running are: {_listed(running)}"] if running else []
        hint = guess or "; ".join([*others, *removed()]) or "`runner serve NOTEBOOK` starts one"
        raise ConfigurationError(f"no service {of_what}", hint=hint)
    raise ConfigurationError(
        f"{len(found)} services are meant: {_listed(found)}",
        hint="name the notebook" if notebook is None else "ask in the folder where it was started",
    )


def occupied(notebook: Path, folder: Path, lock: Path) -> ConfigurationError:
    """Say who has what a service of a notebook would write to."""
    service = RunningService(folder.resolve(), Path.cwd())
    if lock.parent == folder and control.is_listening(folder):
        return ConfigurationError(
            f"{notebook} is served already: {service}",
            hint=f"`runner stop {shlex.quote(str(notebook))}` ends it",
        )
    return ConfigurationError(
        f"{lock.parent}: another run is writing there",
        hint="wait for its end, or name another OUT; for replicas that share a volume there is"
        " `--runs 'runs/{host}'`",
    )


def _of(notebook: Path, running: list[RunningService]) -> list[RunningService]:
    """Give those of a notebook: of this path, else of the same file; of here, if there is one."""
    path = folders.absolute(notebook)
    found = [service for service in running if _named(service) == path]
    found = found or [service for service in running if _is_same_file(service, path)]
    of_here = [service for service in found if service.is_of_here]
    return of_here if len(of_here) == 1 else found


def _named(service: RunningService) -> Path | None:
    return folders.absolute(service.notebook) if service.notebook else None


def _is_same_file(service: RunningService, path: Path) -> bool:
    with contextlib.suppress(OSError):
        return service.notebook is not None and service.notebook.samefile(path)
    return False


def _near(notebook: Path, running: list[RunningService]) -> str:
    """Ask whether another notebook is meant, of a name that is nearly the same."""
    known = {each.notebook.stem: each.notebook for each in reversed(running) if each.notebook}
    close = difflib.get_close_matches(notebook.name.removesuffix(".ipynb"), known, n=1)
    return f"did you mean {shlex.quote(str(known[close[0]]))}?" if close else ""


def _listed(running: list[RunningService]) -> str:
    """List them, but no more than a reader takes in: each is asked what it is."""
    more = len(running) - _MOST_LISTED
    rest = [f"and {more} more: `runner status` lists all"] if more > 0 else []
    return "; ".join([*map(str, running[:_MOST_LISTED]), *rest])


def _locked_folders() -> Iterator[tuple[Path, Path]]:
    """Give the folders whose lock a process has open, and its working folder. Source: proc(5)."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another user's, or gone by now
            for opened in (process / "fd").iterdir():
                if folder := _locked_by(opened):
                    yield folder, (process / "cwd").readlink()


def _locked_by(opened: Path) -> Path | None:
    with contextlib.suppress(OSError):  # it is closed by now
        lock = opened.readlink()
        if lock.name == LOCK and lock.samefile(opened):  # not so in another container
            return lock.parent
    return None


def _removed_folders() -> Iterator[tuple[Path, str]]:
    """Give the folders that a process has open, though they are deleted, with its lock in them."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            opened = {each.name: _named_by(each) for each in (process / "fd").iterdir()}
            for number, name in opened.items():
                folder = name.removesuffix(f"/{LOCK}{_DELETED}")
                if folder != name and f"{folder}{_DELETED}" in opened.values():
                    info = (process / "fdinfo" / number).read_text()
                    if f" WRITE {process.name} " in info:  # else it is a child, which has a copy
                        yield Path(folder), process.name


def _named_by(opened: Path) -> str:
    with contextlib.suppress(OSError):  # it is closed by now
        return str(opened.readlink())
    return ""
