"""Read options of ``runner serve`` that stand behind ``--`` of another command."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import click

from runner.cli.serve import serve


def read_serve_options(words: Sequence[str]) -> click.Context:
    """Read them by the rules of ``runner serve``; variables of this shell do not count."""
    command = copy.copy(serve)
    command.params = [copy.copy(each) for each in serve.params]
    for each in command.params:
        each.envvar = None
    return command.make_context("runner serve", ["notebook.ipynb", *words])
