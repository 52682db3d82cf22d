"""Be the command ``runner image``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.options import EPILOG, PATH
from runner.errors import ConfigurationError


@click.command(epilog=EPILOG)
@click.argument("notebooks", type=PATH, nargs=-1, metavar="NOTEBOOK...")
@click.option("--write", is_flag=True, help="Write dockerfile and .dockerignore, print nothing.")
@click.option("--force", is_flag=True, help="Let --write replace files that are not ours, too.")
@click.option(
    "--base", metavar="IMAGE", default="", help="Build on this one; else Python's slim image."
)
@click.option("--run", "runs", is_flag=True, help="Let it execute NOTEBOOK once, not serve it.")
@click.option(
    "--show",
    type=click.Choice(["dockerfile", "dockerignore", "requirements", "sbom"]),
    default="dockerfile",
    show_default=True,
    help="What to print. sbom: the packages of this Python, in CycloneDX's JSON; no NOTEBOOK.",
)
def image(notebooks: tuple[Path, ...], **given: Any) -> None:
    """Print a dockerfile for NOTEBOOK, which is built in the working folder.

    \b
    runner image notebooks/serve.ipynb                  look at it
    runner image notebooks/serve.ipynb --write          write it, and the .dockerignore
    docker build --tag serve .
    docker run --publish 127.0.0.1:8000:8000 serve

    It serves the first NOTEBOOK; the others are in the image as well, for another command. All
    packages are pinned: as a lock beside the notebook says; else what its block of PEP 723
    asks for, as installed here; else by requirements.txt; else what it imports, as installed
    here. Wheels in wheels/ are taken from there.

    The model that it loads, other files that it names and modules of your own are copied if
    they are in the working folder. What a secret may be in is not, and is told. A file that
    was changed since it was written by this command is left alone.
    """  # noqa: D301 - click wants the character, not the words for it
    from runner.project import image as images
    from runner.project.sbom import sbom

    what = images.Shown(given["show"])
    if what is images.Shown.SBOM:
        click.echo(sbom())
        return
    if not notebooks:
        raise ConfigurationError("of which notebook?", hint="runner image NOTEBOOK")
    found = images.image_of(notebooks, base=given["base"], serves=not given["runs"])
    for remark in found.remarks:
        click.echo(f"note: {remark}", err=True)
    if not given["write"]:
        click.echo(found.text(what), nl=False)
        return
    for name in images.write(found, replaces=given["force"]):
        click.echo(f"{name} is written", err=True)
