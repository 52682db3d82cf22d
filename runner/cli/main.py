"""Parse the command line, and turn every error into one line, a hint and an exit code."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

from runner import __version__, log
from runner.cli import remote
from runner.cli.doctor import doctor
from runner.cli.options import (
    EPILOG,
    OUT,
    config_of,
    limit_options,
    option,
    port_option,
    run_options,
    seconds,
    switch,
    values_of,
)
from runner.cli.sweep import sweep
from runner.cli.systems import require_linux, require_posix
from runner.config import Limits, variable
from runner.errors import InterruptedRunError, RunnerError
from runner.record import history
from runner.run.shadowing import refuse_shadow


@click.group(
    commands=(*remote.COMMANDS, doctor, sweep),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@click.version_option(__version__, "-V", "--version", prog_name="runner")
def commands() -> None:
    """Turn a Jupyter notebook, unchanged, into a production HTTP service.

    \b
    runner run notebooks/train.ipynb           train a model
    runner serve notebooks/serve.ipynb         serve it on port 8000
    runner sweep notebooks/train.ipynb --grid C=0.1,1,10    find its best parameters
    """  # noqa: D301 - click wants the character, not the words for it


@commands.command(epilog=EPILOG)
@run_options
@OUT
def run(**given: Any) -> None:
    """Execute NOTEBOOK once, to its last cell, and keep the executed notebook in OUT.

    OUT is runs/<name of the notebook>/out.ipynb unless given; it can be opened at
    any moment and shows what every cell did, is doing, or has not done yet.
    """
    require_posix("run")
    from runner.run import run as runs

    runs.run(_job(given, shows_bar=sys.stderr.isatty()))


@commands.command(epilog=EPILOG)
@run_options
@OUT
@option("--host", default="127.0.0.1", help="Address to bind; 0.0.0.0 for all.")
@port_option("TCP port to bind; 0 for any that is free: the log says which.", lowest=0)
@option("--workers", type=click.IntRange(1, 64), default=1, help="Serving processes.")
@switch(
    "reload",
    default=False,
    help="Swap to the new version whenever the notebook or its model is saved.",
)
@switch("standby", default=True, help="Keep the next run's process warm.")
@seconds("--ready-timeout", default=120.0, help="Time that a run has until it serves.")
@switch("access-log", default=True, help="Log a line for each request.")
@limit_options
@click.option("--trial", is_flag=True, hidden=True)  # serve once, for `runner doctor --dry-run`
def serve(host: str, port: int, **given: Any) -> None:
    """Execute NOTEBOOK, and serve what it serves, until SIGTERM or SIGINT.

    That is what its cells call: `serve` of this package, or a server of their own, such as
    uvicorn's; or an ASGI or WSGI app that they leave behind as `app`; or annotated cells. It is
    restarted if it dies, swapped without a lost request by --reload, SIGHUP or `runner reload`,
    and served by WORKERS.

    HOST and PORT go into the notebook's parameters `host` and `port`, if it declares them. OUT is
    runs/<name of the notebook>/out.ipynb unless given; it can be opened at any
    moment and shows what the server printed.
    """
    require_linux("serve")
    from runner.supervise import supervisor

    refuse_shadow(Path.cwd())
    supervisor.supervise(_plan(given, host, port))


def main() -> None:
    """Be the command ``runner``: run it, report its errors, end the process."""
    try:
        code = commands.main(prog_name="runner", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = InterruptedRunError(2).exit_code
    except RunnerError as error:
        code = _report(error, error.hint)
    except Exception as error:  # noqa: BLE001 - the one boundary where nothing may escape
        hint = "--log-level debug shows where; please report it"
        code = _report(RunnerError(f"{type(error).__name__}: {error}"), hint, cause=error)
    sys.exit(code)


def _report(error: RunnerError, hint: str, cause: Exception | None = None) -> int:
    if logging.getLogger("runner").isEnabledFor(logging.DEBUG):
        logging.getLogger("runner").debug("the error in full", exc_info=cause or error)
    click.echo(f"runner: {' '.join(str(error).split())}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    return error.exit_code


def _plan(given: dict[str, Any], host: str, port: int) -> Any:
    from runner.supervise.lifecycle import Rules
    from runner.supervise.plan import Plan

    log.configure(given["log_level"], given["log_format"])
    handed_down = ("log_level", "log_format", *(field.name for field in dataclasses.fields(Limits)))
    ends_within = max(given["grace"], given["linger"] + given["drain_timeout"])
    return Plan(
        path=given["notebook"],
        out=given["out"] or history.default_out(given["notebook"]),
        values=values_of(given),
        config=config_of(given),
        log_output=given["log_output"],
        host=host,
        port=port,
        workers=given["workers"],
        rules=Rules(
            waits_for_edits=given["reload"],
            keeps_standby=given["standby"] and not given["trial"],
            retries=not given["trial"],
            ready_timeout=given["ready_timeout"],
            drain_timeout=ends_within + 5.0,
        ),
        environ={variable(name): str(given[name]) for name in handed_down}
        | {variable("access_log"): str(int(given["access_log"]))},
        is_trial=given["trial"],
    )


def _job(given: dict[str, Any], *, shows_bar: bool) -> Any:
    from runner.run.run import Job

    log.configure(given["log_level"], given["log_format"])
    # ipykernel's debugger warns about Python's frozen modules on every start.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    return Job(
        path=given["notebook"],
        out=given["out"] or history.default_out(given["notebook"]),
        keeps_history=given["out"] is None,
        values=values_of(given),
        config=config_of(given),
        log_output=given["log_output"],
        shows_bar=shows_bar,
    )
