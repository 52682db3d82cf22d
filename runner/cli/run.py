"""Be the command ``runner run``."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from runner import log
from runner.cli import terminal
from runner.cli.copies import copies_of
from runner.cli.help import Sectioned
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


@click.command(cls=Sectioned, epilog=EPILOG)
@run_options
@ending_run_options
@OUT
def run(**given: Any) -> None:
    """Execute NOTEBOOK once, to its last cell, and keep the executed notebook in OUT.

    OUT is runs/<path of the notebook>/out.ipynb unless given; it can be opened at
    any moment and shows what every cell did, is doing, or has not done yet. It may
    name parameters in braces, as out_{alpha}.ipynb, or be - for the standard output.

    \b
    runner run s3://bucket/train.ipynb s3://bucket/out.ipynb

    NOTEBOOK and OUT may be s3://, gs:// or az://, NOTEBOOK also http(s)://. OUT is written to
    runs/storage/ first, and copied from there.
    """  # noqa: D301 - click wants the character, not the words for it
    require_posix("run")
    from runner.run import run as runs
    from runner.run.home import writable_home

    log.configure(given["log_level"], given["log_format"])
    with copies_of(given) as copies, writable_home():
        copies.fetch(given["notebook"])
        job = _job(given, copies.mirror)
        if job.keeps_history:
            copies.mirror_records(job.out.parent)
        _tell(runs.run(job))


def _tell(metrics: dict[str, Any]) -> None:
    """Say what the notebook has recorded; programs read it in the log."""
    from runner.record.metrics import metrics_text, number_text

    if not metrics:
        return
    if terminal.is_terminal() and not log.is_json():
        log.flush()
        click.echo()
        rows = [(name, number_text(value)) for name, value in metrics.items()]
        terminal.print_table(("metric", "value"), rows, right=("value",))
    else:
        said = metrics_text(metrics)
        logging.getLogger(__name__).info("metrics: %s", said, extra={"facts": {"metrics": metrics}})


def _job(given: dict[str, Any], begins: Callable[[Path], None]) -> Any:
    from runner.record import folders
    from runner.run.run import Job

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
        begins=begins,
    )
