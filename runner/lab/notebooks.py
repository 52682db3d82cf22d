"""Answer for the notebooks that are open in JupyterLab: what becomes of one, and orders for it."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError, RunnerError
from runner.lab.cockpits import SECONDS_TO_START, Cockpits
from runner.lab.places import notebook_at, project_of
from runner.lab.services import Services
from runner.lab.starting import Starts
from runner.lab.state import SILENT, state_of
from runner.supervise.questions import Questions

_PATIENCE = 3.0
_OF_A_VERSION = ("sha256", "since", "cause", "commit", "author")


class Order(enum.StrEnum):
    """Name what can be ordered."""

    SERVE = "serve"
    RELOAD = "reload"
    ROLLBACK = "rollback"
    STOP = "stop"


class Notebooks:
    """Know what is below Jupyter's root folder, and what runs of it.

    Args:
        root: That folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._questions = Questions()
        self._services, self._starts, self._cockpits = Services(), Starts(), Cockpits()

    async def state(self, path: str) -> dict[str, Any]:
        """Say what becomes of a notebook.

        Raises:
            ConfigurationError: There is no such notebook here.
        """
        try:
            notebook, project = await self._found(path)
            service = await self._services.find(notebook, project)
            status = await self._services.status(service) if service else None
            if status is None:
                return await self._starts.state(notebook)
            return await self._shown(status)
        except ConfigurationError:
            raise
        except (TimeoutError, RunnerError):
            return SILENT

    async def versions(self, path: str) -> list[dict[str, Any]]:
        """List what can be gone back to, the newest first.

        Raises:
            ConfigurationError: There is no such notebook here, or it is not served.
            TimeoutError: There was no answer in time.
            RunnerError: It broke off.
        """
        notebook, project = await self._found(path)
        service = await self._services.find(notebook, project)
        if service is None:
            raise ConfigurationError(f"{path} is not served")
        told = await self._services.order(service, "versions")
        kept = (each for each in told["versions"] if each["state"] == "kept")
        return [{key: each[key] for key in _OF_A_VERSION} for each in kept]

    async def cockpit(self, path: str) -> str:
        """Give the address of the cockpit of a notebook's project; it is started if need be.

        Raises:
            ConfigurationError: There is no such notebook here.
            RunnerError: It did not come up.
        """
        notebook, project = await self._found(path)
        service = await self._services.find(notebook, project)
        folder = service.working_folder if service else project
        return await self._questions.ask(
            ("cockpit", folder), lambda: self._cockpits.address(folder), SECONDS_TO_START
        )

    async def order(self, path: str, order: Order, version: str = "") -> dict[str, Any]:
        """Carry out an order; give ``ok``, and the ``reason`` if it is not.

        Args:
            path: Of the notebook.
            order: What to do.
            version: To which to roll back, by the beginning of its hash; the one before if empty.

        Raises:
            ConfigurationError: There is no such notebook here, or nothing to give the order to.
        """
        try:
            notebook, project = await self._found(path)
            service = await self._services.find(notebook, project)
            if order is not Order.SERVE:
                if service is None:
                    raise ConfigurationError(f"{path} is not served")
                return await self._services.order(service, order, version)
            if service or self._starts.is_starting(notebook):
                raise ConfigurationError(f"{path} is served already")
            await self._starts.start(notebook, project)
        except ConfigurationError:
            raise
        except (TimeoutError, RunnerError, OSError) as error:
            return {"ok": False, "reason": str(error) or "there was no answer in time"}
        return {"ok": True, "reason": ""}

    async def _found(self, path: str) -> tuple[Path, Path]:
        def look() -> tuple[Path, Path]:
            notebook = notebook_at(self._root, path)
            return notebook, project_of(notebook, self._root)

        return await self._questions.ask(("found", path), look, _PATIENCE)

    async def _shown(self, status: dict[str, Any]) -> dict[str, Any]:
        about = ("shown", status["records"])
        return await self._questions.ask(about, lambda: state_of(status, self._root), _PATIENCE)
