"""Declare the options that say who may ask, and how it is known who does."""

from __future__ import annotations

from typing import Any

import click

from runner.cli.options import option
from runner.config import AddressSet, variable

_NAMES = ("trusted_proxies",)


def network_options(command: Any) -> Any:
    """Add these options."""
    for decorate in (
        option(
            "--trusted-proxies",
            default="",
            metavar="LIST",
            callback=_addresses,
            help="Addresses and networks, with commas between them, that are believed besides this"
            " machine's when they say who asks, how, and below which prefix; * for all.",
        ),
    ):
        command = decorate(command)
    return command


def network_settings_of(given: dict[str, Any]) -> dict[str, str]:
    """Give the variables by which they arrive in a kernel."""
    return {variable(name): str(given[name]) for name in _NAMES if given[name]}


def _addresses(_: click.Context, parameter: click.Parameter, text: str) -> str:
    """Give a list of addresses as it is.

    Raises:
        click.BadParameter: Something in it is none.
    """
    if wrong := [] if text.strip() == "*" else AddressSet(text).others:
        said = f"{wrong[0]} is no address or network, such as 10.0.0.0/8"
        raise click.BadParameter(said, param=parameter)
    return text
