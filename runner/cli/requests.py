"""Be the command ``runner requests``, and declare what is recorded for it."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import textwrap
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.options import EPILOG, PATH
from runner.cli.systems import require_posix
from runner.errors import ConfigurationError
from runner.telemetry.log_lines import folded, in_lines

if TYPE_CHECKING:
    from runner.record.requests import RecordedRequest

_SPAN = re.compile(r"(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_STATUS = re.compile(r"[1-9]\d\d|[1-9]xx", re.IGNORECASE)
_LISTED = 50
_OFF = "no request is recorded: `runner serve --record-requests 0.01` records all that fail"
_LONGEST = 100  # letters of a path and its query that are shown


def _since(_: click.Context, parameter: click.Parameter, text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        if span := _SPAN.fullmatch(text):
            return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
        return dt.datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        said = f"{text} is neither a time, such as 2026-11-29T12:00, nor a span, such as 10m or 2d"
        raise click.BadParameter(said, param=parameter) from None


def _statuses(
    _: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> frozenset[int]:
    for text in texts:
        if not _STATUS.fullmatch(text):
            said = f"{text} is no status, such as 422 or 5xx"
            raise click.BadParameter(said, param=parameter)
    found = [
        range(int(text[0]) * 100, int(text[0]) * 100 + 100) if text[1:].isalpha() else [int(text)]
        for text in texts
    ]
    return frozenset(status for each in found for status in each)


@click.command(epilog=EPILOG)
@click.argument("notebook", type=PATH, required=False)
@click.option(
    "--status", multiple=True, callback=_statuses, help="Answered so: 422, 5xx; repeatable."
)
@click.option(
    "--failures",
    is_flag=True,
    help="Only those at which the service has failed: 5xx, and answers that broke off.",
)
@click.option("--since", callback=_since, metavar="TIME", help="Not before: 10m, 2d, 2026-11-29.")
@click.option("--key", metavar="NAME", help="Asked by the key of this name; '' for none.")
@click.option("--path", metavar="PATTERN", default="", help="At such a path: '/predict*'.")
@click.option("--limit", type=click.IntRange(min=1), help=f"So many at most; {_LISTED} of a list.")
@click.option("--show", metavar="ID", help="Show one: what it raised and where, body and answer.")
@click.option("--json", "as_json", is_flag=True, help="Show each as it is recorded.")
@click.option(
    "--export",
    type=click.Choice(["parquet", "jsonl"]),
    help="Write all as a table, one row each, in which JSON bodies are columns.",
)
@click.option("-o", "--output", type=PATH, metavar="FILE", help="Write to FILE instead of stdout.")
def requests(notebook: Path | None, **given: Any) -> None:
    """List what a service was asked and has answered, the newest first.

    Recorded is what `runner serve --record-requests` says. The service is known by its notebook, as
    for `runner status`; one that does not run any more is found in the folder it was started in.
    """
    require_posix("requests")
    from runner.record.repeated_request import find
    from runner.record.requests import Wanted, read

    wanted = Wanted(
        statuses=given["status"],
        since=given["since"],
        key=given["key"],
        path=given["path"],
        failures=given["failures"],
    )
    folder, limit = _folder(notebook), given["limit"]
    if given["show"]:
        click.echo(_told(find(folder.parent, given["show"])))
        return
    if given["export"]:
        _export(lambda: islice(read(folder, wanted), limit), given["export"], given["output"])
        return
    if given["output"]:
        raise ConfigurationError("a list is written to stdout", hint="--export names a format")
    found = islice(read(folder, wanted), limit or _LISTED)
    if not _list(found, as_json=given["as_json"]):
        none = "no such request is recorded" if folder.is_dir() else _OFF
        click.echo(none, err=True)


def _folder(notebook: Path | None) -> Path:
    """Find the request log of a service, which may have ended.

    Raises:
        ConfigurationError: There is none, or there are several.
    """
    from runner.record import folders
    from runner.record import requests as log
    from runner.supervise import running

    try:
        return log.folder_of(running.find(notebook).folder)
    except ConfigurationError:
        if notebook is None:
            ended = [found for found in folders.runs().glob(f"*/{log.NAME}") if found.is_dir()]
        else:
            ended = [log.folder_of(folders.folder_of(notebook))]
        if len(ended) == 1 and ended[0].is_dir():
            return ended[0]
        raise


def _export(read: Any, form: str, output: Path | None) -> None:
    from runner.record import request_export

    if output is not None:
        count = request_export.write_to(output, read, form)
        click.echo(f"{output}: {count} requests", err=True)
        return
    if form == "parquet" and sys.stdout.isatty():
        raise ConfigurationError("a terminal cannot show Parquet", hint="-o FILE writes to a file")
    request_export.export(read, form, sys.stdout.buffer)


def _list(found: Iterable[RecordedRequest], *, as_json: bool) -> int:
    count = 0
    for count, request in enumerate(found, start=1):  # noqa: B007 - how many there were
        click.echo(json.dumps(request.fields) if as_json else _shown(request))
    return count


def _told(request: RecordedRequest) -> str:
    """Lay out all that is kept of a request."""
    from runner.record.requests import NO_BODY

    lines, failure = [_shown(request)], request.failure
    raised = f"{failure.said}\n{failure.traceback}".encode() if failure else None
    body = NO_BODY.encode() if request.lacks_body else request.body
    parts = (("raised", raised), ("request", body), ("answer", request.answer))
    for name, data in parts:
        text = in_lines((data or b"").decode(errors="backslashreplace").rstrip())
        lines += [f"{name}:", textwrap.indent(text, "  ")] if text else []
    return "\n".join(lines)


def _shown(request: RecordedRequest) -> str:
    """Lay a request out in a line."""
    asked = f"{request.method} {request.target}".encode("unicode_escape").decode()
    asked = asked if len(asked) <= _LONGEST else f"{asked[: _LONGEST - 1]}…"
    asked += f" {folded(request.failure.said)}" if request.failure else ""
    time = request.time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    key = f" key={request.key}" if request.key else ""
    # By which `runner debug` knows it.
    number = f" id={request.id}" if request.is_failure and request.id.isalnum() else ""
    return f"{time} {request.status} {request.ms:>9.2f} ms {asked}{key} run={request.run}{number}"
