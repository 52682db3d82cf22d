"""Answer on Jupyter's own server, behind its checks: token or cookie, XSRF, origin, authorizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from runner.errors import ConfigurationError
from runner.lab.notebooks import Notebooks, Order

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

_NAME = "notebook-runner"


def add_to(server: ServerApp) -> None:
    """Add our paths to a server of Jupyter's."""
    app = server.web_app
    path = url_path_join(app.settings["base_url"], _NAME, "service")
    notebooks = Notebooks(Path(server.root_dir))
    routes = [(path, ServiceRoute, {"notebooks": notebooks})]
    app.add_handlers(".*$", routes)  # type: ignore[no-untyped-call] # tornado's is typed, theirs not


class ServiceRoute(APIHandler):
    """Answer for the service of one notebook."""

    auth_resource = _NAME
    # JupyterLab asks all the time: that must not keep a server alive which is ended when idle.
    _track_activity = False

    def initialize(self, notebooks: Notebooks) -> None:
        """Take what tornado was told to give us."""
        self._notebooks = notebooks

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Say what becomes of the notebook at ``path``."""
        try:
            state = await self._notebooks.state(self.get_query_argument("path"))
        except ConfigurationError as error:
            raise web.HTTPError(404, str(error)) from error
        self.finish(json.dumps(state))

    @web.authenticated
    @authorized("execute", _NAME)  # type: ignore[untyped-decorator] # typed for use without words
    async def post(self) -> None:
        """Carry out the order ``do`` for the notebook at ``path``, and wait for the outcome."""
        path, order = _read(self.get_json_body())
        try:
            outcome = await self._notebooks.order(path, order)
        except ConfigurationError as error:
            raise web.HTTPError(409, str(error)) from error
        self.finish(json.dumps(outcome))


def _read(body: Any) -> tuple[str, Order]:
    try:
        path, order = body["path"], Order(body["do"])
    except (TypeError, KeyError, ValueError) as error:
        raise web.HTTPError(400, f'{{"path": …, "do": …}} is wanted, of {[*Order]}') from error
    if not isinstance(path, str):
        raise web.HTTPError(400, "path is no text")
    return path, order
