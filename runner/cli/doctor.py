"""The command `runner doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.copies import copies_of
from runner.cli.options import EPILOG, NOTEBOOK, given_urls, output_format, seconds
from runner.errors import ConfigurationError


@click.command(epilog=EPILOG)
@click.argument("files", type=NOTEBOOK, nargs=-1, metavar="[NOTEBOOK]...")
@click.option("--fix", is_flag=True, help="Mend what can be mended by machine, nothing else.")
@click.option("--dry-run", is_flag=True, help="Also serve each notebook once, on a free port.")
@seconds("--deadline", default=120.0, help="Time that such a run has until it serves.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave out a rule; repeatable.")
@click.option("--strict", is_flag=True, help="Let warnings count as errors do.")
@click.option("--rules", is_flag=True, help="List all rules, why they are, and the mend.")
@output_format
def doctor(files: tuple[Path, ...], **given: Any) -> None:
    """Say what would break when NOTEBOOK becomes a service, and the mend.

    Without NOTEBOOK: all below notebooks/, the dockerfile and requirements.txt. These two
    can also be given by name, and all of them by URL. Nothing is executed unless --dry-run asks
    for it: that starts `runner serve`, with all that the cells do, until it is ready, and stops
    it. A comment `# doctor: ignore[RULE]` silences a rule in its cell, `ignore-notebook[RULE]`
    everywhere.
    """
    from runner.doctor import check

    as_json = given["format"] == "json"
    if given["rules"]:
        click.echo(check.rules(as_json=as_json))
        return
    options = check.Options(
        files=files,
        ignored=frozenset(given["ignore"]),
        is_strict=given["strict"],
        fixes=given["fix"],
        runs=given["dry_run"],
        deadline=given["deadline"],
        as_json=as_json,
    )
    if given["fix"] and given_urls():
        raise ConfigurationError(
            "what is named by URL is only read, and not mended", hint="leave out --fix"
        )
    with copies_of(given) as copies:
        for file in files:
            copies.fetch(file)
        check.check(options, click.echo, lambda text: click.echo(text, err=True))
