"""Know what the pages are about, which each of them asks by its request."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from starlette.requests import Request

from runner.cockpit.actions import Actions
from runner.cockpit.records_renderer import Renderer
from runner.cockpit.run_index import RunIndex
from runner.cockpit.services import Services
from runner.cockpit.storage_folder import StorageFolder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cockpit:
    """Hold what is shown.

    Attributes:
        folder: All of it is below this folder; absolute.
        storage: Of what the folder has copies; None if it is the original.
        services: Those of it.
        actions: What they were asked to do.
        runs: The runs of it, of services, sweeps and others.
        renderer: Makes pages of their records.
    """

    folder: Path
    services: Services
    actions: Actions
    runs: RunIndex
    renderer: Renderer
    storage: StorageFolder | None = None

    @property
    def name(self) -> str:
        """Name what is shown."""
        return self.storage.name if self.storage else str(self.folder)


def of(request: Request) -> Cockpit:
    """Give what the pages of a request's app are about."""
    cockpit: Cockpit = request.app.state.cockpit
    return cockpit
