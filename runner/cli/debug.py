"""Be the command ``runner debug``."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.options import EPILOG, PATH
from runner.cli.systems import require_posix
from runner.errors import ConfigurationError


@click.command(epilog=EPILOG)
@click.argument("request_id", metavar="ID")
@click.argument("notebook", type=PATH, required=False)
def debug(request_id: str, notebook: Path | None) -> None:
    """Write a notebook that repeats a recorded request, such as one that failed.

    ID is the one that an answer of status 500 or the log names, that of the record or of its trace;
    `runner requests --failures` lists them. Recorded is what `runner serve --record-requests` says.
    The notebook has the cells of the version that answered, up to the server, the request, and the
    call: run all of it in Jupyter, and the last cell raises what the service has raised. What you
    change in it is left alone.
    """
    require_posix("debug")
    from runner.cli.outcomes import short_path
    from runner.record.debug_notebook import is_changed, write_debug_notebook

    path = write_debug_notebook(_folder(request_id, notebook), request_id)
    said = ": it is there, and somebody has changed it, so it stays as it is"
    click.echo(f"{short_path(path.absolute())}{said if is_changed(path) else ''}")


def _folder(request_id: str, notebook: Path | None) -> Path:
    """Find the service that has recorded a request: of those of this folder, if none is named."""
    from runner.record import folders
    from runner.record.repeated_request import find
    from runner.supervise import running

    if notebook is not None:
        try:
            return running.find(notebook).folder
        except ConfigurationError:
            return folders.folder_of(notebook)
    here = [service.folder for service in running.services() if service.is_of_here]
    ended = (path.parent.absolute() for path in sorted(folders.runs().glob("*/requests")))
    for folder in dict.fromkeys([*here, *ended]):
        try:
            find(folder, request_id)
        except ConfigurationError:
            continue
        return folder
    raise ConfigurationError(
        f"no service of this folder has recorded a request {request_id[:64]!r}",
        hint="`runner requests --failures` lists those that failed, with their ids, if the "
        "service has `--record-requests`",
    )
