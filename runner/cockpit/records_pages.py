"""Show one run: how far it is, what each cell did, and its record as HTML, in a frame."""

from __future__ import annotations

import asyncio
import urllib.parse

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from runner.cockpit import layout, subject
from runner.cockpit.records import MOST_SHOWN, Record, read_record
from runner.cockpit.records_renderer import POLICY
from runner.cockpit.run_index import RunIndex
from runner.cockpit.run_summary import RunSummary

_EVERY = 2.0


def routes() -> list[BaseRoute]:
    """Give the routes of these pages."""
    return [Route("/records/{path:file}", _record), Route("/rendered/{path:file}", _rendered)]


async def _record(request: Request) -> Response:
    index = subject.of(request).runs
    run, record = await asyncio.to_thread(_read, index, request.path_params["path"])
    body = layout.fragment(
        "record.html",
        run=run,
        cells=record.cells if record else (),
        is_cut=record.is_cut if record else False,
        failed_cell=_failed_cell(record) if record else "",
        frame=f"/rendered/{urllib.parse.quote(run.path)}",
        is_shown=run.size <= MOST_SHOWN,
    )
    every = _EVERY if run.is_open else 0.0
    return layout.page(request, run.name, body, styles=("runs.css",), every=every)


def _read(index: RunIndex, path: str) -> tuple[RunSummary, Record | None]:
    found = index.run(path)
    if found is None:
        raise HTTPException(404, "There is no such record.")
    return found[0], read_record(found[1])


def _failed_cell(record: Record) -> str:
    """Give the id of the cell that failed."""
    failed = (cell.cell_id for cell in record.cells if cell.status == "failed")
    return next(failed, "")


async def _rendered(request: Request) -> Response:
    cockpit = subject.of(request)
    found = await asyncio.to_thread(cockpit.runs.run, request.path_params["path"])
    html = await cockpit.renderer.page(found[1]) if found else None
    headers = {"content-security-policy": POLICY}
    if html is None:
        text = "<!doctype html><title>Record</title><p>This record cannot be shown."
        return HTMLResponse(text, 404 if found is None else 422, headers=headers)
    return HTMLResponse(html, headers=headers)
