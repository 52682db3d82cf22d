"""Show the sweeps, and of one its points, the best first, and what its parameters do."""

from __future__ import annotations

import asyncio

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from runner.cockpit import layout, subject
from runner.cockpit.sweeps import Sweep, sweeps_of
from runner.cockpit.sweeps_picture import HEIGHT, WIDTH, map_of, plots_of

_STYLES = ("runs.css",)
_BUSY, _CALM = 3.0, 15.0
_MOST_POINTS, _MOST_METRICS, _MOST_SWEEPS = 500, 6, 200


def routes() -> list[BaseRoute]:
    """Give the routes of these pages."""
    return [Route("/sweeps", _sweeps), Route("/sweeps/{folder:file}", _sweep)]


async def _sweeps(request: Request) -> Response:
    found = await _found(request)
    body = layout.fragment("sweeps.html", sweeps=found[:_MOST_SWEEPS])
    every = _BUSY if any(map(_is_at_work, found)) else _CALM
    return layout.page(request, "Sweeps", body, styles=_STYLES, every=every)


async def _sweep(request: Request) -> Response:
    found = await _found(request)
    sweep = next((each for each in found if each.folder == request.path_params["folder"]), None)
    if sweep is None:
        raise HTTPException(404, "There is no such sweep.")
    body = await asyncio.to_thread(_body, sweep)
    every = _BUSY if _is_at_work(sweep) else _CALM
    return layout.page(request, sweep.folder, body, styles=_STYLES, every=every)


async def _found(request: Request) -> list[Sweep]:
    index = subject.of(request).runs
    return await asyncio.to_thread(lambda: sweeps_of(index.runs()))


def _body(sweep: Sweep) -> Markup:
    found = map_of(sweep)
    return layout.fragment(
        "sweep.html",
        sweep=sweep,
        map=found,
        plots=[] if found else plots_of(sweep),
        points=sweep.points[:_MOST_POINTS],
        best=sweep.best,
        metrics=sweep.metrics[:_MOST_METRICS],
        width=WIDTH,
        height=HEIGHT,
    )


def _is_at_work(sweep: Sweep) -> bool:
    return any(run.is_open for run in sweep.points)
