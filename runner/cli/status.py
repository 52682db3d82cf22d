"""Be the command ``runner status``."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.options import EPILOG, NOTEBOOK, output_format
from runner.cli.systems import require_posix
from runner.errors import ConfigurationError, RunnerError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from runner.cli.terminal import Cell

_EVERY = 2.0  # seconds
_COLUMNS = (
    "service",
    "state",
    "version",
    "up",
    "rate",
    "failed",
    "p50",
    "p99",
    "memory",
    "address",
)
_GAP = 3  # between columns
_LEAST_FIRST = ("memory", "p50", "up", "version", "p99", "failed", "address")
_LONGEST_PATH = 32
_RIGHT = ("up", "rate", "failed", "p50", "p99", "memory")


@click.command(epilog=EPILOG)
@click.argument("notebook", type=NOTEBOOK, required=False)
@click.option("--watch", is_flag=True, help="Go on showing it, until Ctrl-C.")
@output_format
def status(notebook: Path | None, **given: Any) -> None:
    """Show all services that run on this machine in a table, or all that is known of one.

    With NOTEBOOK: what serves, since when, what it is asked and how fast it answers, what failed
    last and why, and what there is to go back to. In JSON each service is one line.
    """
    require_posix("status")
    from runner.supervise import running

    if given["watch"]:
        _watch(notebook, as_json=given["format"] == "json")
        return
    if given["format"] == "json":
        faults = _echo_json(notebook)
    else:
        shown, faults = _view(notebook)
        _print(shown)
    for told in () if notebook else running.removed():
        click.echo(told, err=True)
    _raise_all(faults)


def _watch(notebook: Path | None, *, as_json: bool) -> None:
    """Show it again and again; a service that ends may come again."""
    from runner.cli import terminal

    with contextlib.suppress(KeyboardInterrupt):
        if as_json or not terminal.is_terminal():
            while True:
                _echo_again(notebook, as_json=as_json)
                time.sleep(_EVERY)
        from rich.live import Live

        with Live(console=terminal.console(), auto_refresh=False) as live:
            while True:
                live.update(_view_or_why_none(notebook), refresh=True)
                time.sleep(_EVERY)


def _echo_again(notebook: Path | None, *, as_json: bool) -> None:
    try:
        if as_json:
            _echo_json(notebook)
        else:
            click.echo(f"{_view(notebook)[0]}\n")
    except RunnerError as error:
        click.echo(f"{error}", err=True)


def _view_or_why_none(notebook: Path | None) -> Any:
    from runner.cli import terminal

    try:
        return _view(notebook)[0]
    except RunnerError as error:
        return terminal.text((str(error), "yellow"))


def _print(shown: Any) -> None:
    from runner.cli import terminal

    if isinstance(shown, str):
        click.echo(shown)
    else:
        terminal.console().print(shown)


def _raise_all(faults: list[RunnerError]) -> None:
    """Report who does not answer, once the others were shown."""
    if faults:
        raise RunnerError("; ".join(map(str, faults)))


def _view(notebook: Path | None) -> tuple[RenderableType | str, list[RunnerError]]:
    """Lay it out, drawn for a terminal, else as text; and say who does not answer."""
    from runner.cli import terminal

    draws = terminal.is_terminal()
    if notebook is not None:
        return (_drawn_one if draws else _text_of_one)(notebook), []
    statuses, faults = _statuses(None)
    rows = [_row(each) for each in statuses]
    troubles = [trouble for each in statuses if (trouble := _trouble(each))]
    if not draws:
        return "\n".join([terminal.plain_table(_COLUMNS, rows, right=_RIGHT), *troubles]), faults
    from rich.console import Group

    columns, rows = _fitted(rows, terminal.console().width)
    table = terminal.table(columns, rows, right=_RIGHT)
    return Group(table, *(terminal.text((trouble, "red")) for trouble in troubles)), faults


def _fitted(rows: list[list[Cell]], width: int) -> tuple[list[str], list[list[Cell]]]:
    """Leave out what says least where a terminal is narrow, and of long paths the beginning."""
    rows = [[_shortened(_said(path)), *others] for path, *others in rows]
    places = list(range(len(_COLUMNS)))
    lines = [list(_COLUMNS), *([_said(cell) for cell in row] for row in rows)]
    for name in _LEAST_FIRST:
        if sum(max(len(line[at]) for line in lines) + _GAP for at in places) <= width + _GAP:
            break
        places.remove(_COLUMNS.index(name))
    return [_COLUMNS[at] for at in places], [[row[at] for at in places] for row in rows]


def _said(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def _statuses(notebook: Path | None) -> tuple[list[dict[str, Any]], list[RunnerError]]:
    """Ask all services, or the one that is meant.

    Raises:
        ConfigurationError: None runs.
    """
    from runner.supervise import running

    found = running.services() if notebook is None else [running.find(notebook)]
    if not found:
        hint = "; ".join(running.removed()) or "`runner serve NOTEBOOK` starts one"
        raise ConfigurationError("no service is running on this machine", hint=hint)
    statuses, faults = list[dict[str, Any]](), list[RunnerError]()
    for service in found:
        try:
            told = service.status()
        except ConfigurationError:  # it has ended meanwhile
            continue
        except RunnerError as error:
            faults.append(error)
            continue
        del told["ok"]
        statuses.append(told)
    return statuses, faults


def _echo_json(notebook: Path | None) -> list[RunnerError]:
    statuses, faults = _statuses(notebook)
    for each in statuses:
        click.echo(json.dumps(each))
    return faults


def _row(told: dict[str, Any]) -> list[Cell]:
    """Give a service's row of the table."""
    from runner.cli.outcomes import short_path
    from runner.supervise import status as statuses
    from runner.supervise.service_state import state_of
    from runner.traffic import traffic_text

    state, traffic = state_of(told).state, told.get("traffic")
    row: list[Cell] = [
        short_path(Path(told["notebook"])),
        (state, statuses.STATE_STYLES[state]),
        ((told["serving"] or {}).get("sha256") or "")[:8],
        traffic_text.span(told["uptime"]),
    ]
    if traffic:
        failed = f"{traffic['errors']:,}"
        row += [
            traffic_text.rate(traffic["per_second"]),
            (failed, "red" if traffic["errors"] else ""),
        ]
        row += [traffic_text.milliseconds(traffic[name]) for name in ("p50", "p99")]
    else:
        row += [""] * 4
    return [
        *row,
        traffic_text.size((traffic or {}).get("memory")),
        told.get("url") or told["address"],
    ]


