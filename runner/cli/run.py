"""Be the command ``runner run``."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from runner import log
from runner.cli.options import (
    EPILOG,
    OUT,
    config_of,
    ending_run_options,
    kernel_of,
    run_options,
    time_limits_of,
    values_of,
)
from runner.cli.systems import require_posix


@click.command(epilog=EPILOG)
@run_options
@ending_run_options
@OUT
def run(**given: Any) -> None:
    """Execute NOTEBOOK once, to its last cell, and keep the executed notebook in OUT.

    OUT is runs/<path of the notebook>/out.ipynb unless given; it can be opened at
    any moment and shows what every cell did, is doing, or has not done yet. It may
    name parameters in braces, as out_{alpha}.ipynb, or be - for the standard output.
    """
    require_posix("run")
    from runner.run import run as runs
    from runner.run.home import writable_home

    with writable_home():
        runs.run(_job(given))


def _job(given: dict[str, Any]) -> Any:
    from runner.record import folders
    from runner.run.run import Job

    log.configure(given["log_level"], given["log_format"])
    # ipykernel's debugger warns about Python's frozen modules on every start.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    return Job(
        path=given["notebook"],
        out=given["out"] or folders.default_out(given["notebook"]),
        keeps_history=given["out"] is None,
        values=values_of(given),
        secrets=frozenset(given["secret"]),
        config=config_of(given),
        time_limits=time_limits_of(given),
        kernel=kernel_of(given),
        log_output=given["log_output"],
        shows_bar=sys.stderr.isatty(),
    )
