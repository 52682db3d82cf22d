"""What the commands say of themselves."""

from __future__ import annotations

import click
import pytest

from runner.cli import main


@pytest.mark.parametrize("name", main.commands.commands)
def test_lines_that_stand_apart_stay_apart(name: str) -> None:
    """Examples are shown line by line, as click does below the character that it wants for it."""
    command = main.commands.commands[name]
    shown = command.get_help(click.Context(command, info_name=f"runner {name}"))
    assert "\\b" not in shown
    assert "\b" not in shown
