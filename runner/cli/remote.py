"""Be the commands that ask what runs already: its supervisor, or the service itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from runner.cli.options import EPILOG, PATH, option, output_format, port_option
from runner.cli.systems import require_posix
from runner.errors import RunnerError
from runner.record import history

_SUPERVISED = click.argument("notebook", type=PATH, required=False)


@click.command(epilog=EPILOG)
@_SUPERVISED
def reload(notebook: Path | None) -> None:
    """Have the supervisor of NOTEBOOK run it anew, and wait until the new run serves.

    NOTEBOOK can be left out while only one is served from this folder; so for the
    commands below.
    """
    _ask(notebook, "reload")


@click.command(epilog=EPILOG)
@_SUPERVISED
def rollback(notebook: Path | None) -> None:
    """Have it go back to the version that served before, and wait until that serves."""
    _ask(notebook, "rollback")


@click.command(epilog=EPILOG)
@_SUPERVISED
def stop(notebook: Path | None) -> None:
    """Have it drain and end, and wait until it has."""
    _ask(notebook, "stop")


@click.command(epilog=EPILOG)
@_SUPERVISED
@output_format
def status(notebook: Path | None, **given: Any) -> None:
    """Show what serves, since when, what failed last and why, and what there is to go back to."""
    from runner.supervise import status as statuses

    outcome = _ask(notebook, "status")
    del outcome["ok"]
    click.echo(
        json.dumps(outcome, indent=2) if given["format"] == "json" else statuses.shown(outcome)
    )


def _ask(notebook: Path | None, question: str) -> dict[str, Any]:
    require_posix(question)
    from runner.supervise import control

    runs = history.default_out(Path("any.ipynb")).parent.parent
    folder = history.default_out(notebook).parent if notebook else control.find(runs)
    outcome = control.ask(folder, question)
    if not outcome["ok"]:
        raise RunnerError(f"{question} failed: {outcome['reason']}")
    return outcome


@click.command()
@option("--host", default="127.0.0.1", help="Address that the service binds.")
@port_option("Its TCP port.")
@option("--timeout", type=float, default=2.0, help="Seconds to wait for an answer.")
@option("--health-path", default="/healthz", help="Path to ask; / if empty.")
def probe(host: str, port: int, timeout: float, health_path: str) -> None:
    """Ask the service whether it answers: a health check for containers.

    Exits with 0 if anything but a server error comes back, else with 1: a notebook that
    serves by itself may know no health path, but it answers.
    """
    from runner import net

    status = net.http_status(host, port, timeout, health_path or "/")
    if status is None or status >= 500:
        raise RunnerError(f"{host}:{port}: {f'answered {status}' if status else 'no answer'}")


COMMANDS = (reload, rollback, stop, status, probe)
