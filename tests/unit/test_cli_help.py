"""What the commands say of themselves."""

from __future__ import annotations

import click
import pytest

from runner.cli import main
from runner.cli.help import OPTIONS, Sectioned


@pytest.mark.parametrize("name", main.commands.commands)
def test_lines_that_stand_apart_stay_apart(name: str) -> None:
    """Examples are shown line by line, as click does below the character that it wants for it."""
    command = main.commands.commands[name]
    shown = command.get_help(click.Context(command, info_name=f"runner {name}"))
    assert "\\b" not in shown
    assert "\b" not in shown


def is_long(command: click.Command) -> bool:
    """Tell whether the help has so many options that nobody reads them through."""
    return len(command.params) > 12


def shown(command: click.Command, name: str) -> str:
    """The help of a command."""
    return command.get_help(click.Context(command, info_name=name, max_content_width=100))


@pytest.mark.parametrize(
    "name", [name for name, each in main.commands.commands.items() if is_long(each)]
)
def test_every_option_stands_in_a_section(name: str) -> None:
    """A new option is given one in `runner.cli.help`."""
    command = main.commands.commands[name]
    placed = {each for names in OPTIONS.values() for each in names.split()}
    options = [each for each in command.params if isinstance(each, click.Option)]
    others = [each.name for each in options if not (each.hidden or each.name in placed)]
    assert others == []


def test_many_options_have_sections() -> None:
    """More than two screens of them are not read."""
    for name, command in main.commands.commands.items():
        assert isinstance(command, Sectioned) or not is_long(command), name


def test_every_command_stands_in_a_section() -> None:
    """And its summary is a whole sentence."""
    help_text = shown(main.commands, "runner")
    assert "Other commands:" not in help_text
    assert "..." not in help_text.partition("Notebooks:")[2]
