"""Declare the options that say who may ask, and be the command ``runner key``."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import click

from runner.access.hosts import HOSTS
from runner.access.key_file import append_line, line_of
from runner.access.origins import ORIGINS
from runner.access.settings import KEY, KEYS_FILE, OPEN, AccessSettings
from runner.cli.options import EPILOG, PATH, option
from runner.config import AddressSet, variable

_RANDOM_BYTES = 32


def access_options(command: Any) -> Any:
    """Add what says who may ask."""
    for decorate in (
        option(
            "--open",
            "opened",
            default="",
            metavar="NAMES",
            envvar=OPEN,
            help="What needs no key, with commas between: metrics; docs, which are the pages too.",
        ),
        option(
            "--api-keys",
            type=PATH,
            metavar="FILE",
            envvar=KEYS_FILE,
            help=f"Ask for a key that is in FILE, or is {KEY}; `runner key` makes one.",
        ),
        # From where.
        option(
            "--cors",
            multiple=True,
            metavar="ORIGIN",
            show_default=False,
            help="Let pages of this site ask, as https://example.org; `*` for all; repeatable.",
        ),
        option(
            "--allowed-host",
            multiple=True,
            metavar="HOST",
            show_default=False,
            help="Answer for this host, as example.org or `*.example.org`; `*` for any; repeatable."
            " Else for this machine's own names where only it can connect, and elsewhere for any.",
        ),
        option(
            "--trusted-proxies",
            default="",
            metavar="LIST",
            callback=_addresses,
            help="Addresses and networks, with commas between, that are believed besides this"
            " machine's when they say who asks, how, and below which prefix; `*` for all.",
        ),
    ):
        command = decorate(command)
    return command


def access_of(given: dict[str, Any]) -> AccessSettings:
    """Give who may ask, as the options of a command and the environment say.

    Raises:
        ConfigurationError: One of them makes no sense.
    """
    file = given["api_keys"]
    return AccessSettings.from_environment(
        {
            KEY: os.environ.get(KEY, ""),
            KEYS_FILE: str(file.absolute()) if file else "",
            OPEN: given["opened"],
            HOSTS: " ".join(given["allowed_host"]),
            ORIGINS: " ".join(given["cors"]),
        }
    )


def proxies_of(given: dict[str, Any]) -> dict[str, str]:
    """Give the variable by which a kernel knows which proxies are believed."""
    return {variable("trusted-proxies"): given["trusted_proxies"]}


def _addresses(_: click.Context, parameter: click.Parameter, text: str) -> str:
    """Give a list of addresses as it is.

    Raises:
        click.BadParameter: Something in it is none.
    """
    if wrong := [] if text.strip() == "*" else AddressSet(text).others:
        said = f"{wrong[0]} is no address or network, such as 10.0.0.0/8"
        raise click.BadParameter(said, param=parameter)
    return text


@click.command(epilog=EPILOG)
@click.argument("name")
@click.option("--file", type=PATH, metavar="FILE", help="Add its line to FILE, or make FILE.")
@click.option(
    "--rate", default="", metavar="RATE", help="How often it may ask, such as 50/s or 9/h."
)
def key(name: str, file: Path | None, rate: str) -> None:
    """Make an API key for NAME, and show it this once.

    First comes the line for the file of `runner serve --api-keys FILE`, unless --file adds it
    there; then the key. The file has its hash only, so a key that is lost is replaced by a new
    one, whose line may stand beside the old one's for a while.
    """
    made = secrets.token_urlsafe(_RANDOM_BYTES)
    line = line_of(name, made, rate)
    if file is None:
        click.echo(line)
    else:
        append_line(file, line)
        click.echo(f"added to {file}; the key, which is shown this once:", err=True)
    click.echo(made)
