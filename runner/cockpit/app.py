"""Put the pages together, behind the sign-in.

A module of pages has a function ``routes()``, which gives Starlette routes. Each endpoint gives
``layout.page(request, title, body)``, whose body is made by ``layout.fragment(template, …)``; finds
what it shows by ``subject.of(request)``; and does blocking work in a thread. A path below the
folder is ``{path:file}`` there. A record's page is ``/records/<its path below the folder>``:
``layout.record_url``.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from runner.cockpit import layout, overview, records_pages, runs_pages, service, sweeps_pages
from runner.cockpit.actions import Actions
from runner.cockpit.gate import Gate
from runner.cockpit.records_renderer import Renderer
from runner.cockpit.run_index import RunIndex
from runner.cockpit.services import Services
from runner.cockpit.sign_in import Token
from runner.cockpit.storage_folder import StorageFolder
from runner.cockpit.subject import Cockpit


def app_for(shown: Path | StorageFolder, token: Token, port: int) -> Starlette:
    """Make the app.

    Args:
        shown: All that is shown is below it.
        token: What a browser has to have.
        port: Names the cookie, which browsers send to all ports of a host.
    """
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Gate, token=token, port=port)],
        exception_handlers={HTTPException: _refuse},
        lifespan=_closing,
    )
    storage = None if isinstance(shown, Path) else shown
    folder = shown.resolve() if isinstance(shown, Path) else shown.copies
    app.state.cockpit = Cockpit(
        folder=folder,
        services=Services(folder, are_copies=storage is not None),
        actions=Actions(),
        runs=RunIndex(folder),
        renderer=Renderer(),
        storage=storage,
    )
    app.state.token = token
    return app


class _FilePath(PathConvertor):
    """Match the path of any file, whose name may have line breaks."""

    regex = r"[\s\S]*"


def _routes() -> Sequence[BaseRoute]:
    register_url_convertor("file", _FilePath())
    static = Mount("/static", StaticFiles(packages=[("runner.cockpit", "static")]))
    pages = (overview, service, runs_pages, records_pages, sweeps_pages)
    return [static, *(route for each in pages for route in each.routes())]


@contextlib.asynccontextmanager
async def _closing(app: Starlette) -> AsyncIterator[None]:
    """End what the pages have started, when the server ends."""
    try:
        yield
    finally:
        app.state.cockpit.renderer.close()


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as it is registered
    body = layout.fragment("refusal.html", said=error.detail)
    return layout.page(request, f"{error.status_code}", body, status=error.status_code)
