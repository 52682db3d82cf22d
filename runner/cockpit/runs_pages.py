"""Show the list of runs, and two of them side by side."""

from __future__ import annotations

import asyncio
import collections
import math
from collections.abc import Sequence

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from runner.cockpit import layout, subject
from runner.cockpit.comparison import compare
from runner.cockpit.records import read_record
from runner.cockpit.run_index import RunIndex
from runner.cockpit.run_query import NEWEST_FIRST, PAGE, RunQuery, choose
from runner.cockpit.run_summary import RunSummary

_STYLES = ("runs.css",)
_BUSY, _CALM = 3.0, 15.0
_MOST_METRICS, _MOST_SORTS = 3, 20
_SORTS = (
    (NEWEST_FIRST, "newest"),
    ("started", "oldest"),
    ("-seconds", "longest"),
    ("seconds", "shortest"),
    ("name", "name"),
    ("status", "state"),
)


def routes() -> list[BaseRoute]:
    """Give the routes of these pages."""
    return [Route("/runs", _runs), Route("/runs/compare", _comparison)]


async def _runs(request: Request) -> Response:
    query = RunQuery.of(request.query_params)
    found = await asyncio.to_thread(subject.of(request).runs.runs)
    chosen = choose(found.all, query)
    begin = (query.page - 1) * PAGE
    shown = chosen[begin : begin + PAGE]
    body = layout.fragment(
        "runs.html",
        query=query,
        runs=shown,
        count=len(chosen),
        all=len(found.all),
        unread=found.unread,
        is_cut=found.is_cut,
        pages=math.ceil(len(chosen) / PAGE),
        statuses=sorted({run.status for run in found.all} | ({query.status} - {""})),
        metrics=_usual_metrics(shown),
        sorts=_sorts(chosen, query.sort),
    )
    is_busy = found.unread or any(run.is_open for run in shown)
    every = _BUSY if is_busy else _CALM
    return layout.page(request, "Runs", body, styles=_STYLES, every=every)


def _usual_metrics(runs: Sequence[RunSummary]) -> list[str]:
    """Name the metrics that most of some runs have."""
    counts = collections.Counter(name for run in runs for name in run.metrics)
    return [name for name, _ in counts.most_common(_MOST_METRICS)]


def _sorts(runs: Sequence[RunSummary], asked: str) -> list[tuple[str, str]]:
    metrics = collections.Counter(name for run in runs for name in run.metrics)
    parameters = collections.Counter(name for run in runs for name in run.parameters)
    offered = [*_SORTS]
    for name, _ in metrics.most_common(_MOST_SORTS):
        offered += [(f"-metric:{name}", f"largest {name}"), (f"metric:{name}", f"smallest {name}")]
    offered += [
        (f"parameter:{name}", f"parameter {name}")
        for name, _ in parameters.most_common(_MOST_SORTS)
    ]
    is_offered = asked in dict(offered)
    return offered if is_offered else [*offered, (asked, asked)]


async def _comparison(request: Request) -> Response:
    paths = list(dict.fromkeys(request.query_params.getlist("run")))
    index = subject.of(request).runs
    body = await asyncio.to_thread(_compared, index, paths) if len(paths) == 2 else None
    if body is None:
        body = layout.fragment("choose_two.html")
        return layout.page(request, "Compare", body, styles=_STYLES, status=404)
    return layout.page(request, "Compare", body, styles=_STYLES)


def _compared(index: RunIndex, paths: Sequence[str]) -> Markup | None:
    found = [index.run(path) for path in paths]
    if found[0] is None or found[1] is None:
        return None
    (left, left_path), (right, right_path) = found[0], found[1]
    records = (read_record(left_path), read_record(right_path))
    return layout.fragment(
        "comparison.html",
        left=left,
        right=right,
        names=_told_apart(left, right),
        found=compare(left, right, records),
        are_read=all(records),
    )


def _told_apart(left: RunSummary, right: RunSummary) -> tuple[str, str]:
    """Name two runs so that they have not the same name."""
    if left.name != right.name:
        return left.name, right.name
    files = [run.path.rpartition("/")[2] for run in (left, right)]
    return (files[0], files[1]) if files[0] != files[1] else (left.path, right.path)
