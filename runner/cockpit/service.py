"""Show one service: what it is asked, its versions, what has failed; and have it do something."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from runner.cockpit import actions, failures, layout, subject
from runner.cockpit.difference import difference
from runner.cockpit.overview import card_of, points_of
from runner.cockpit.services import Service
from runner.cockpit.versions import Version, versions_of
from runner.errors import ConfigurationError
from runner.record.debug_notebook import write_debug_notebook
from runner.supervise import control

_EVERY = 3.0
_QUESTIONS = ("reload", "rollback", "stop")


def routes() -> list[BaseRoute]:
    """Give the routes of these pages."""
    return [
        Route("/services/{key}", _service),
        Route("/services/{key}/history", _history),
        Route("/services/{key}/difference", _difference),
        Route("/services/{key}/{question}", _act, methods=["POST"]),
    ]


async def _found(request: Request) -> Service:
    service = await subject.of(request).services.find(request.path_params["key"])
    if service is None:
        raise HTTPException(404, "There is no such service")
    return service


async def _service(request: Request) -> Response:
    cockpit, service = subject.of(request), await _found(request)
    card, status, said = await asyncio.gather(
        card_of(cockpit.services, service),
        cockpit.services.ask(service, "status"),
        cockpit.services.ask(service, "versions"),
    )
    versions = await asyncio.to_thread(versions_of, service, said.said, status.said)
    body = layout.fragment(
        "service.html",
        card=card,
        service=service,
        status=status,
        versions=versions,
        older=_older(versions),
        runs=await asyncio.to_thread(failures.failed_runs, service),
        requests=await asyncio.to_thread(failures.failed_requests, service),
        most_requests=failures.MOST_LOOKED_THROUGH,
        action=cockpit.actions.last(service),
        record_url=_record_urls(cockpit.folder),
        form_word=layout.form_word(request),
    )
    scripts, styles = ([], []) if card.is_elsewhere else (["charts.js"], ["uplot/uPlot.min.css"])
    return layout.page(request, service.name, body, scripts=scripts, styles=styles, every=_EVERY)


def _record_urls(folder: Path) -> Callable[[Path | None], str]:
    """Give what says where a record is shown; empty if it is not there."""

    def url(record: Path | None) -> str:
        if record is None or not record.is_relative_to(folder) or not record.is_file():
            return ""
        return layout.record_url(record.relative_to(folder))

    return url


def _older(versions: list[Version]) -> dict[str, str]:
    """Say of each version that is kept which one it can be compared with: the one before."""
    kept = [each.run for each in versions if each.kept]
    return dict(itertools.pairwise(kept))


async def _history(request: Request) -> Response:
    service = await _found(request)
    answer = await subject.of(request).services.ask(service, "history")
    return JSONResponse({"points": points_of(answer)})


async def _difference(request: Request) -> Response:
    cockpit, service = subject.of(request), await _found(request)
    status, said = await asyncio.gather(
        cockpit.services.ask(service, "status"), cockpit.services.ask(service, "versions")
    )
    versions = await asyncio.to_thread(versions_of, service, said.said, status.said)
    kept = {each.run: each for each in versions if each.kept}
    pair = [kept.get(request.query_params.get(name, "")) for name in ("older", "newer")]
    older, newer = pair
    if older is None or newer is None or older.kept is None or newer.kept is None:
        raise HTTPException(404, "These versions are not kept")
    cells, fault = [], ""
    try:
        cells = await asyncio.to_thread(difference, older.kept, newer.kept)
    except ConfigurationError as error:
        fault = str(error)
    body = layout.fragment(
        "difference.html",
        service=service,
        older=older,
        newer=newer,
        kept=[*kept.values()],
        cells=cells,
        fault=fault,
    )
    return layout.page(request, f"{service.name}: difference", body)


async def _act(request: Request) -> Response:
    cockpit, service = subject.of(request), await _found(request)
    question, form = request.path_params["question"], request.state.form
    if question == "debug":
        what, do = "open a request in a notebook", _debug(service, form.get("request", ""))
    elif question in _QUESTIONS:
        version = form.get("version", "")
        what, do = f"{question} {version[:12]}".rstrip(), _ask(service, question, version)
    else:
        raise HTTPException(404, "There is no such thing to do")
    if not cockpit.actions.begin(service, what, do):
        raise HTTPException(409, "Something else is under way: wait for its end")
    return RedirectResponse(f"/services/{layout.quoted(service.key)}", 303)


def _ask(service: Service, question: str, version: str) -> Callable[[], str]:
    def ask() -> str:
        return actions.said_of(question, control.ask(service.folder, question, version=version))

    return ask


def _debug(service: Service, request_id: str) -> Callable[[], str]:
    def write() -> str:
        path = write_debug_notebook(service.folder, request_id)
        below = path.relative_to(service.place) if path.is_relative_to(service.place) else path
        return f"{below}: run all its cells in Jupyter, and the last one raises what failed"

    return write
