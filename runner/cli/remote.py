"""Be the commands that ask what runs already: its supervisor, or the service itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.copies import copies_of
from runner.cli.debug import debug
from runner.cli.options import EPILOG, NOTEBOOK, given_urls, option, output_format, port_option
from runner.cli.status import status
from runner.cli.systems import require_posix
from runner.errors import ConfigurationError, RunnerError

if TYPE_CHECKING:
    from runner.supervise.running import RunningService

_VERSION = re.compile(r"[0-9a-fA-F]{4,64}")
_SUPERVISED = click.argument("notebook", type=NOTEBOOK, required=False)


@click.command(epilog=EPILOG)
@_SUPERVISED
def reload(notebook: Path | None) -> None:
    """Have the supervisor of NOTEBOOK run it anew, and wait until the new run serves.

    A service is known by its notebook's path, from any folder. NOTEBOOK can be left out while
    only one was started in this folder; so for the commands below. One that is named by URL is
    fetched first.
    """
    require_posix("reload")
    from runner.supervise import running

    if notebook in given_urls():
        with copies_of({"log_level": "warning"}) as copies:
            copies.fetch(notebook, running.find(notebook).notebook)
    _ask(notebook, "reload")


@click.command(epilog=EPILOG)
@_SUPERVISED
@click.option(
    "--to", "version", metavar="VERSION", default="", help="Any of `runner versions`, by its hash."
)
def rollback(notebook: Path | None, version: str) -> None:
    """Have the service go back to the version that served before, and wait until that serves.

    What is kept of a version that was gone back from can be gone forward to by --to.
    """
    if notebook and not version and not notebook.exists() and _VERSION.fullmatch(str(notebook)):
        raise ConfigurationError(
            f"{notebook}: there is no such notebook",
            hint=f"`runner rollback --to {notebook}` goes back to a version",
        )
    _ask(notebook, "rollback", version=version)


@click.command(epilog=EPILOG)
@_SUPERVISED
@output_format
def versions(notebook: Path | None, **given: Any) -> None:
    """List what can be gone back to, the newest first, and what has failed since.

    Each has since when and why it served, and the commit that has this very content and whose that
    is, if git knows one.
    """
    require_posix("versions")
    from runner.cli.outcomes import VERSION_COLUMNS, version_rows
    from runner.cli.terminal import print_table
    from runner.supervise import running

    known = _versions_of(running.find(notebook))
    if given["format"] == "json":
        for each in known:
            click.echo(json.dumps(each))
    else:
        print_table(VERSION_COLUMNS, version_rows(known))


@click.command(epilog=EPILOG)
@_SUPERVISED
def stop(notebook: Path | None) -> None:
    """Have the service drain and end, and wait until it has."""
    _ask(notebook, "stop")


def _versions_of(service: RunningService) -> list[dict[str, Any]]:
    """Ask for the versions of a service.

    Raises:
        RunnerError: It knows none: it was started by an earlier release, and runs on.
    """
    from runner.supervise import control

    answer = control.ask(service.folder, "versions")
    if not answer["ok"]:
        said = f"{service.notebook}: it was started by an earlier release, which lists no versions"
        raise RunnerError(said, hint="stop and start it; a plain `runner rollback` works")
    known: list[dict[str, Any]] = answer["versions"]
    return known


def _ask(notebook: Path | None, question: str, *, version: str = "") -> None:
    require_posix(question)
    from runner.cli.outcomes import short_path
    from runner.supervise import control, outcome_text, running

    service = running.find(notebook)
    if version:
        _versions_of(service)  # one of before would go back to another
    outcome = control.ask(service.folder, question, version=version)
    if not outcome["ok"]:
        said = f"{service.notebook}: {question} failed: {outcome['reason']}"
        raise RunnerError(said, hint=outcome_text.what_serves(outcome))
    click.echo(f"{short_path(service.notebook)}: {outcome_text.said(question, outcome)}")


@click.command()
@option("--host", default="127.0.0.1", help="Address that the service binds.")
@port_option("Its TCP port.")
@option("--timeout", type=float, default=2.0, help="Seconds to wait for an answer.")
@option("--health-path", default="/healthz", help="Path to ask; / if empty.")
@option(
    "--tls-cert",
    default="",
    show_default=False,
    metavar="FILE",
    help="Given at all, ask by TLS first; else where HTTP is not answered.",
)
def probe(host: str, port: int, timeout: float, health_path: str, tls_cert: str) -> None:
    """Ask the service whether it answers: a health check for containers.

    Exits with 0 if anything but a server error comes back, else with 1: a notebook that
    serves by itself may know no health path, but it answers.
    """
    from runner import net

    for is_tls in (True, False) if tls_cert else (False, True):
        status = net.http_status(host, port, timeout, health_path or "/", is_tls=is_tls)
        if status is not None:
            break
    if status is None or status >= 500:
        raise RunnerError(f"{host}:{port}: {f'answered {status}' if status else 'no answer'}")


COMMANDS = (reload, rollback, versions, stop, status, debug, probe)
