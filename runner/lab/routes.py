"""Answer on Jupyter's own server, behind its checks: token or cookie, XSRF, origin, authorizer."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from runner.errors import ConfigurationError, RunnerError
from runner.lab.notebooks import Notebooks, Order

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

_NAME = "notebook-runner"


def add_to(server: ServerApp) -> None:
    """Add our paths to a server of Jupyter's."""
    app = server.web_app
    given = {"notebooks": Notebooks(Path(server.root_dir))}
    routes = [
        (url_path_join(app.settings["base_url"], _NAME, name), route, given)
        for name, route in _ROUTES.items()
    ]
    app.add_handlers(".*$", routes)  # type: ignore[no-untyped-call] # tornado's is typed, theirs not


class _Route(APIHandler):
    """Answer about the notebook at a path."""

    auth_resource = _NAME
    # JupyterLab asks all the time: that must not keep a server alive which is ended when idle.
    _track_activity = False

    def initialize(self, notebooks: Notebooks) -> None:
        """Take what tornado was told to give us."""
        self._notebooks = notebooks

    async def _answer(self, answer: Awaitable[Any], status_if_not: int) -> None:
        """Send an answer, or why there is none."""
        try:
            self.finish(json.dumps(await answer))
        except ConfigurationError as error:
            raise web.HTTPError(status_if_not, str(error)) from error
        except (TimeoutError, RunnerError) as error:
            said = str(error) or "there was no answer in time"
            raise web.HTTPError(503, said) from error


class ServiceRoute(_Route):
    """Answer for the service of one notebook."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Say what becomes of the notebook at ``path``."""
        await self._answer(self._notebooks.state(self.get_query_argument("path")), 404)

    @web.authenticated
    @authorized("execute", _NAME)  # type: ignore[untyped-decorator] # typed for use without words
    async def post(self) -> None:
        """Carry out the order ``do`` for the notebook at ``path``, and wait for the outcome."""
        body = self.get_json_body()
        try:
            words = _text(body, "path"), Order(_text(body, "do")), _text(body, "version", "")
        except (TypeError, KeyError, ValueError) as error:
            said = f'{{"path": …, "do": …}} is wanted, of {[*Order]}'
            raise web.HTTPError(400, said) from error
        await self._answer(self._notebooks.order(*words), 409)


class VersionsRoute(_Route):
    """Answer for what can be gone back to."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List the versions that are kept of the notebook at ``path``."""
        await self._answer(self._notebooks.versions(self.get_query_argument("path")), 409)


class CockpitRoute(_Route):
    """Answer for the cockpit of a notebook's project."""

    @web.authenticated
    @authorized("execute", _NAME)  # type: ignore[untyped-decorator] # typed for use without words
    async def post(self) -> None:
        """Start it unless it runs, and give its address."""
        try:
            path = _text(self.get_json_body(), "path")
        except (TypeError, KeyError, ValueError) as error:
            raise web.HTTPError(400, '{"path": …} is wanted') from error
        await self._answer(self._notebooks.cockpit(path), 404)


def _text(body: Any, name: str, default: str | None = None) -> str:
    found = body[name] if default is None else body.get(name, default)
    if not isinstance(found, str):
        raise TypeError(name)
    return found


_ROUTES = {"service": ServiceRoute, "versions": VersionsRoute, "cockpit": CockpitRoute}
