"""Lay out every page in one way, from templates that escape whatever they are given.

The rules of this file:

1. All HTML is made by templates of ours, in which everything is escaped. ``Markup`` is only what
   another template has made.
2. No page has a script or a style in it: they are files below ``/static/``.
3. What is to stay true while it is looked at has an ``id`` and ``data-live``: with ``every`` the
   page's own script asks for the page anew, and puts such parts in place of what has changed.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from runner import __version__
from runner.cockpit import run_texts, sparkline, subject
from runner.cockpit.run_values import number_of
from runner.rehearsal.report_text import COLUMNS, summary
from runner.traffic import traffic_text

SECTIONS = {"/": "Services", "/runs": "Runs", "/sweeps": "Sweeps"}
"""What the navigation leads to, as far as there are pages."""


def page(  # noqa: PLR0913 - what differs from page to page
    request: Request,
    title: str,
    body: Markup,
    *,
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    every: float = 0.0,
    status: int = 200,
) -> HTMLResponse:
    """Give a page of the cockpit.

    Args:
        request: Which asks for it.
        title: Its title; shown as text.
        body: What `fragment` has made.
        scripts: Modules below ``/static/``, besides that of all pages.
        styles: Style sheets below ``/static/``, likewise.
        every: Seconds after which what is live is asked for anew; 0: never.
        status: Of the answer.
    """
    section = "/" + request.scope["path"].split("/")[1]
    section = "/runs" if section == "/records" else section
    values = {"section": section if section in SECTIONS else "/", "sections": SECTIONS}
    values |= {"title": title, "body": body, "scripts": scripts, "styles": styles, "every": every}
    values["storage"] = storage = subject.of(request).storage
    values["look"] = storage and storage.look()
    html = fragment("page.html", **values)
    # A file's name may hold bytes that are no text.
    return HTMLResponse(html.encode(errors="backslashreplace"), status)


def fragment(template: str, **values: Any) -> Markup:
    """Fill a template, all of whose values are escaped but for ``Markup``."""
    return Markup(_templates().get_template(template).render(values))  # noqa: S704 - see above


def form_word(request: Request) -> Markup:
    """Give the hidden field without which no form is accepted."""
    return fragment("form_word.html", word=request.app.state.token.form_word)


def record_url(path: Path) -> str:
    """Say where a record is shown.

    Args:
        path: Of its file, below the cockpit's folder.
    """
    return "/records/" + urllib.parse.quote(os.fsencode(path))


def quoted(part: str) -> str:
    """Give a text as one part of a path."""
    return urllib.parse.quote(part, safe="", errors="backslashreplace")


@functools.cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("runner.cockpit"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"span": span, "size": size, "moment": moment, "number": number}
    templates.filters |= {"ms": milliseconds, "url": quoted}
    templates.filters |= {"rehearsal": rehearsal_summary, "rehearsal_rows": rehearsal}
    templates.filters |= {**run_texts.FILTERS, "record_url": lambda path: record_url(Path(path))}
    templates.filters["lines"] = sparkline.lines_of
    templates.globals |= {"version": __version__, "WIDTH": sparkline.WIDTH}
    templates.globals["HEIGHT"] = sparkline.HEIGHT
    return templates


UNKNOWN = "\N{EN DASH}"


def span(seconds: Any) -> str:
    """Write a duration as people say it: ``12 s``, ``3 min``, ``2 h 5 min``, ``4 days``."""
    if not _is_number(seconds):
        return UNKNOWN
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def milliseconds(seconds: Any) -> str:
    """Write a short time in milliseconds."""
    return traffic_text.milliseconds(seconds) if _is_number(seconds) else UNKNOWN


def size(count: Any) -> str:
    """Write a number of bytes as people say it."""
    return traffic_text.size(count) if _is_number(count) else UNKNOWN


def number(value: Any) -> str:
    """Write a number, thousands apart."""
    if not _is_number(value):
        return UNKNOWN
    is_whole = isinstance(value, int) or abs(value) >= 100
    return f"{value:,.0f}" if is_whole else f"{value:.3g}"


def moment(iso: Any) -> Markup:
    """Write a time, which the page's script shows in the reader's own zone."""
    try:
        when = dt.datetime.fromisoformat(iso)
    except (TypeError, ValueError):
        return fragment("moment.html", when=None, text=iso if isinstance(iso, str) else UNKNOWN)
    return fragment("moment.html", when=when, text=f"{when:%Y-%m-%d %H:%M:%S}")


def rehearsal_summary(said: Mapping[str, Any]) -> str:
    """Say in a line what a new version answered, as far as a kernel's word can be read."""
    try:
        return summary(said)
    except (AttributeError, TypeError, ValueError):
        return "its report cannot be read"


def rehearsal(said: Mapping[str, Any]) -> Markup:
    """Lay out what a new version answered otherwise; it may be anything."""
    given = said.get("rows")
    rows = [row for row in given if isinstance(row, dict)] if isinstance(given, list) else []
    shown = [{name: str(row.get(name, "")) for name in COLUMNS} for row in rows]
    reason = said.get("reason") or ""
    return fragment("rehearsal.html", rows=shown, columns=COLUMNS, reason=reason)


def _is_number(value: Any) -> bool:
    return number_of(value) is not None
