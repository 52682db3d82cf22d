"""Find the services of notebooks, and ask their supervisors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.record import folders
from runner.supervise import control, running
from runner.supervise.questions import Questions
from runner.supervise.running import RunningService

_PATIENCE = 3.0
_LOOK_EVERY = 1.0
_LONGEST_ORDER = 600.0

_Found = Mapping[Path, Sequence[RunningService]]


class Services:
    """Ask what runs; all that are open in JupyterLab share one look at the system."""

    def __init__(self) -> None:
        self._questions = Questions()

    async def find(self, notebook: Path, project: Path) -> RunningService | None:
        """Find a notebook's service; if it has several, the one that runs in its project.

        Raises:
            TimeoutError: The system was not looked through in time.
        """
        every = await self._questions.ask("all", _all, _PATIENCE, stays_true=_LOOK_EVERY)
        found = every.get(notebook, ())
        of_project = (service for service in found if service.working_folder == project)
        return next(of_project, next(iter(found), None))

    async def status(self, service: RunningService) -> dict[str, Any] | None:
        """Ask what a service says of itself; None if it has ended.

        Raises:
            TimeoutError: It did not answer in time.
            RunnerError: It broke off.
        """
        try:
            return await self._questions.ask(service.folder, service.status, _PATIENCE)
        except ConfigurationError:
            return None

    async def order(self, service: RunningService, what: str, version: str = "") -> dict[str, Any]:
        """Have a supervisor do something, and wait for the outcome.

        Args:
            service: Whose.
            what: Its question.
            version: Which version is meant, by the beginning of its hash.

        Raises:
            TimeoutError: There was none in time.
            RunnerError: It has ended, or broke off.
        """
        return await self._questions.ask(
            (service.folder, what, version),
            lambda: control.ask(service.folder, what, version=version),
            _LONGEST_ORDER,
        )


def _all() -> _Found:
    found: dict[Path, list[RunningService]] = {}
    for service in running.services():
        if service.notebook:
            found.setdefault(folders.absolute(service.notebook).resolve(), []).append(service)
    return found
