"""Be the command ``runner measure``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.options import EPILOG, PATH, output_format
from runner.cli.serve import ready_seconds
from runner.cli.serve_options import BesideServeOptions, read_serve_options
from runner.cli.systems import require_linux


@click.command(cls=BesideServeOptions, epilog=EPILOG)
@click.argument("notebook", type=PATH)
@click.argument("serve_options", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--requests",
    type=PATH,
    metavar="FILE",
    help="What to ask, in the form of rehearsal.jsonl; else that file beside NOTEBOOK, else the"
    " example that NOTEBOOK gives, else GET /.",
)
@click.option(
    "--header",
    "headers",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Send it with each request, as an API key; repeatable.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="Clients that ask at a time, without a pause.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 600, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="For how long they ask.",
)
@click.option("--out", type=PATH, metavar="FILE", help="Write it there as JSON, for `manifest`.")
@output_format
def measure(notebook: Path, **given: Any) -> None:
    """Measure what serving NOTEBOOK needs: memory, CPU, time until ready, rate.

    \b
    runner measure notebooks/serve.ipynb --out measured.json -- --workers 2
    runner manifest notebooks/serve.ipynb --measured measured.json -- --workers 2

    NOTEBOOK is served on a free port of this machine alone, by the options of `runner serve` that
    stand behind `--`, and asked by CONCURRENCY clients for SECONDS. The clients run here as well
    and take of the same cores, so the rate is at least what is told; memory and CPU are the
    service's own.
    """  # noqa: D301 - click wants the character, not the words for it
    require_linux("measure")
    from runner.files import write_atomically
    from runner.measure.measuring import Task, measure

    with read_serve_options(given["serve_options"]) as context:
        told = context.params
    measured = measure(
        Task(
            notebook=notebook,
            options=given["serve_options"],
            requests=given["requests"],
            headers=dict(given["headers"]),
            concurrency=given["concurrency"],
            seconds=given["seconds"],
            ready_seconds=ready_seconds(told),
            ready_path=told["ready_path"],
        )
    )
    if measured.was_busy:
        said = "this machine was busy before: rate, CPU and times are worse than by itself"
        click.echo(f"runner: {said}", err=True)
    if given["out"]:
        write_atomically(given["out"], measured.to_json())
    click.echo(measured.to_json() if given["format"] == "json" else measured.to_text())