def _shortened(path: str) -> str:
    """Give the end of a long path, which is what differs."""
    return path if len(path) <= _LONGEST_PATH else f"…{path[1 - _LONGEST_PATH :]}"


def _trouble(told: dict[str, Any]) -> str:
    """Say what keeps a service from serving its newest version; empty if nothing does."""
    from runner.cli.outcomes import short_path
    from runner.supervise.service_state import state_of
    from runner.supervise.status import WELL

    found = state_of(told)
    if found.failure is None or found.state in WELL:
        return ""
    return f"{short_path(Path(told['notebook']))}: {' '.join(found.failure.reason.split())}"


def _all_of(notebook: Path) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """Ask one service all that is shown of it; one of before knows less."""
    from runner.supervise import control, running

    service = running.find(notebook)
    answers = [control.ask(service.folder, question) for question in ("history", "versions")]
    points, versions = answers[0].get("points", []), answers[1].get("versions", [])
    return service.status(), points, versions


def _text_of_one(notebook: Path) -> str:
    from runner.supervise import status as statuses

    return statuses.shown(*_all_of(notebook))


def _drawn_one(notebook: Path) -> RenderableType:
    from rich.table import Table

    from runner.cli import terminal
    from runner.supervise import status as statuses

    drawn = Table.grid(padding=(0, 2))
    for name, value in statuses.rows(*_all_of(notebook)):
        drawn.add_row(terminal.text((name, "dim")), terminal.text(value))
    return drawn
