"""Be the command ``runner rehearse``."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import click

from runner import log
from runner.cli.copies import copies_of
from runner.cli.help import Sectioned
from runner.cli.options import (
    EPILOG,
    PATH,
    config_of,
    output_format,
    rehearsal_of,
    rehearsal_options,
    run_options,
    seconds,
    values_of,
)
from runner.cli.systems import require_linux
from runner.errors import ConfigurationError, NotReadyError, RehearsalError, RunnerError


@click.command(cls=Sectioned, epilog=EPILOG)
@run_options
@click.option(
    "--requests",
    type=PATH,
    metavar="FOLDER|FILE",
    help="The recorded requests; those of NOTEBOOK's service unless given.",
)
@rehearsal_options(200, "Play N recorded requests, and the cases of rehearsal.jsonl.")
@seconds("--ready-timeout", default=120.0, help="Time that a run has until it serves.")
@output_format
def rehearse(**given: Any) -> None:
    """Execute NOTEBOOK, play recorded requests and cases to what it serves, and show the report.

    Its service, if that runs, goes on undisturbed. The requests are those that `runner serve
    --record-requests` has kept of NOTEBOOK; the cases are the lines of rehearsal.jsonl beside it.
    The exit code is 0 if NOTEBOOK may serve, however many answers have changed, unless
    --rehearse-changes says how many may; 8 if it may not; 3 if it fails by itself.
    """
    require_linux("rehearse")
    from runner.spawn.shadowed_name import refuse_shadow

    log.configure(given["log_level"], given["log_format"])
    with copies_of(given) as copies:
        copies.fetch(given["notebook"])
        refuse_shadow(Path.cwd(), given["notebook"], serves=True)
        said = _rehearsed(given)
    _show(said, as_json=given["format"] == "json")
    if said["reason"]:
        raise RehearsalError(f"{given['notebook']}: {said['reason']}")


def _rehearsed(given: dict[str, Any]) -> dict[str, Any]:
    """Serve a notebook once, for nobody, and give the report that its record has.

    Raises:
        RunnerError: It failed by itself.
    """
    from runner.rehearsal.report_text import is_whole
    from runner.run.private_folder import PrivateFolder
    from runner.supervise import service

    if given["requests"] is not None and not given["requests"].exists():
        raise ConfigurationError(f"{given['requests']}: there is no such file or folder")
    with contextlib.closing(PrivateFolder()) as folder:
        out = folder.path / "out.ipynb"
        try:
            service.supervise(_plan(given, out))
        except NotReadyError:
            raise  # what it has answered when it was ended tells nothing
        except RunnerError:
            said = _report_in(folder.path)
            if not is_whole(said):
                raise
        else:
            said = _report_in(folder.path)
    if not said:
        raise ConfigurationError(
            f"{given['notebook']}: it was asked nothing: no request is recorded and no case is"
            " written, or what it serves listens by itself",
            hint="`runner serve --record-requests` records some; or write rehearsal.jsonl",
        )
    return said


def _plan(given: dict[str, Any], out: Path) -> Any:
    from runner.record import folders, requests
    from runner.supervise.lifecycle import Rules
    from runner.supervise.plan import Plan

    rehearsal = rehearsal_of(given)
    return Plan(
        path=given["notebook"],
        out=out,
        values=values_of(given),
        secrets=frozenset(given["secret"]),
        config=config_of(given),
        log_output=given["log_output"],
        host="127.0.0.1",
        port=0,
        workers=1,
        rules=Rules(
            keeps_standby=False,
            retries=False,
            ready_timeout=given["ready_timeout"] + (rehearsal.seconds if rehearsal else 0.0),
            drain_timeout=given["grace"] + 5.0,
        ),
        environ={"RUNNER_ACCESS_LOG": "0"},
        rehearsal=rehearsal,
        recorded=given["requests"] or requests.folder_of(folders.folder_of(given["notebook"])),
        is_trial=True,
    )


def _report_in(folder: Path) -> dict[str, Any]:
    """Find the report in the record of the one run, whose failure out.ipynb may not show."""
    for record in sorted(folder.glob("*.ipynb")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            said = json.loads(record.read_bytes())["metadata"]["runner"]["rehearsal"]
            return dict(said)
    return {}


def _show(said: dict[str, Any], *, as_json: bool) -> None:
    from runner.rehearsal.report_text import summary, table

    if as_json:
        click.echo(json.dumps(said))
        return
    click.echo(summary(said))
    for line in table(said):
        click.echo(line)
