"""Be the command ``runner cockpit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.options import EPILOG, PATH, option
from runner.cli.systems import require_posix
from runner.errors import ConfigurationError
from runner.storage import urls


@click.command(epilog=EPILOG)
@click.argument("folder", default=".", required=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8002,
    show_default=True,
    help="TCP port to bind.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to bind. Browsers are let in by names of this machine only, whatever it is.",
)
@option(
    "--cockpit-token-file",
    "token_file",
    type=PATH,
    metavar="FILE",
    show_default=False,
    help="Take the token from FILE, which only you can read. Else from RUNNER_COCKPIT_TOKEN; else"
    " one is made, and shown.",
)
def cockpit(folder: str, **given: Any) -> None:
    """Show the services, runs and sweeps below FOLDER in the browser.

    FOLDER is the one that they were started in, or the one of a storage to which their records
    go, such as s3://BUCKET/runs. It prints a link with a token, which is needed once; nobody else
    can look.
    """
    require_posix("cockpit")
    is_url = urls.is_url(folder)
    if is_url:
        folder = urls.check_folder(folder)
    elif not Path(folder).is_dir():
        raise ConfigurationError(f"{folder}: there is no such folder")
    try:
        from runner.cockpit.listen import serve
        from runner.cockpit.storage_folder import storage_folder
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the cockpit needs {error.name}, which is not installed here",
            hint="pip install 'notebook-runner[cockpit]'",
        ) from error
    from runner.cockpit.sign_in import set_token

    token = set_token(given["token_file"])
    given = {"host": given["host"], "port": given["port"], "token": token, "say": click.echo}
    if is_url:
        with storage_folder(folder) as storage:
            serve(storage, **given)
    else:
        serve(Path(folder), **given)
