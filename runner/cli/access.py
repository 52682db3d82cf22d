"""Declare the options that say who may ask, and be the command ``runner key``."""

from __future__ import annotations

import os
from typing import Any

from runner.access.settings import KEY, KEYS_FILE, OPEN, AccessSettings
from runner.cli.options import PATH, option


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
        }
    )
