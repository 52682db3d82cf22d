"""Options that several commands have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import runner
from runner.cli import main
from runner.cli.options import rehearsal_of, rehearsal_options
from runner.rehearsal.handover import Rules


@click.command()
@rehearsal_options(None, "Rehearse.")
def command(**given: Any) -> None:
    """Say how to rehearse."""
    click.echo(repr(rehearsal_of(given)))


def said(*words: str) -> str:
    return CliRunner().invoke(command, words).output.strip()


def test_nothing_is_rehearsed_unless_it_is_asked_for() -> None:
    """And 0 asks for the author's cases alone."""
    assert said() == "None"
    assert said("--rehearse", "0") == repr(Rules(most=0))


@pytest.mark.parametrize("share", ["5", "5%", "5.0%"])
def test_a_share_may_have_its_sign(share: str) -> None:
    """It is one of a hundred either way."""
    assert said("--rehearse", "9", "--rehearse-changes", share) == repr(
        Rules(most=9, most_changed=5.0)
    )


@pytest.mark.parametrize(
    "words",
    [("--rehearse", "10001"), ("--rehearse-changes", "101%"), ("--rehearse-changes", "few")],
)
def test_what_is_out_of_bounds_is_refused(words: tuple[str, str]) -> None:
    """With the option's name."""
    assert f"Invalid value for '{words[0]}'" in said(*words)


# Of each job of GitHub Actions: docs.github.com, "Variables reference".
OF_GITHUB = "ARCH DEBUG ENVIRONMENT NAME OS PERFLOG TEMP TOOL_CACHE TRACKING_ID USER WORKSPACE"


def test_no_variable_of_ours_is_one_of_github_actions() -> None:
    """They begin alike: a service in a job would take what is not meant for it."""
    taken = {f"RUNNER_{name}" for name in OF_GITHUB.split()}
    params = (each for command in main.commands.commands.values() for each in command.params)
    ours = {each.envvar for each in params if isinstance(each.envvar, str)}
    for path in Path(runner.__file__).parent.rglob("*.py"):
        named = re.findall(r'\b(?:setting|variable)\("([\w-]+)"', path.read_text())
        ours |= {f"RUNNER_{name.replace('-', '_').upper()}" for name in named}
    assert "RUNNER_MODEL_FOLDER" in ours
    assert ours.isdisjoint(taken)
