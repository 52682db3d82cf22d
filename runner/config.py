"""Read what can be set from outside: the environment's names, and the defaults."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

from runner.errors import ConfigurationError

PREFIX = "RUNNER_"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Set how the engine waits and saves.

    Attributes:
        save_every: Seconds between two looks at out.ipynb while a cell runs.
        grace: Seconds that an interrupted cell has to end before its kernel is killed.
        start_timeout: Seconds that a kernel has to come up.
    """

    save_every: float = 1.0
    grace: float = 7.0
    start_timeout: float = 60.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> EngineConfig:
        """Take the ``RUNNER_*`` variables: ``papermill --engine`` can pass no options.

        Raises:
            ConfigurationError: A variable is not a positive number.
        """
        return cls(
            **{
                field.name: _seconds(variable(field.name), environ[variable(field.name)])
                for field in dataclasses.fields(cls)
                if variable(field.name) in environ
            }
        )


def setting(option: str, default: str, environ: Mapping[str, str] = os.environ) -> str:
    """Give the text of an option's variable, or the default."""
    return environ.get(variable(option), default)


def variable(option: str) -> str:
    """Name the environment variable of an option: ``save-every`` is ``RUNNER_SAVE_EVERY``."""
    return PREFIX + option.lstrip("-").replace("-", "_").upper()


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"{name}={text}: not a positive number of seconds")
    return seconds
