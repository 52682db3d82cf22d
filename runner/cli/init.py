"""Be the command ``runner init``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from runner.cli.options import EPILOG, PATH


@click.command(epilog=EPILOG)
@click.argument("folder", type=PATH, required=False, default=Path())
def init(folder: Path) -> None:
    """Lay out a project in FOLDER: notebooks that train and serve, and a container of them.

    \b
    runner init irises
    cd irises
    runner run train.ipynb
    runner serve serve.ipynb --reload
    docker compose up --build              or the same in containers

    It writes train.ipynb and serve.ipynb, which run as they stand, requirements.txt with all
    versions as they are installed here, dockerfile, .dockerignore, docker-compose.yml,
    .gitignore and a README.md. FOLDER is the working folder unless given. A file that is there
    is never overwritten: the others are written around it.
    """  # noqa: D301 - click wants the character, not the words for it
    from runner.project.layout import lay_out

    found = lay_out(folder)
    for remark in found.remarks:
        click.echo(f"note: {remark}", err=True)
    for name in found.kept:
        click.echo(f"kept: {folder / name}, which was there")
    for name in found.written:
        click.echo(f"written: {folder / name}")
    steps = ["runner run train.ipynb", "runner serve serve.ipynb --reload"]
    if folder.resolve() != Path.cwd():
        steps.insert(0, f"cd {shlex.quote(str(folder))}")
    click.echo("next:")
    for step in steps:
        click.echo(f"  {step}")
