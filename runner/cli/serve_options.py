"""Read options of ``runner serve`` that stand behind ``--`` of another command."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import click

from runner.cli.help import Sectioned
from runner.cli.serve import serve


class BesideServeOptions(Sectioned):
    """Be a command that says where options of ``runner serve`` stand."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line.

        Raises:
            click.UsageError: An option of ``runner serve`` is not behind ``--``.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = error.option_name
            if not any(name in (*each.opts, *each.secondary_opts) for each in serve.params):
                raise
            raise click.UsageError(
                f"{name} is an option of `runner serve`; those stand behind `--`:"
                f" runner {self.name} NOTEBOOK … -- {name} …",
                ctx=ctx,
            ) from error


def read_serve_options(words: Sequence[str]) -> click.Context:
    """Read them by the rules of ``runner serve``; variables of this shell do not count."""
    command = copy.copy(serve)
    command.params = [copy.copy(each) for each in serve.params]
    for each in command.params:
        each.envvar = None
        if each.name == "runs":
            each.callback = None  # which has all commands find the records there
    return command.make_context("runner serve", ["notebook.ipynb", *words])
